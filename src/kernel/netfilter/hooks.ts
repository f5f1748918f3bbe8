/** Which chains see packets that are forwarded: those that XDP would take past them. Pure. */
import type { NetfilterHook } from '../../controller/ports.js';
import type { Family } from '../../net/ip-address.js';
import { EDGE_TABLE } from '../edges/ruleset.js';
import type { NetfilterChain } from './chain.js';

const FAMILIES: Readonly<Partial<Record<NetfilterChain['family'], readonly Family[]>>> = {
  ip: [4],
  ip6: [6],
  inet: [4, 6],
  netdev: [4, 6],
};
const FORWARDED: ReadonlySet<NetfilterChain['hook']> = new Set([
  'prerouting',
  'forward',
  'postrouting',
  'ingress',
  'egress',
]);

/** Of an armed gateway node, see src/gateway/node/arming; a layer that is not imported here. */
const NODE_TABLE = 'inet detour-gateway';

const tableOf = ({ family, table }: NetfilterChain): string => `${family} ${table}`;

/** Of the router's own rules towards gateway nodes (src/kernel/edges). */
export const isEdgeChain = (chain: NetfilterChain): boolean => tableOf(chain) === EDGE_TABLE;

/** One for each family. Empty: the chain is elsewhere, or it lets everything pass as it is. */
export function hooksOf(chain: NetfilterChain): NetfilterHook[] {
  if (!FORWARDED.has(chain.hook) || (chain.rules === 0 && chain.policy === 'accept')) return [];
  const table = tableOf(chain);
  if (isEdgeChain(chain)) return [];
  return (FAMILIES[chain.family] ?? []).map((family) => ({
    family,
    text: chainText(chain),
    translates: chain.type === 'nat',
    devices: chain.devices,
    ...(table === NODE_TABLE && { leased: true as const }),
  }));
}

/** No figure that changes with every rule: each change is told to people. */
function chainText({ family, table, name, type, hook, policy, devices }: NetfilterChain): string {
  const where = policy === 'drop' ? 'policy drop' : type === 'nat' ? `nat, ${hook}` : hook;
  const on = devices === null ? '' : ` on ${devices.join(', ')}`;
  return `nft table ${family} ${table}, chain ${name} (${where}${on})`;
}
