/** What is let through, from leases: by which interfaces, from which sources. Pure. */
import type { IpAddress, Family } from '../../../net/ip-address.js';
import { Prefix } from '../../../net/prefix.js';
import type { ArmedLease } from '../types.js';
import type { BackhaulInterfaces } from './types.js';

/** One lease in one family. */
export interface Passage {
  family: Family;
  /** The link of the router. */
  link: string;
  /** The node's way out; may be the same link. */
  out: string;
  /** What the router sends from; none contains another. */
  sources: Prefix[];
  /** The router's address on the link: of the other family where its messages came from that. */
  router: IpAddress;
}

export interface LeasePassages {
  lease: ArmedLease;
  passages: Passage[];
}

/** Names that neither nft nor `ip` nor a shell reads as anything but a name; a final `*` is a wildcard to nft. */
const PLAIN_NAME = /^[A-Za-z0-9_.@+-]{1,15}$/;
const FAMILIES: readonly Family[] = [4, 6];

/**
 * @returns the families of the leases that can be served, and `omitted`: why others cannot, in words
 * @throws Error when a lease can be served in none of its families
 */
export function passagesOf(
  leases: readonly ArmedLease[],
  backhaul: BackhaulInterfaces,
): { leases: LeasePassages[]; omitted: string[] } {
  const omitted: string[] = [];
  const served = leases.map((lease) => {
    const passages: Passage[] = [];
    const problems: string[] = [];
    for (const family of FAMILIES) {
      if (!lease.want.families.includes(family)) continue;
      const passage = passageOf(lease, family, backhaul[family]);
      if (typeof passage === 'string') problems.push(`IPv${family} for ${lease.pairing}: ${passage}`);
      else passages.push(passage);
    }
    if (passages.length === 0) throw new Error(problems.join('; ') || `${lease.pairing} wants no family`);
    omitted.push(...problems);
    return { lease, passages };
  });
  return { leases: served, omitted };
}

function passageOf(lease: ArmedLease, family: Family, out: string | undefined): Passage | string {
  const { ifname: link, address: router } = lease.origin;
  if (out === undefined) return 'no way out (no default route)';
  for (const name of [link, out]) {
    if (!PLAIN_NAME.test(name)) return `the interface name ${JSON.stringify(name)} holds signs that nft would misread`;
  }
  const sources = sourcesOf(lease, family);
  if (sources.length === 0) return 'the router has not told which addresses it sends from (CLIENTS)';
  return { family, link, out, sources, router };
}

/** A link-local address is never forwarded (RFC 4291, section 2.5.6), so it is no source. */
function sourcesOf({ origin, clients }: ArmedLease, family: Family): Prefix[] {
  const prefixes = clients.filter((prefix) => prefix.family === family);
  if (origin.address.family === family && !origin.address.isLinkLocal)
    prefixes.push(Prefix.of(origin.address, origin.address.bitLength));
  return withoutContained(prefixes);
}

/** nft refuses sets whose elements overlap. */
export function withoutContained(prefixes: readonly Prefix[]): Prefix[] {
  const kept: Prefix[] = [];
  for (const prefix of [...prefixes].sort((a, b) => a.length - b.length || a.compare(b))) {
    if (!kept.some((other) => other.contains(prefix))) kept.push(prefix);
  }
  return kept.sort((a, b) => a.compare(b));
}
