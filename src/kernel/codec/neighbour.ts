/** Neighbours (ARP and NDP entries): struct ndmsg and NDA_* (<linux/neighbour.h>). */
import type { IpAddress } from '../../net/ip-address.js';
import { MacAddress } from '../../net/mac-address.js';
import { AF_UNSPEC, NLM_F_CREATE, RTM_GETNEIGH, RTM_NEWNEIGH, RTPROT_DETOUR } from '../netlink/constants.js';
import { readAttributes, u32Of, u8Of, type NetlinkRequest } from '../netlink/message.js';
import { addressAttribute, addressFamilyOf, familyOf } from './family.js';

const NDMSG_BYTES = 12;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_PROTOCOL = 12;
const NDA_FLAGS_EXT = 15;
const NTF_USE = 1 << 0;
const NTF_PROXY = 1 << 3;
const NTF_EXT_MANAGED = 1 << 0;

const STATES = {
  0x01: 'incomplete',
  0x02: 'reachable',
  0x04: 'stale',
  0x08: 'delay',
  0x10: 'probe',
  0x20: 'failed',
  0x40: 'noarp',
  0x80: 'permanent',
} as const;

export type NeighbourState = (typeof STATES)[keyof typeof STATES] | 'none';

export interface NeighbourRecord {
  ifindex: number;
  address: IpAddress;
  mac: MacAddress | null;
  state: NeighbourState;
  /** NTF_EXT_MANAGED: the kernel keeps it resolved by itself (5.16+). */
  managed: boolean;
  /** Who made it (NDA_PROTOCOL); 0: nobody said. */
  protocol: number;
}

export function dumpNeighboursRequest(): NetlinkRequest {
  return { type: RTM_GETNEIGH, flags: 0, body: (writer) => void writer.bytes(header(AF_UNSPEC, 0, 0)) };
}

/** RTM_NEWNEIGH and RTM_DELNEIGH; null: a bridge's or a proxy entry, or truncated. */
export function readNeighbour(payload: Buffer): NeighbourRecord | null {
  if (payload.length < NDMSG_BYTES) return null;
  const family = familyOf(payload.readUInt8(0));
  if (family === null || payload.readUInt8(10) & NTF_PROXY) return null;
  const attributes = readAttributes(payload, NDMSG_BYTES);
  const address = addressAttribute(attributes, NDA_DST, family);
  if (!address) return null;
  const hardware = attributes.get(NDA_LLADDR);
  const state = payload.readUInt16LE(8);
  return {
    ifindex: payload.readInt32LE(4),
    address,
    mac: hardware?.length === 6 ? MacAddress.fromBytes(hardware) : null,
    state: STATES[state as keyof typeof STATES] ?? 'none',
    managed: ((u32Of(attributes, NDA_FLAGS_EXT) ?? 0) & NTF_EXT_MANAGED) !== 0,
    protocol: u8Of(attributes, NDA_PROTOCOL) ?? 0,
  };
}

/** Makes the entry if there is none, has it resolved now and kept resolved; its address and state stay. */
export function manageNeighbourRequest(ifindex: number, address: IpAddress): NetlinkRequest {
  return {
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE,
    body: (writer) => {
      writer
        .bytes(header(addressFamilyOf(address.family), ifindex, 0))
        .attribute(NDA_DST, address.bytes)
        .attributeU8(NDA_PROTOCOL, RTPROT_DETOUR)
        .attributeU32(NDA_FLAGS_EXT, NTF_EXT_MANAGED);
    },
  };
}

/**
 * Makes a managed entry an ordinary one. NTF_USE, because without it the kernel would take the message's state (none)
 * for the entry's and forget the MAC address that traffic may be using.
 */
export function releaseNeighbourRequest(ifindex: number, address: IpAddress): NetlinkRequest {
  return {
    type: RTM_NEWNEIGH,
    flags: 0,
    body: (writer) => {
      writer.bytes(header(addressFamilyOf(address.family), ifindex, NTF_USE)).attribute(NDA_DST, address.bytes);
    },
  };
}

export function neighbourKey(entry: { ifindex: number; address: IpAddress }): string {
  return `${entry.ifindex} ${entry.address.toString()}`;
}

function header(addressFamily: number, ifindex: number, flags: number): Uint8Array {
  const bytes = Buffer.alloc(NDMSG_BYTES);
  bytes.writeUInt8(addressFamily, 0);
  bytes.writeInt32LE(ifindex, 4);
  bytes.writeUInt8(flags, 10);
  return bytes;
}
