/** For health: whose neighbour carries the traffic, and what that costs. Pure. */
import type { Config } from '../config/types.js';
import type { GroupView } from '../engine/types.js';
import type { GatewaysStatus } from './gateway-status.js';
import { families } from './policy.js';

/** "IPv4 goes through gateway node phone (metered)" */
export function gatewayNotes(
  { config, groups }: { config: Pick<Config, 'uplinks'>; groups: readonly GroupView[] },
  status: Pick<GatewaysStatus, 'gateways'>,
): string[] {
  const metered = new Set(status.gateways.filter(({ offer }) => offer?.metered).map(({ name }) => name));
  return families.flatMap((family) =>
    config.uplinks.flatMap(({ name, gatewayNode }) => {
      const carries = groups.some((group) => group.family === family && group.active.includes(name));
      if (!gatewayNode || !carries) return [];
      const cost = metered.has(gatewayNode.node) ? ' (metered)' : '';
      return [`IPv${family} goes through gateway node ${gatewayNode.node}${cost}`];
    }),
  );
}
