/**
 * What no router forwards, or this one was told not to: the rules of bpf/guard.h, for `detour lookup`. Pure.
 * test/bpf/lookup-guard.test.ts asks the program itself about the same addresses.
 */
import type { Config } from '../config/types.js';
import type { Family, IpAddress } from '../net/ip-address.js';
import { Prefix } from '../net/prefix.js';
import type { KernelView } from './ports.js';

/** Names as REASON_NAMES has them. */
type GuardReason = 'multicast' | 'martian' | 'link-local';

const parse = (...texts: string[]): Prefix[] => texts.map((text) => Prefix.parse(text));

/** RFC 1122 section 3.2.1.3, RFC 1112 section 4, RFC 4291 section 2.5, RFC 6890. */
const martian = parse('0.0.0.0/8', '127.0.0.0/8', '240.0.0.0/4', '::/128', '::1/128', '::ffff:0:0/96');
const multicast = parse('224.0.0.0/4', '255.255.255.255/32', 'ff00::/8');
/** RFC 3927 section 7, RFC 4291 section 2.5.6. */
const linkLocal = parse('169.254.0.0/16', 'fe80::/10');

const isIn = (prefixes: readonly Prefix[], address: IpAddress | null): boolean =>
  address !== null && prefixes.some((prefix) => prefix.family === address.family && prefix.contains(address));

/** Why XDP leaves a packet with these addresses to the stack, whatever the routes say; null: it does not. */
export function guardReason(to: IpAddress, from: IpAddress | null): GuardReason | null {
  if (isIn(multicast, to)) return 'multicast';
  if (isIn(multicast, from) || isIn(martian, from) || isIn(martian, to)) return 'martian';
  return isIn(linkLocal, from) || isIn(linkLocal, to) ? 'link-local' : null;
}

/** The same as one sentence, which names the address at fault. */
export function describeGuard(reason: GuardReason, to: IpAddress, from: IpAddress | null): string {
  if (reason === 'multicast')
    return `${to.toString()} is multicast or broadcast: XDP passes it to the stack (multicast)`;
  const prefixes = reason === 'martian' ? [...martian, ...multicast] : linkLocal;
  const address = from !== null && isIn(prefixes, from) ? from : to;
  const what = reason === 'martian' ? 'no address that a router may forward' : 'link-local, which no router forwards';
  return `${address.toString()} is ${what}: XDP passes it to the stack (${reason})`;
}

/** Interfaces of the configuration whose packets the kernel, and so XDP, does not forward by their sysctl. */
export function notForwarding(
  config: Config,
  { links }: Pick<KernelView, 'links'>,
  family: Family,
): { names: string[]; all: boolean } {
  const ingress = new Set([
    ...config.uplinks.map((each) => each.interface),
    ...config.interfaces.map(({ name }) => name),
  ]);
  const present = [...links.values()].filter((link) => ingress.has(link.name));
  const off = present.filter((link) => !link.forwarding[family]);
  return { names: off.map((link) => link.name), all: off.length > 0 && off.length === present.length };
}
