/** Per-interface IP settings (sysctl net.ipv4.conf, net.ipv6.conf) as RTM_NEWNETCONF tells them (<linux/netconf.h>). */
import type { Family } from '../../net/ip-address.js';
import { RTM_GETNETCONF } from '../netlink/constants.js';
import { i32Of, readAttributes, type NetlinkRequest } from '../netlink/message.js';
import { addressFamilyOf, familyOf } from './family.js';

/** struct netconfmsg is one byte; attributes begin at the next multiple of 4. */
const NETCONF_BYTES = 4;
const NETCONFA_IFINDEX = 1;
const NETCONFA_FORWARDING = 2;
const NETCONFA_RP_FILTER = 3;

/** Pseudo interface of net.ipv4.conf.all. `default` is -2. */
export const NETCONF_ALL = -1;

/** A notification names only what changed: null stands for "as before". */
export interface NetconfRecord {
  family: Family;
  ifindex: number;
  forwarding: boolean | null;
  /** IPv4 only. */
  rpFilter: number | null;
}

export function dumpNetconfRequest(family: Family): NetlinkRequest {
  return {
    type: RTM_GETNETCONF,
    flags: 0,
    body: (writer) => void writer.bytes(Uint8Array.of(addressFamilyOf(family))),
  };
}

/** null: of another family, or truncated. */
export function readNetconf(payload: Buffer): NetconfRecord | null {
  if (payload.length < NETCONF_BYTES) return null;
  const family = familyOf(payload.readUInt8(0));
  if (family === null) return null;
  const attributes = readAttributes(payload, NETCONF_BYTES);
  const ifindex = i32Of(attributes, NETCONFA_IFINDEX);
  if (ifindex === null) return null;
  const forwarding = i32Of(attributes, NETCONFA_FORWARDING);
  return {
    family,
    ifindex,
    forwarding: forwarding === null ? null : forwarding !== 0,
    rpFilter: i32Of(attributes, NETCONFA_RP_FILTER),
  };
}
