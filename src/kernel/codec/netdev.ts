/** The generic netlink family `netdev` (6.3+): what a device can do with XDP (<linux/netdev.h>, <linux/genetlink.h>). */
import {
  readAttributeList,
  readAttributes,
  stringOf,
  u16Of,
  u32Of,
  u64Of,
  type NetlinkRequest,
} from '../netlink/message.js';

const GENL_HEADER_BYTES = 4;
const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
const CTRL_ATTR_MCAST_GROUPS = 7;
const CTRL_ATTR_MCAST_GRP_NAME = 1;
const CTRL_ATTR_MCAST_GRP_ID = 2;

const NETDEV_CMD_DEV_GET = 1;
const NETDEV_CMD_DEV_DEL_NTF = 3;
const NETDEV_A_DEV_IFINDEX = 1;
const NETDEV_A_DEV_XDP_FEATURES = 3;
/** The device has ndo_xdp_xmit now: it takes redirected frames. */
const NETDEV_XDP_ACT_NDO_XMIT = 1n << 2n;
/** And of those it takes the ones that consist of several buffers. */
const NETDEV_XDP_ACT_NDO_XMIT_SG = 1n << 6n;

export interface NetdevFamily {
  id: number;
  /** Multicast group of device changes; null: none. */
  managementGroup: number | null;
}

/** All families; one of them may be `netdev`. Asking for it by name would be an error where it is missing. */
export function dumpFamiliesRequest(): NetlinkRequest {
  return {
    type: GENL_ID_CTRL,
    flags: 0,
    body: (writer) => void writer.bytes(Uint8Array.of(CTRL_CMD_GETFAMILY, 1, 0, 0)),
  };
}

/** null: the message describes another family. */
export function readNetdevFamily(payload: Buffer): NetdevFamily | null {
  if (payload.length < GENL_HEADER_BYTES) return null;
  const attributes = readAttributes(payload, GENL_HEADER_BYTES);
  const id = u16Of(attributes, CTRL_ATTR_FAMILY_ID);
  if (id === null || stringOf(attributes, CTRL_ATTR_FAMILY_NAME) !== 'netdev') return null;
  let managementGroup: number | null = null;
  for (const [, entry] of readAttributeList(attributes.get(CTRL_ATTR_MCAST_GROUPS) ?? Buffer.alloc(0))) {
    const group = readAttributes(entry);
    if (stringOf(group, CTRL_ATTR_MCAST_GRP_NAME) === 'mgmt') managementGroup = u32Of(group, CTRL_ATTR_MCAST_GRP_ID);
  }
  return { id, managementGroup };
}

export function dumpDevicesRequest(family: NetdevFamily): NetlinkRequest {
  return {
    type: family.id,
    flags: 0,
    body: (writer) => void writer.bytes(Uint8Array.of(NETDEV_CMD_DEV_GET, 1, 0, 0)),
  };
}

export interface XdpFeatures {
  ifindex: number;
  /** Takes redirected frames; null: the device is gone. */
  redirectTarget: boolean | null;
  /** Takes redirected frames of several buffers; null: the device is gone. */
  redirectFragments: boolean | null;
}

/** Answer to dev-get, or a notification; null: neither. */
export function readXdpFeatures(payload: Buffer): XdpFeatures | null {
  if (payload.length < GENL_HEADER_BYTES) return null;
  const attributes = readAttributes(payload, GENL_HEADER_BYTES);
  const ifindex = u32Of(attributes, NETDEV_A_DEV_IFINDEX);
  if (ifindex === null) return null;
  if (payload.readUInt8(0) === NETDEV_CMD_DEV_DEL_NTF)
    return { ifindex, redirectTarget: null, redirectFragments: null };
  const features = u64Of(attributes, NETDEV_A_DEV_XDP_FEATURES);
  if (features === null) return null;
  return {
    ifindex,
    redirectTarget: (features & NETDEV_XDP_ACT_NDO_XMIT) !== 0n,
    redirectFragments: (features & NETDEV_XDP_ACT_NDO_XMIT_SG) !== 0n,
  };
}
