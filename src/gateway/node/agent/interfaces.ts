/** Interfaces of this machine and their addresses, read from /proc/net: that of the process's own network namespace. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { IpAddress, type Family } from '../../../net/ip-address.js';
import type { LocalInterface } from './ports.js';

/** IFA_F_TENTATIVE and IFA_F_DADFAILED of linux/if_addr.h: not to be used (yet). */
const UNUSABLE = 0x40 | 0x08;

/** In the order of their indices; without loopback and without those that have no address. */
export function readInterfaces(): LocalInterface[] {
  const ipv4 = Object.entries(networkInterfaces()).flatMap(([ifname, addresses = []]) =>
    addresses
      .filter(({ family, internal }) => family === 'IPv4' && !internal)
      .map(({ address }) => ({ ifname, address: IpAddress.parse(address) })),
  );
  return combine(ipv4, parseIpv4Indices(read('/proc/net/igmp')), parseIpv6Addresses(read('/proc/net/if_inet6')));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // A kernel without that family.
    return '';
  }
}

interface NamedAddress {
  ifname: string;
  address: IpAddress;
}

/** Exported for tests. */
export function combine(
  ipv4: readonly NamedAddress[],
  indices: ReadonlyMap<string, number>,
  ipv6: readonly (NamedAddress & { ifindex: number })[],
): LocalInterface[] {
  const found = new Map<number, { ifindex: number; ifname: string; addresses: Partial<Record<Family, IpAddress>> }>();
  const take = (ifindex: number, { ifname, address }: NamedAddress): void => {
    const entry = found.get(ifindex) ?? { ifindex, ifname, addresses: {} };
    found.set(ifindex, entry);
    const known = entry.addresses[address.family];
    // Of several IPv4 addresses the first that is not made up by the machine itself (RFC 3927).
    if (!known || (address.family === 4 && known.isLinkLocal && !address.isLinkLocal))
      entry.addresses[address.family] = address;
  };
  for (const entry of ipv4) {
    // "eth0:1" is an address of eth0.
    const ifname = entry.ifname.split(':', 1)[0]!;
    const ifindex = indices.get(ifname);
    if (ifindex !== undefined) take(ifindex, { ...entry, ifname });
  }
  for (const entry of ipv6) if (entry.address.isLinkLocal) take(entry.ifindex, entry);
  return [...found.values()].sort((a, b) => a.ifindex - b.ifindex);
}

/** /proc/net/igmp: "2\teth0      :     1      V3" for each interface that is up in IPv4, then lines of groups. */
export function parseIpv4Indices(text: string): Map<string, number> {
  const lines = [...text.matchAll(/^(\d+)\s+(\S+?)\s*:/gm)];
  return new Map(lines.map(([, index, name]) => [name!, Number(index)]));
}

/** /proc/net/if_inet6: address, index, prefix length, scope and flags in hexadecimal, name. */
export function parseIpv6Addresses(text: string): (NamedAddress & { ifindex: number })[] {
  return text.split('\n').flatMap((line) => {
    const [address, ifindex, , , flags, ifname] = line.trim().split(/\s+/);
    if (ifname === undefined || ifname === 'lo' || Number.parseInt(flags!, 16) & UNUSABLE) return [];
    const parsed = IpAddress.fromBytes(Buffer.from(address!, 'hex'));
    return [{ ifname, ifindex: Number.parseInt(ifindex!, 16), address: parsed }];
  });
}

export type Choice =
  | { names: string[] }
  /** Why none can be chosen. */
  | { problem: string };

/**
 * Where routers are, if the owner does not say: the one interface that is not the way out.
 * @param before what was chosen earlier: kept while it is there, whatever comes besides
 */
export function chooseInterfaces(
  interfaces: readonly LocalInterface[],
  waysOut: readonly string[],
  before: readonly string[],
): Choice {
  const names = interfaces.map(({ ifname }) => ifname).filter((name) => !waysOut.includes(name));
  const kept = before.filter((name) => names.includes(name));
  if (kept.length > 0) return { names: kept };
  if (names.length === 1) return { names };
  if (names.length > 1) return { problem: `routers may be on ${names.join(', ')}: say where with --interface` };
  const way = waysOut.length > 0 ? ` besides ${[...new Set(waysOut)].join(', ')}, the way out` : '';
  return { problem: `no interface with an address${way}` };
}
