/** Address families and addresses as rtnetlink writes them. */
import { IpAddress, type Family } from '../../net/ip-address.js';
import { AF_INET, AF_INET6 } from '../netlink/constants.js';
import type { Attributes } from '../netlink/message.js';

/** null: neither IPv4 nor IPv6 (bridge, multicast routing, MPLS). */
export function familyOf(addressFamily: number): Family | null {
  if (addressFamily === AF_INET) return 4;
  return addressFamily === AF_INET6 ? 6 : null;
}

export function addressFamilyOf(family: Family): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/** null: absent, or not an address of this family. */
export function addressAttribute(attributes: Attributes, type: number, family: Family): IpAddress | null {
  const value = attributes.get(type);
  return value && value.length === (family === 4 ? 4 : 16) ? IpAddress.fromBytes(value) : null;
}
