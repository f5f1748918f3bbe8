/** Links: struct ifinfomsg and IFLA_* (<linux/if_link.h>). */
import { MacAddress } from '../../net/mac-address.js';
import { AF_UNSPEC, RTM_GETLINK } from '../netlink/constants.js';
import {
  readAttributes,
  stringOf,
  u16Of,
  u32Of,
  u8Of,
  type Attributes,
  type NetlinkRequest,
} from '../netlink/message.js';

const IFINFO_BYTES = 16;
const IFF_UP = 1 << 0;
const IFF_LOWER_UP = 1 << 16;
const ARPHRD_ETHER = 1;
const ETH_P_8021AD = 0x88a8;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18;
const IFLA_EXT_MASK = 29;
const RTEXT_FILTER_SKIP_STATS = 1 << 3;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_VLAN_ID = 1;
const IFLA_VLAN_PROTOCOL = 5;

/** RFC 2863: 0 unknown (drivers that do not say), 6 up. Dormant (5) waits e.g. for 802.1X: frames do not leave. */
const OPERSTATES_THAT_SEND: readonly number[] = [0, 6];

/** What a link message says by itself; the rest of a KernelLink comes from netconf and the netdev family. */
export interface LinkRecord {
  ifindex: number;
  name: string;
  mac: MacAddress | null;
  mtu: number;
  adminUp: boolean;
  carrier: boolean;
  kind: string | null;
  ethernet: boolean;
  vlan: { parentIfindex: number; id: number; protocol: '802.1Q' | '802.1ad' } | null;
  masterIfindex: number;
  /**
   * RFC 2863, as the kernel's linkwatch last saw it. It follows the carrier late; only then does the kernel take away
   * what depends on it, so that its change is news of its own.
   */
  operstate: number;
}

/** All links, without their statistics. */
export function dumpLinksRequest(): NetlinkRequest {
  return {
    type: RTM_GETLINK,
    flags: 0,
    body: (writer) => {
      writer.bytes(new Uint8Array(IFINFO_BYTES)).attributeU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    },
  };
}

/** ifindex of RTM_NEWLINK and RTM_DELLINK; null: a bridge's message about one of its ports (AF_BRIDGE). */
export function readLinkIndex(payload: Buffer): number | null {
  if (payload.length < IFINFO_BYTES || payload.readUInt8(0) !== AF_UNSPEC) return null;
  return payload.readInt32LE(4);
}

/** null: not about a link as such, or truncated. */
export function readLink(payload: Buffer): LinkRecord | null {
  const ifindex = readLinkIndex(payload);
  if (ifindex === null) return null;
  const attributes = readAttributes(payload, IFINFO_BYTES);
  const flags = payload.readUInt32LE(8);
  const hardware = attributes.get(IFLA_ADDRESS);
  const information = readAttributes(attributes.get(IFLA_LINKINFO) ?? Buffer.alloc(0));
  const kind = stringOf(information, IFLA_INFO_KIND);
  const operstate = u8Of(attributes, IFLA_OPERSTATE) ?? 0;
  return {
    ifindex,
    name: stringOf(attributes, IFLA_IFNAME) ?? '',
    mac: hardware?.length === 6 ? MacAddress.fromBytes(hardware) : null,
    mtu: u32Of(attributes, IFLA_MTU) ?? 0,
    adminUp: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0 && OPERSTATES_THAT_SEND.includes(operstate),
    kind,
    ethernet: payload.readUInt16LE(2) === ARPHRD_ETHER,
    vlan: kind === 'vlan' ? readVlan(attributes, information) : null,
    masterIfindex: u32Of(attributes, IFLA_MASTER) ?? 0,
    operstate,
  };
}

function readVlan(attributes: Attributes, information: Attributes): LinkRecord['vlan'] {
  const data = readAttributes(information.get(IFLA_INFO_DATA) ?? Buffer.alloc(0));
  const id = u16Of(data, IFLA_VLAN_ID);
  const protocol = data.get(IFLA_VLAN_PROTOCOL);
  if (id === null) return null;
  return {
    parentIfindex: u32Of(attributes, IFLA_LINK) ?? 0,
    id,
    // The EtherType is in network order.
    protocol: protocol && protocol.length >= 2 && protocol.readUInt16BE(0) === ETH_P_8021AD ? '802.1ad' : '802.1Q',
  };
}
