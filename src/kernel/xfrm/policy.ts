/** IPsec policies (SPD) over NETLINK_XFRM: struct xfrm_userpolicy_info of <linux/xfrm.h>. */
import type { Family } from '../../net/ip-address.js';
import { familyOf } from '../codec/family.js';
import { readAttributes, u32Of, type NetlinkMessage, type NetlinkRequest } from '../netlink/message.js';

const XFRM_MSG_NEWPOLICY = 0x13;
const XFRM_MSG_GETPOLICY = 0x15;
/** Multicast group: policies made, changed, deleted and flushed. */
export const XFRMNLGRP_POLICY = 4;
const POLICY_ID_BYTES = 64;
const POLICY_INFO_BYTES = 168;
const SELECTOR_FAMILY_OFFSET = 40;
const DIRECTION_OFFSET = 160;
const XFRM_POLICY_OUT = 1;
const XFRM_POLICY_FWD = 2;
const XFRMA_IF_ID = 31;

export function dumpPoliciesRequest(): NetlinkRequest {
  return { type: XFRM_MSG_GETPOLICY, flags: 0, body: (writer) => void writer.bytes(new Uint8Array(POLICY_ID_BYTES)) };
}

/**
 * The families whose forwarded packets the policy may select. Empty: it is of a socket (direction 3 and more), for
 * packets to this machine, or of an xfrm interface (a foreign route leads there, which XDP does not follow).
 */
export function readPolicyFamilies({ type, payload }: NetlinkMessage): readonly Family[] {
  if (type !== XFRM_MSG_NEWPOLICY || payload.length < POLICY_INFO_BYTES) return [];
  const direction = payload.readUInt8(DIRECTION_OFFSET);
  if (direction !== XFRM_POLICY_OUT && direction !== XFRM_POLICY_FWD) return [];
  if ((u32Of(readAttributes(payload, POLICY_INFO_BYTES), XFRMA_IF_ID) ?? 0) !== 0) return [];
  const addressFamily = payload.readUInt16LE(SELECTOR_FAMILY_OFFSET);
  const family = familyOf(addressFamily);
  if (family !== null) return [family];
  // AF_UNSPEC: of any.
  return addressFamily === 0 ? [4, 6] : [];
}
