/** Nexthop objects and groups: struct nhmsg and NHA_* (<linux/nexthop.h>, 5.3+). */
import type { Family, IpAddress } from '../../net/ip-address.js';
import { AF_UNSPEC, RTM_GETNEXTHOP, RTPROT_DETOUR } from '../netlink/constants.js';
import type { MessageWriter } from '../netlink/message.js';
import { readAttributes, u32Of, type NetlinkRequest } from '../netlink/message.js';
import { addressAttribute, addressFamilyOf, familyOf } from './family.js';

const NHMSG_BYTES = 8;
const GROUP_ENTRY_BYTES = 8;
const NHA_ID = 1;
const NHA_GROUP = 2;
const NHA_OIF = 5;
const NHA_GATEWAY = 6;
const RTNH_F_ONLINK = 4;

/** As Detour makes them: one gateway on one interface, always onlink (see writeRoute). */
export interface NexthopSpec {
  id: number;
  family: Family;
  ifindex: number;
  gateway: IpAddress;
}

export interface NexthopGroupSpec {
  id: number;
  /** In ascending order of id. Weights are 1..256. */
  members: { id: number; weight: number }[];
}

export interface NexthopRecord {
  id: number;
  protocol: number;
  family: Family | null;
  ifindex: number | null;
  gateway: IpAddress | null;
  onlink: boolean;
  /** Members of a group, in ascending order of id; null: not a group. */
  members: { id: number; weight: number }[] | null;
}

export function dumpNexthopsRequest(): NetlinkRequest {
  return { type: RTM_GETNEXTHOP, flags: 0, body: (writer) => void writer.bytes(header(AF_UNSPEC, 0, 0)) };
}

/** RTM_NEWNEXTHOP and RTM_DELNEXTHOP; null: truncated. */
export function readNexthop(payload: Buffer): NexthopRecord | null {
  if (payload.length < NHMSG_BYTES) return null;
  const attributes = readAttributes(payload, NHMSG_BYTES);
  const id = u32Of(attributes, NHA_ID);
  if (id === null) return null;
  const family = familyOf(payload.readUInt8(0));
  const group = attributes.get(NHA_GROUP);
  return {
    id,
    protocol: payload.readUInt8(2),
    family,
    ifindex: u32Of(attributes, NHA_OIF),
    gateway: family === null ? null : addressAttribute(attributes, NHA_GATEWAY, family),
    onlink: (payload.readUInt32LE(4) & RTNH_F_ONLINK) !== 0,
    members: group ? readMembers(group) : null,
  };
}

export function writeNexthop(writer: MessageWriter, nexthop: NexthopSpec): void {
  writer
    .bytes(header(addressFamilyOf(nexthop.family), RTPROT_DETOUR, RTNH_F_ONLINK))
    .attributeU32(NHA_ID, nexthop.id)
    .attributeU32(NHA_OIF, nexthop.ifindex)
    .attribute(NHA_GATEWAY, nexthop.gateway.bytes);
}

export function writeNexthopGroup(writer: MessageWriter, group: NexthopGroupSpec): void {
  const entries = Buffer.alloc(group.members.length * GROUP_ENTRY_BYTES);
  for (const [index, member] of group.members.entries()) {
    entries.writeUInt32LE(member.id, index * GROUP_ENTRY_BYTES);
    // The kernel counts weights from 0.
    entries.writeUInt8(member.weight - 1, index * GROUP_ENTRY_BYTES + 4);
  }
  writer
    .bytes(header(AF_UNSPEC, RTPROT_DETOUR, 0))
    .attributeU32(NHA_ID, group.id)
    .attribute(NHA_GROUP, entries);
}

/** For RTM_DELNEXTHOP: object or group. */
export function writeNexthopRemoval(writer: MessageWriter, id: number): void {
  writer.bytes(header(AF_UNSPEC, 0, 0)).attributeU32(NHA_ID, id);
}

function readMembers(group: Buffer): { id: number; weight: number }[] {
  const members: { id: number; weight: number }[] = [];
  for (let at = 0; at + GROUP_ENTRY_BYTES <= group.length; at += GROUP_ENTRY_BYTES) {
    members.push({ id: group.readUInt32LE(at), weight: group.readUInt16LE(at + 4) + 1 });
  }
  return members.sort((a, b) => a.id - b.id);
}

function header(addressFamily: number, protocol: number, flags: number): Uint8Array {
  const bytes = Buffer.alloc(NHMSG_BYTES);
  bytes.writeUInt8(addressFamily, 0);
  bytes.writeUInt8(protocol, 2);
  bytes.writeUInt32LE(flags, 4);
  return bytes;
}
