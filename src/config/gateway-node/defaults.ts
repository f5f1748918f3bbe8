/** What a node's configuration means where it says nothing. */
import { GATEWAYS_DEFAULTS, LOG_LEVEL_DEFAULT } from '../defaults.js';

export const NODE_CONFIG_FILE = '/etc/detour/gateway.yaml';

export const NODE_DEFAULTS = {
  backhaul: { interface: 'auto', interval_ms: 1000, timeout_ms: 1000, fail_after: 3 },
  preference: 100,
  metered: false,
  budget_per: 'month',
  minimum_percent: 20,
  slots: 1,
  advertise_interval_ms: 1000,
  advertise_family: 'ipv6',
  maximum_lease_ms: 60_000,
  state_directory: GATEWAYS_DEFAULTS.state_directory,
  log_level: LOG_LEVEL_DEFAULT,
} as const;
