/** Routes: struct rtmsg and RTA_* (<linux/rtnetlink.h>). */
import type { RouteLeg } from '../../controller/ports.js';
import { IpAddress, type Family } from '../../net/ip-address.js';
import { Prefix } from '../../net/prefix.js';
import { RTM_GETROUTE, RTPROT_DETOUR } from '../netlink/constants.js';
import type { MessageWriter } from '../netlink/message.js';
import { readAttributes, u32Of, type Attributes, type NetlinkRequest } from '../netlink/message.js';
import { addressAttribute, addressFamilyOf, familyOf } from './family.js';

const RTMSG_BYTES = 12;
const RTM_F_CLONED = 0x200;
const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;
const RTA_VIA = 18;
const RTA_NH_ID = 30;
const RTNH_F_ONLINK = 4;
/** struct rtnexthop: u16 length, u8 flags, u8 weight - 1, s32 ifindex; attributes follow. */
const RTNEXTHOP_BYTES = 8;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_NOWHERE = 255;

const TYPE_NAMES = {
  1: 'unicast',
  2: 'local',
  3: 'broadcast',
  4: 'anycast',
  5: 'multicast',
  6: 'blackhole',
  7: 'unreachable',
  8: 'prohibit',
} as const;
/** One array for all routes that are no multipath routes: there may be a million. */
const NO_LEGS: readonly RouteLeg[] = [];

/** rtm_type of what Detour writes; 0 matches any type in a deletion. */
const TARGET_TYPES = { any: 0, nexthop: 1, gateway: 1, blackhole: 6, unreachable: 7 } as const;

export type RouteType = (typeof TYPE_NAMES)[keyof typeof TYPE_NAMES] | 'other';

export interface RouteRecord {
  prefix: Prefix;
  table: number;
  type: RouteType;
  protocol: number;
  metric: number;
  scope: number;
  tos: number;
  /** Source-specific (IPv6 subtrees): only packets from there take it; null: packets from everywhere. */
  source: Prefix | null;
  /** Of a route with one next hop of its own; null for multipath, nexthop-object and typed routes. */
  ifindex: number | null;
  gateway: IpAddress | null;
  nexthopId: number | null;
  preferredSource: IpAddress | null;
  multipath: boolean;
  /** Next hops of a multipath route; empty for every other route. */
  legs: readonly RouteLeg[];
}

/** A route as Detour makes them. */
export interface RouteSpec {
  prefix: Prefix;
  table: number;
  metric: number;
  target: RouteTarget;
  /** Source address of the router's own packets by this route; null: the kernel chooses. */
  preferredSource: IpAddress | null;
}

export type RouteTarget =
  | { kind: 'nexthop'; id: number }
  | { kind: 'gateway'; ifindex: number; gateway: IpAddress }
  | { kind: 'blackhole' }
  | { kind: 'unreachable' }
  /** Only to delete: whatever stands behind the prefix. */
  | { kind: 'any' };

/** Strict checking makes the kernel filter by table and protocol; 0 stands for all. The answer must be filtered, too. */
export function dumpRoutesRequest(family: Family, filter: { table?: number; protocol?: number }): NetlinkRequest {
  return {
    type: RTM_GETROUTE,
    flags: 0,
    body: (writer) => {
      const header = Buffer.alloc(RTMSG_BYTES);
      header.writeUInt8(addressFamilyOf(family), 0);
      header.writeUInt8(filter.protocol ?? 0, 5);
      writer.bytes(header);
      if (filter.table) writer.attributeU32(RTA_TABLE, filter.table);
    },
  };
}

/** RTM_NEWROUTE and RTM_DELROUTE; null: another family, a cache entry, or malformed. */
export function readRoute(payload: Buffer): RouteRecord | null {
  if (payload.length < RTMSG_BYTES || payload.readUInt32LE(8) & RTM_F_CLONED) return null;
  const family = familyOf(payload.readUInt8(0));
  if (family === null) return null;
  const prefixLength = payload.readUInt8(1);
  const sourceLength = payload.readUInt8(2);
  if (Math.max(prefixLength, sourceLength) > (family === 4 ? 32 : 128)) return null;
  const attributes = readAttributes(payload, RTMSG_BYTES);
  const type = TYPE_NAMES[payload.readUInt8(7) as keyof typeof TYPE_NAMES] ?? 'other';
  const nexthopId = u32Of(attributes, RTA_NH_ID);
  const legs = attributes.get(RTA_MULTIPATH);
  const multipath = legs !== undefined;
  // With net.ipv4.nexthop_compat_mode the kernel also spells out what the nexthop object leads to.
  const own = nexthopId === null && !multipath && !['blackhole', 'unreachable', 'prohibit'].includes(type);
  return {
    prefix: prefixAttribute(attributes, RTA_DST, family, prefixLength),
    table: u32Of(attributes, RTA_TABLE) ?? payload.readUInt8(4),
    type,
    protocol: payload.readUInt8(5),
    metric: u32Of(attributes, RTA_PRIORITY) ?? 0,
    scope: payload.readUInt8(6),
    tos: payload.readUInt8(3),
    source: sourceLength === 0 ? null : prefixAttribute(attributes, RTA_SRC, family, sourceLength),
    ifindex: own ? u32Of(attributes, RTA_OIF) : null,
    gateway: own ? readGateway(attributes, family) : null,
    nexthopId,
    preferredSource: addressAttribute(attributes, RTA_PREFSRC, family),
    multipath,
    legs: legs && nexthopId === null ? readLegs(legs, family) : NO_LEGS,
  };
}

