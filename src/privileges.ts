/** What a process may do, as capabilities(7) counts it: root is not asked for where less is enough. */
import { readFileSync } from 'node:fs';
import { DetourError } from './errors.js';

/** Numbers of linux/capability.h. */
const CAP_NET_ADMIN = 12;
const CAP_NET_RAW = 13;
const CAP_SYS_ADMIN = 21;
const CAP_PERFMON = 38;
const CAP_BPF = 39;

/** Name, and the capabilities of which one is enough. */
const needed = [
  // Routes, rules, nexthops; attaching XDP.
  ['CAP_NET_ADMIN', [CAP_NET_ADMIN]],
  // Probes: packet and raw sockets.
  ['CAP_NET_RAW', [CAP_NET_RAW]],
  ['CAP_BPF', [CAP_BPF, CAP_SYS_ADMIN]],
  // The verifier lets programs without it neither compare pointers nor read across packets' bounds checks as ours do.
  ['CAP_PERFMON', [CAP_PERFMON, CAP_SYS_ADMIN]],
] as const;

/** Names of what is missing in a text such as /proc/self/status. Where it tells nothing, nothing is called missing. */
export function missingCapabilities(status: string): string[] {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (effective === undefined) return [];
  const bits = BigInt(`0x${effective}`);
  const has = (capability: number): boolean => ((bits >> BigInt(capability)) & 1n) === 1n;
  return needed.flatMap(([name, anyOf]) => (anyOf.some(has) ? [] : [name]));
}

/** @throws DetourError NOT_PERMITTED, which names the capabilities that this process lacks */
export function requireCapabilities(what: string): void {
  const missing = missingCapabilities(readFileSync('/proc/self/status', 'utf8'));
  if (missing.length === 0) return;
  const remedy = `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing: run it as root or with sudo`;
  throw new DetourError('NOT_PERMITTED', { what, remedy });
}
