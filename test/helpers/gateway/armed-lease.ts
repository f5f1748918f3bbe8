/** Leases as the node's machine hands them over. */
import type { ArmedLease } from '../../../src/gateway/node/types.js';
import type { Family } from '../../../src/net/ip-address.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';

export function armedLease(
  router: string,
  clients: readonly string[] = [],
  { families = [4, 6], link = 'lan0', pairing = 'home' }: { families?: Family[]; link?: string; pairing?: string } = {},
): ArmedLease {
  return {
    pairing,
    router: 'ab'.repeat(16),
    number: 1n,
    role: 'active',
    origin: { ifindex: 2, ifname: link, address: IpAddress.parse(router) },
    want: { families, wayBack: 'router' },
    clients: clients.map((text) => Prefix.parse(text)),
    endsUs: 15_000_000,
  };
}