function prefixAttribute(attributes: Attributes, type: number, family: Family, length: number): Prefix {
  return Prefix.of(addressAttribute(attributes, type, family) ?? IpAddress.unspecified(family), length);
}

/** RTA_MULTIPATH: one struct rtnexthop after the other, each padded to 4 bytes. */
function readLegs(multipath: Buffer, family: Family): RouteLeg[] {
  const legs: RouteLeg[] = [];
  for (let at = 0; at + RTNEXTHOP_BYTES <= multipath.length;) {
    const length = multipath.readUInt16LE(at);
    if (length < RTNEXTHOP_BYTES || at + length > multipath.length) break;
    const attributes = readAttributes(multipath.subarray(at, at + length), RTNEXTHOP_BYTES);
    legs.push({ ifindex: multipath.readInt32LE(at + 4), gateway: readGateway(attributes, family) });
    at += (length + 3) & ~3;
  }
  return legs;
}

/** RTA_VIA: a gateway of the other family (RFC 5549), after two bytes of address family. */
function readGateway(attributes: Attributes, family: Family): IpAddress | null {
  const via = attributes.get(RTA_VIA);
  if (!via || via.length < 2) return addressAttribute(attributes, RTA_GATEWAY, family);
  const bytes = via.subarray(2);
  return bytes.length === 4 || bytes.length === 16 ? IpAddress.fromBytes(bytes) : null;
}

/**
 * Gateways are always `onlink`: the uplink's interface is what the operator configured, and the kernel must not judge
 * by whatever other routes there are (a DHCP /32, a link-local gateway, an address that arrives a moment later).
 */
export function writeRoute(writer: MessageWriter, route: RouteSpec): void {
  const { target } = route;
  writer.bytes(header(route, RT_SCOPE_UNIVERSE, target.kind === 'gateway' ? RTNH_F_ONLINK : 0));
  writeKey(writer, route);
  if (target.kind === 'nexthop') writer.attributeU32(RTA_NH_ID, target.id);
  if (target.kind === 'gateway') {
    writer.attribute(RTA_GATEWAY, target.gateway.bytes).attributeU32(RTA_OIF, target.ifindex);
  }
  if (route.preferredSource) writer.attribute(RTA_PREFSRC, route.preferredSource.bytes);
}

/** For RTM_DELROUTE: names the protocol, so that the kernel itself refuses to take somebody else's route. */
export function writeRouteRemoval(writer: MessageWriter, route: RouteSpec): void {
  const { target } = route;
  writer.bytes(header(route, RT_SCOPE_NOWHERE, 0));
  writeKey(writer, route);
  if (target.kind === 'nexthop') writer.attributeU32(RTA_NH_ID, target.id);
  if (target.kind === 'gateway') {
    writer.attribute(RTA_GATEWAY, target.gateway.bytes).attributeU32(RTA_OIF, target.ifindex);
  }
}

function header(route: RouteSpec, scope: number, flags: number): Uint8Array {
  const { kind } = route.target;
  const bytes = Buffer.alloc(RTMSG_BYTES);
  bytes.writeUInt8(addressFamilyOf(route.prefix.family), 0);
  bytes.writeUInt8(route.prefix.length, 1);
  bytes.writeUInt8(route.table < 256 ? route.table : 0, 4);
  bytes.writeUInt8(RTPROT_DETOUR, 5);
  bytes.writeUInt8(scope, 6);
  bytes.writeUInt8(TARGET_TYPES[kind], 7);
  bytes.writeUInt32LE(flags, 8);
  return bytes;
}

function writeKey(writer: MessageWriter, route: RouteSpec): void {
  if (route.prefix.length > 0) writer.attribute(RTA_DST, route.prefix.address.bytes);
  writer.attributeU32(RTA_TABLE, route.table).attributeU32(RTA_PRIORITY, route.metric);
}
