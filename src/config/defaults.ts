/**
 * What a configuration means where it says nothing. The schema shows these in the published JSON Schema and in
 * docs/config.md; resolve.ts fills them in. `||` is never used for that: 0 and false are values.
 */

import type { KernelConfig } from './types.js';

/** Main routing table (RT_TABLE_MAIN of linux/rtnetlink.h). */
export const TABLE_MAIN = 254;

export const PROBE_DEFAULTS = {
  interval_ms: 1000,
  fail_after: 3,
  recover_after: 5,
  window_samples: 64,
  http_port: 80,
  https_port: 443,
  dns_port: 53,
  expect_status: '200-299',
  verify_certificate: true,
  /** Queries for a name that every resolver can answer from its own priming data: the root's name servers. */
  query: '.',
  query_type: 'NS',
} as const;

/**
 * RFC 2439 names the parameters and leaves the figures to the operator. These are for uplinks, not for BGP tables:
 * the third failure within about a minute suppresses, and some four quiet minutes release.
 */
export const DAMPING_DEFAULTS = {
  enabled: true,
  penalty_per_failure: 1000,
  cutoff_threshold: 2500,
  reuse_threshold: 750,
  half_life_ms: 120_000,
  maximum_suppress_ms: 600_000,
} as const;

export const FORWARDING_DEFAULT = 'auto';
/** Of uplinks and of interfaces: one that does not exist is a mistake, most likely in its name. */
export const OPTIONAL_DEFAULT = false;

export const UPLINK_DEFAULTS = { gateway: 'auto', forwarding: FORWARDING_DEFAULT, hold_down_ms: 10_000 } as const;

export const GROUP_DEFAULTS = { name: 'default', weight: 1, revert_delay_ms: 0 } as const;

export const KERNEL_DEFAULTS = {
  table: 'main',
  metric: 10,
  uplink_table_base: 6800,
  mark_base: 0x44540000,
  rule_priority: 6800,
  nexthop_id_base: 680_000,
  keep_on_exit: false,
} as const;

/** As resolved; for parts that run without a configuration (`detour load`). */
export const defaultKernel: KernelConfig = {
  table: TABLE_MAIN,
  metric: KERNEL_DEFAULTS.metric,
  uplinkTableBase: KERNEL_DEFAULTS.uplink_table_base,
  markBase: KERNEL_DEFAULTS.mark_base,
  rulePriority: KERNEL_DEFAULTS.rule_priority,
  nexthopIdBase: KERNEL_DEFAULTS.nexthop_id_base,
  keepOnExit: KERNEL_DEFAULTS.keep_on_exit,
};

export const GATEWAYS_DEFAULTS = {
  standby: 'cold',
  max_elected: 1,
  metered: 'allow',
  minimum_battery_percent: 20,
  approval: 'pairing',
  way_back: 'router',
  standby_interval_ms: 1000,
  lease_ms: 15_000,
  switch_after_ms: 60_000,
  rest_ms: 5000,
  maximum_rest_ms: 80_000,
  budget_per: 'month',
  warn_percent: 80,
  state_directory: '/var/lib/detour',
} as const;

export const DATAPLANE_DEFAULTS = {
  pin_path: '/sys/fs/bpf/detour',
  xdp_mode: 'auto',
  max_routes: 262_144,
} as const;

export const API_DEFAULTS = { socket: '/run/detour/detour.sock', listen: '127.0.0.1:8068' } as const;

export const MODE_DEFAULT = 'active';
export const LOG_LEVEL_DEFAULT = 'info';
