/** Interface addresses: struct ifaddrmsg and IFA_* (<linux/if_addr.h>). */
import type { IpAddress } from '../../net/ip-address.js';
import { AF_UNSPEC, RTM_GETADDR } from '../netlink/constants.js';
import { readAttributes, u32Of, type NetlinkRequest } from '../netlink/message.js';
import { addressAttribute, familyOf } from './family.js';

const IFADDR_BYTES = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
const IFA_F_DADFAILED = 0x08;
const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;
const UNUSABLE = IFA_F_DADFAILED | IFA_F_DEPRECATED | IFA_F_TENTATIVE;

const RT_SCOPE_SITE = 200;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_HOST = 254;

export interface AddressRecord {
  ifindex: number;
  address: IpAddress;
  prefixLength: number;
  scope: 'global' | 'site' | 'link' | 'host';
  usable: boolean;
}

export function dumpAddressesRequest(): NetlinkRequest {
  return {
    type: RTM_GETADDR,
    flags: 0,
    body: (writer) => void writer.bytes(Uint8Array.of(AF_UNSPEC, 0, 0, 0, 0, 0, 0, 0)),
  };
}

/** RTM_NEWADDR and RTM_DELADDR; null: of another family, or truncated. */
export function readAddress(payload: Buffer): AddressRecord | null {
  if (payload.length < IFADDR_BYTES) return null;
  const family = familyOf(payload.readUInt8(0));
  if (family === null) return null;
  const attributes = readAttributes(payload, IFADDR_BYTES);
  // On point-to-point links IFA_ADDRESS is the peer's; IFA_LOCAL, where present, is ours.
  const address = addressAttribute(attributes, IFA_LOCAL, family) ?? addressAttribute(attributes, IFA_ADDRESS, family);
  if (!address) return null;
  const flags = u32Of(attributes, IFA_FLAGS) ?? payload.readUInt8(2);
  return {
    ifindex: payload.readUInt32LE(4),
    address,
    prefixLength: payload.readUInt8(1),
    scope: scopeName(payload.readUInt8(3)),
    usable: (flags & UNUSABLE) === 0,
  };
}

function scopeName(scope: number): AddressRecord['scope'] {
  if (scope === RT_SCOPE_HOST) return 'host';
  if (scope === RT_SCOPE_LINK) return 'link';
  return scope === RT_SCOPE_SITE ? 'site' : 'global';
}

export function addressKey(record: AddressRecord): string {
  return `${record.ifindex} ${record.address.toString()}/${record.prefixLength}`;
}
