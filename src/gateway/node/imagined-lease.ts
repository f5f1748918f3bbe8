/** A lease that nobody has asked for: to show, or to derive beforehand, what one would need. */
import type { Family, IpAddress } from '../../net/ip-address.js';
import type { Prefix } from '../../net/prefix.js';
import type { ArmedLease } from './types.js';

export interface ImaginedRouter {
  /** Where it would be heard. */
  ifindex: number;
  ifname: string;
  address: IpAddress;
  families: readonly Family[];
  clients: Prefix[];
}

export function imaginedLease(
  { ifindex, ifname, address, families, clients }: ImaginedRouter,
  endsUs: number,
): ArmedLease {
  return {
    pairing: 'router',
    router: '1'.repeat(32),
    number: 1n,
    role: 'active',
    origin: { ifindex, ifname, address },
    want: { families: [...families], wayBack: 'router' },
    clients,
    endsUs,
  };
}
