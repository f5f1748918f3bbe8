/** All checks, in the order in which they are shown. */
import type { Check } from '../finding.js';
import { bpffs } from './bpffs.js';
import { btf } from './btf.js';
import { capabilities } from './capabilities.js';
import { clock } from './clock.js';
import { configuration } from './configuration.js';
import { defaultRoutes } from './default-routes.js';
import { linkdownRoutes, nexthopCompat } from './fib-sysctls.js';
import { forwarding } from './forwarding.js';
import { gatewayNodes } from './gateway-nodes.js';
import { ipsec } from './ipsec.js';
import { jit } from './jit.js';
import { kernelVersion } from './kernel-version.js';
import { libraries } from './libraries.js';
import { memoryLimit } from './memory-limit.js';
import { netfilter } from './netfilter.js';
import { offloads } from './offloads.js';
import { rpFilter } from './rp-filter.js';
import { rules } from './rules.js';
import { uplinkReach } from './uplink-reach.js';
import { xdpSupport } from './xdp-support.js';

export const checks: readonly Check[] = [
  kernelVersion,
  capabilities,
  btf,
  bpffs,
  memoryLimit,
  libraries,
  jit,
  clock,
  rules,
  defaultRoutes,
  uplinkReach,
  nexthopCompat,
  netfilter,
  gatewayNodes,
  ipsec,
  xdpSupport,
  offloads,
  forwarding,
  rpFilter,
  linkdownRoutes,
  configuration,
];
