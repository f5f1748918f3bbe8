/**
 * The table `inet detour-gateway`, as scripts for nft. Pure.
 *
 * Each lease has a set of its two interfaces whose elements time out at the lease's end; every rule that lets something
 * through looks there first. So the kernel ends forwarding and translation by itself, whatever has become of the agent. A
 * hash of names is the oldest kind of set with time-outs, and the same element serves in all chains: `iifname` is not known
 * to `postrouting` before Linux 5.7, and `oifname` does there.
 */
import type { Family } from '../../../net/ip-address.js';
import type { Prefix } from '../../../net/prefix.js';
import type { LeasePassages, Passage } from './passages.js';

export const TABLE = 'inet detour-gateway';

export interface Slot extends LeasePassages {
  /** Names the lease's set and counters; never used twice in a run. */
  id: number;
}

/** Where this machine has begun to forward only now; null: everywhere in that family. */
export interface Opened {
  family: Family;
  interface: string | null;
}

export const counterTo = (id: number): string => `to-${id}`;
export const counterFrom = (id: number): string => `from-${id}`;
const liveSet = (id: number): string => `live-${id}`;

const L3 = { 4: 'ip', 6: 'ip6' } as const;
const REDIRECT = { 4: 'icmp type redirect', 6: 'icmpv6 type nd-redirect' } as const;

/** Declares everything anew; counters that are there keep what they have counted. */
export function structureScript(
  slots: readonly Slot[],
  gone: readonly number[],
  opened: readonly Opened[],
  routed: readonly Prefix[],
): string {
  const passages = slots.flatMap(({ id, passages }) => passages.map((passage) => ({ id, passage })));
  const lines = [
    `add table ${TABLE}`,
    ...slots.flatMap(({ id }) => [
      `add set ${TABLE} ${liveSet(id)} { type ifname; flags timeout; }`,
      `add counter ${TABLE} ${counterTo(id)}`,
      `add counter ${TABLE} ${counterFrom(id)}`,
    ]),
    ...chain('forward', 'type filter hook forward priority filter; policy accept;', [
      ...passages.flatMap(({ id, passage }) => forwardRules(id, passage)),
      ...opened.map(closedTo),
    ]),
    ...chain(
      'postrouting',
      'type nat hook postrouting priority srcnat; policy accept;',
      passages.map(({ id, passage }) => masquerade(id, passage, routed)),
    ),
    ...chain(
      'output',
      'type filter hook output priority filter; policy accept;',
      passages.map(({ id, passage }) => noRedirect(id, passage)),
    ),
    ...gone.flatMap((id) => [
      `delete set ${TABLE} ${liveSet(id)}`,
      `delete counter ${TABLE} ${counterTo(id)}`,
      `delete counter ${TABLE} ${counterFrom(id)}`,
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Lets the leases run from now on for what they have left; the sets are refilled in one transaction, so nothing is lost. */
export function renewalScript(slots: readonly Slot[], nowUs: number): string {
  return slots
    .map(({ id, lease, passages }) => {
      const leftMs = Math.max(1, Math.floor((lease.endsUs - nowUs) / 1000));
      const names = new Set(passages.flatMap(({ link, out }) => [link, out]));
      const elements = [...names].map((name) => `"${name}" timeout ${leftMs}ms`).join(', ');
      const set = `${TABLE} ${liveSet(id)}`;
      return `flush set ${set}\nadd element ${set} { ${elements} }\n`;
    })
    .join('');
}

/** `delete` alone fails where the table is missing, and `destroy` is too new. */
export const DELETE_SCRIPT = `add table ${TABLE}\ndelete table ${TABLE}\n`;

function chain(name: string, hook: string, rules: readonly string[]): string[] {
  const at = `${TABLE} ${name}`;
  return [`add chain ${at} { ${hook} }`, `flush chain ${at}`, ...rules.map((rule) => `add rule ${at} ${rule}`)];
}

function forwardRules(id: number, { family, link, out, sources }: Passage): string[] {
  const live = `@${liveSet(id)}`;
  const clients = setOf(sources);
  return [
    `iifname "${link}" iifname ${live} oifname "${out}" ${L3[family]} saddr ${clients} counter name "${counterTo(id)}" accept`,
    `iifname "${out}" oifname ${live} oifname "${link}" ${L3[family]} daddr ${clients} ct state established,related ` +
      `counter name "${counterFrom(id)}" accept`,
  ];
}

function closedTo({ family, interface: name }: Opened): string {
  const by = name === null ? '' : `iifname "${name}" `;
  return `${by}meta nfproto ipv${family} drop`;
}

function masquerade(id: number, { family, out, sources }: Passage, routed: readonly Prefix[]): string {
  const own = routed.filter((prefix) => prefix.family === family);
  const except = own.length === 0 ? '' : ` ${L3[family]} saddr != ${setOf(own)}`;
  return `oifname "${out}" oifname @${liveSet(id)} ${L3[family]} saddr ${setOf(sources)}${except} masquerade`;
}

/**
 * A node on the LAN may find that a packet leaves by the link that it came by, and would tell the client of a better way.
 * Dropped here rather than by sysctl: send_redirects is ORed with that of `all`, which concerns every other link as well,
 * and IPv6 has none.
 */
function noRedirect(id: number, { family, link, sources }: Passage): string {
  return `oifname "${link}" oifname @${liveSet(id)} ${L3[family]} daddr ${setOf(sources)} ${REDIRECT[family]} drop`;
}

const setOf = (prefixes: readonly Prefix[]): string => `{ ${prefixes.join(', ')} }`;
