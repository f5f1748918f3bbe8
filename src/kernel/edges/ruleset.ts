/**
 * The table `inet detour-edge`: how the stack sends clients' packets to an elected node. Pure.
 *
 * - translate: what is routed to the node leaves with this router's address on that link. Not what the router itself
 *   sends, its probes above all, and not what is for the node itself.
 * - zones: connection tracking translates what it has seen begin and never looks again, so a flow that moves to the
 *   node, or back, would keep the address that it began with (only for `masquerade`, and by dropping a packet of each
 *   flow, does the kernel notice). Therefore packets that are about to leave by a node's interface are looked up in a
 *   zone of their own: a flow has one entry for its way through the nodes and one for every other way, each with its
 *   own translation, and moving costs no packet and needs nobody to act at that moment. Only the original direction is
 *   of the zone: replies, to an address of this router that the translation chose, are found like all others, also
 *   those that come back after the flow has moved.
 *   The zone must be known before the connection is looked up, and so before the packet is routed: `fib` asks for the
 *   route in advance. It tells the interface, not the next hop; what is inside (networksBehind) is left out.
 *   (A packet between these two look-ups at the very moment of a move may be lost.)
 * - redirects: packets leave by the link that they came in by, and ICMPv6 would tell clients to go straight to the node.
 */
import { createHash } from 'node:crypto';
import type { GatewayEdge } from '../../controller/ports.js';
import type { Family } from '../../net/ip-address.js';
import type { Prefix } from '../../net/prefix.js';

export const EDGE_TABLE = 'inet detour-edge';

/** From 0x4000 to 0x7fff: apart from the small numbers that people give to zones. */
const ZONE_BASE = 0x4000;
const ZONE_MASK = 0x3fff;

/** Never routed to a node, whatever the routes say. */
const NEVER: Record<Family, readonly string[]> = { 4: ['224.0.0.0/4'], 6: ['fe80::/10', 'ff00::/8'] };

/** Networks behind an interface, none within another; see networksBehind. */
export type NetworksBehind = (ifname: string, family: Family) => readonly Prefix[];

export interface Ruleset {
  /** Replaces the whole table in one transaction. */
  script: string;
  /** What every rule of it carries as a comment; it says all that the script says. */
  mark: string;
  rules: number;
}

/** null: no table is needed. */
export function edgeRuleset(edges: readonly GatewayEdge[], inside: NetworksBehind): Ruleset | null {
  const translated = edges.filter((edge) => edge.translated);
  const zones = unique(translated.map(({ ifname, family }) => `${family} ${ifname}`)).map((key) =>
    zoneRule(key, inside),
  );
  const redirects = unique(edges.filter(({ family }) => family === 6).map(({ ifname }) => ifname));
  const chains: [string, string, string[]][] = [
    ['zones', 'filter hook prerouting priority raw - 5', zones],
    ['translate', 'nat hook postrouting priority srcnat - 5', unique(translated.map(translation))],
    [
      'redirects',
      'filter hook output priority filter',
      redirects.map((ifname) => `oifname "${ifname}" icmpv6 type nd-redirect drop`),
    ],
  ];
  const filled = chains.filter(([, , rules]) => rules.length > 0);
  const rules = filled.reduce((sum, [, , each]) => sum + each.length, 0);
  if (rules === 0) return null;
  const mark = `detour ${createHash('sha256').update(JSON.stringify(filled)).digest('hex').slice(0, 16)}`;
  const body = filled.map(([name, hook, each]) => chainText(name, hook, each, mark)).join('');
  return { script: `${REMOVAL}table ${EDGE_TABLE} {\n${body}}\n`, mark, rules };
}

/** Also where there is no such table. */
export const REMOVAL = `add table ${EDGE_TABLE}\ndelete table ${EDGE_TABLE}\n`;

/** One transaction that leaves nothing, beside the table that an earlier run may have left. */
export const TRIAL = 'add table inet detour-trial\ndelete table inet detour-trial\n';

function zoneRule(key: string, inside: NetworksBehind): string {
  const family: Family = key.startsWith('4') ? 4 : 6;
  const ifname = key.slice(2);
  // nft refuses a set in which one prefix covers another.
  const networks = inside(ifname, family)
    .filter(({ address }) => !address.isMulticast && !address.isLinkLocal)
    .map((prefix) => prefix.toString());
  const outside = [...NEVER[family], ...networks].join(', ');
  const protocol = family === 4 ? 'ip' : 'ip6';
  return `${protocol} daddr != { ${outside} } fib daddr oifname "${ifname}" ct original zone set ${zoneOf(ifname)}`;
}

/**
 * By the name alone, for flows must find their entries as long as their node is there, whatever comes and goes beside it.
 * Two interfaces in one zone would be a nuisance to flows that move from one to the other, no more.
 */
export const zoneOf = (ifname: string): number =>
  ZONE_BASE + (createHash('sha256').update(ifname).digest().readUInt16BE() & ZONE_MASK);

function translation({ ifname, family, node }: GatewayEdge): string {
  const protocol = family === 4 ? 'ip' : 'ip6';
  const toNode = `oifname "${ifname}" rt ${protocol} nexthop ${node.toString()} ${protocol} daddr != ${node.toString()}`;
  return `${toNode} fib saddr type != local masquerade`;
}

function chainText(name: string, hook: string, rules: readonly string[], mark: string): string {
  const lines = rules.map((rule) => `    ${rule} comment "${mark}"\n`).join('');
  return `  chain ${name} {\n    type ${hook}; policy accept;\n${lines}  }\n`;
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
