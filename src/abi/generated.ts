/**
 * Generated from bpf/abi.h by `make abi`: do not edit. Every codec has the size of its structure, the offsets of its
 * fields, and decode/encode on a DataView. Host order is little-endian, as everything that was built for this machine.
 * Fields named pad are written as zero and not shown.
 */
/* eslint-disable */

function fits(value: number, maximum: number, field: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= maximum) return value;
  throw new RangeError(`${field}: ${value} is not an integer from 0 to ${maximum}`);
}

function fits64(value: bigint, field: string): bigint {
  if (BigInt.asUintN(64, value) === value) return value;
  throw new RangeError(`${field}: ${value} is not an unsigned 64-bit integer`);
}

function hasLength<T extends { readonly length: number }>(value: T, length: number, field: string): T {
  if (value.length === length) return value;
  throw new RangeError(`${field}: ${value.length} elements instead of ${length}`);
}

function bytes(view: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, length);
}

/** enum detour_constant */
export const Constant = {
  DETOUR_ABI_VERSION: 3,
  ROUTE_KIND_SHIFT: 28,
  ROUTE_GROUP_MASK: 268435455,
  PROBE_MAGIC: 1145394258,
  PROBE_ICMP_ID: 56944,
  GATEWAY_PORT: 6868,
  GATEWAY_MAGIC: 17479,
  GATEWAY_VERSION: 1,
  VLAN_ID_MASK: 4095,
  VLAN_8021AD: 32768,
} as const;

/** enum detour_limit */
export const Limit = {
  MAX_PORTS: 64,
  MAX_INTERFACES: 256,
  MAX_NEXT_HOPS: 4096,
  MAX_GROUPS: 4096,
  MAX_BUCKETS: 65536,
  MAX_TIERS: 4,
  MAX_TIER_MEMBERS: 16,
  MAX_PROBE_SESSIONS: 1024,
  MAX_REASONS: 64,
  VLAN_DEPTH: 2,
  MAX_NEIGHBOUR_SLOTS: 4096,
  MAX_GATEWAY_PEERS: 2048,
} as const;

/** enum detour_reason */
export const Reason = {
  NONE: 0,
  UNKNOWN_INTERFACE: 1,
  NOT_IP: 2,
  TRUNCATED: 3,
  BAD_HEADER: 4,
  VLAN_DEPTH: 5,
  NOT_OUR_MAC: 6,
  MULTICAST: 7,
  TTL: 8,
  IP_OPTIONS: 9,
  EXTENSION_HEADER: 10,
  MARTIAN: 11,
  OVER_MTU: 12,
  NEIGHBOUR_UNRESOLVED: 13,
  NO_ROUTE: 14,
  LOCAL: 15,
  STACK_ROUTE: 16,
  NO_LIVE_MEMBER: 17,
  EGRESS_NOT_XDP: 18,
  FORWARDING_OFF: 19,
  BAD_GROUP: 20,
  HEADROOM: 21,
  LINK_LOCAL: 22,
  MARTIAN_SOURCE: 23,
  RP_FILTER_LOOSE: 24,
  RP_FILTER_STRICT: 25,
  NEIGHBOUR_REFRESH: 26,
  GATEWAY_MESSAGE: 27,
  BLACKHOLE: 40,
  REDIRECT_FAILED: 41,
  GATEWAY_HOP_LIMIT: 42,
  GATEWAY_MALFORMED: 43,
  GATEWAY_RATE: 44,
  PROBE_REPLY: 50,
  PROBE_FORGED: 51,
  PROBE_WRONG_PATH: 52,
  PROBE_STALE: 53,
  EVENT_LOST: 54,
  FORWARDED: 60,
  FORWARDED_FIB: 61,
  REROUTED: 62,
} as const;

/** enum route_kind */
export const RouteKind = {
  NONE: 0,
  GROUP: 1,
  LOCAL: 2,
  BLACKHOLE: 3,
  FIB: 4,
  STACK: 5,
} as const;

/** enum interface_flag */
export const InterfaceFlag = {
  FORWARD_IPV4: 1,
  FORWARD_IPV6: 2,
  REDIRECT_OK: 4,
  REDIRECT_FRAGMENTS_OK: 8,
  STRICT_SOURCE: 16,
  LOOSE_SOURCE: 32,
  GATEWAY_PROTOCOL: 64,
} as const;

/** enum next_hop_flag */
export const NextHopFlag = {
  RESOLVED: 1,
  REDIRECT_OK: 2,
  REDIRECT_FRAGMENTS_OK: 4,
} as const;

/** enum settings_flag */
export const SettingsFlag = {
  FORWARD: 1,
} as const;

/** enum probe_session_flag */
export const ProbeSessionFlag = {
  ACTIVE: 1,
  WAKE: 2,
} as const;

/** enum event_type */
export const EventType = {
  PROBE_REPLY: 1,
} as const;

/** struct interface_key */
export interface InterfaceKey {
  portIfindex: number;
  vlanId: number;
  innerVlanId: number;
}

export const interfaceKeyCodec = {
  size: 8,
  offsets: { portIfindex: 0, vlanId: 4, innerVlanId: 6 },
  decode(view: DataView, offset: number): InterfaceKey {
    return {
      portIfindex: view.getUint32(offset + 0, true),
      vlanId: view.getUint16(offset + 4, true),
      innerVlanId: view.getUint16(offset + 6, true),
    };
  },
  encode(view: DataView, offset: number, value: InterfaceKey): void {
    view.setUint32(offset + 0, fits(value.portIfindex, 0xffffffff, 'interface_key.port_ifindex'), true);
    view.setUint16(offset + 4, fits(value.vlanId, 0xffff, 'interface_key.vlan_id'), true);
    view.setUint16(offset + 6, fits(value.innerVlanId, 0xffff, 'interface_key.inner_vlan_id'), true);
  },
} as const;

/** struct interface */
export interface Interface {
  ifindex: number;
  flags: number;
  slot: number;
  mac: Uint8Array;
}

export const interfaceCodec = {
  size: 16,
  offsets: { ifindex: 0, flags: 4, slot: 8, mac: 10 },
  decode(view: DataView, offset: number): Interface {
    return {
      ifindex: view.getUint32(offset + 0, true),
      flags: view.getUint32(offset + 4, true),
      slot: view.getUint16(offset + 8, true),
      mac: bytes(view, offset + 10, 6).slice(),
    };
  },
  encode(view: DataView, offset: number, value: Interface): void {
    view.setUint32(offset + 0, fits(value.ifindex, 0xffffffff, 'interface.ifindex'), true);
    view.setUint32(offset + 4, fits(value.flags, 0xffffffff, 'interface.flags'), true);
    view.setUint16(offset + 8, fits(value.slot, 0xffff, 'interface.slot'), true);
    bytes(view, offset + 10, 6).set(hasLength(value.mac, 6, 'interface.mac'));
  },
} as const;

/** struct egress */
export interface Egress {
  portSlot: number;
  flags: number;
  mtu: number;
  vlanId: number;
  innerVlanId: number;
}

export const egressCodec = {
  size: 16,
  offsets: { portSlot: 0, flags: 4, mtu: 8, vlanId: 10, innerVlanId: 12 },
  decode(view: DataView, offset: number): Egress {
    return {
      portSlot: view.getUint32(offset + 0, true),
      flags: view.getUint32(offset + 4, true),
      mtu: view.getUint16(offset + 8, true),
      vlanId: view.getUint16(offset + 10, true),
      innerVlanId: view.getUint16(offset + 12, true),
    };
  },
  encode(view: DataView, offset: number, value: Egress): void {
    bytes(view, offset, 16).fill(0);
    view.setUint32(offset + 0, fits(value.portSlot, 0xffffffff, 'egress.port_slot'), true);
    view.setUint32(offset + 4, fits(value.flags, 0xffffffff, 'egress.flags'), true);
    view.setUint16(offset + 8, fits(value.mtu, 0xffff, 'egress.mtu'), true);
    view.setUint16(offset + 10, fits(value.vlanId, 0xffff, 'egress.vlan_id'), true);
    view.setUint16(offset + 12, fits(value.innerVlanId, 0xffff, 'egress.inner_vlan_id'), true);
  },
} as const;

/** struct route4_key */
export interface Route4Key {
  prefixLength: number;
  address: Uint8Array;
}

export const route4KeyCodec = {
  size: 8,
  offsets: { prefixLength: 0, address: 4 },
  decode(view: DataView, offset: number): Route4Key {
    return {
      prefixLength: view.getUint32(offset + 0, true),
      address: bytes(view, offset + 4, 4).slice(),
    };
  },
  encode(view: DataView, offset: number, value: Route4Key): void {
    view.setUint32(offset + 0, fits(value.prefixLength, 0xffffffff, 'route4_key.prefix_length'), true);
    bytes(view, offset + 4, 4).set(hasLength(value.address, 4, 'route4_key.address'));
  },
} as const;

/** struct route6_key */
export interface Route6Key {
  prefixLength: number;
  address: Uint8Array;
}

export const route6KeyCodec = {
  size: 20,
  offsets: { prefixLength: 0, address: 4 },
  decode(view: DataView, offset: number): Route6Key {
    return {
      prefixLength: view.getUint32(offset + 0, true),
      address: bytes(view, offset + 4, 16).slice(),
    };
  },
  encode(view: DataView, offset: number, value: Route6Key): void {
    view.setUint32(offset + 0, fits(value.prefixLength, 0xffffffff, 'route6_key.prefix_length'), true);
    bytes(view, offset + 4, 16).set(hasLength(value.address, 16, 'route6_key.address'));
  },
} as const;

/** struct route */
export interface Route {
  target: number;
}

export const routeCodec = {
  size: 4,
  offsets: { target: 0 },
  decode(view: DataView, offset: number): Route {
    return {
      target: view.getUint32(offset + 0, true),
    };
  },
  encode(view: DataView, offset: number, value: Route): void {
    view.setUint32(offset + 0, fits(value.target, 0xffffffff, 'route.target'), true);
  },
} as const;

/** struct tier */
export interface Tier {
  bucketBase: number;
  bucketMask: number;
  memberCount: number;
  members: number[];
}

export const tierCodec = {
  size: 44,
  offsets: { bucketBase: 0, bucketMask: 4, memberCount: 8, members: 12 },
  decode(view: DataView, offset: number): Tier {
    return {
      bucketBase: view.getUint32(offset + 0, true),
      bucketMask: view.getUint32(offset + 4, true),
      memberCount: view.getUint32(offset + 8, true),
      members: Array.from({ length: 16 }, (_, index) => view.getUint16(offset + 12 + index * 2, true)),
    };
  },
  encode(view: DataView, offset: number, value: Tier): void {
    view.setUint32(offset + 0, fits(value.bucketBase, 0xffffffff, 'tier.bucket_base'), true);
    view.setUint32(offset + 4, fits(value.bucketMask, 0xffffffff, 'tier.bucket_mask'), true);
    view.setUint32(offset + 8, fits(value.memberCount, 0xffffffff, 'tier.member_count'), true);
    hasLength(value.members, 16, 'tier.members').forEach((each, index) =>
      view.setUint16(offset + 12 + index * 2, fits(each, 0xffff, 'tier.members'), true),
    );
  },
} as const;

/** struct group */
export interface Group {
  tierCount: number;
  tiers: Tier[];
}

export const groupCodec = {
  size: 184,
  offsets: { tierCount: 0, tiers: 8 },
  decode(view: DataView, offset: number): Group {
    return {
      tierCount: view.getUint32(offset + 0, true),
      tiers: Array.from({ length: 4 }, (_, index) => tierCodec.decode(view, offset + 8 + index * 44)),
    };
  },
  encode(view: DataView, offset: number, value: Group): void {
    bytes(view, offset, 184).fill(0);
    view.setUint32(offset + 0, fits(value.tierCount, 0xffffffff, 'group.tier_count'), true);
    hasLength(value.tiers, 4, 'group.tiers').forEach((each, index) =>
      tierCodec.encode(view, offset + 8 + index * 44, each),
    );
  },
} as const;

/** struct next_hop */
export interface NextHop {
  ifindex: number;
  portSlot: number;
  flags: number;
  mtu: number;
  vlanId: number;
  innerVlanId: number;
  sourceMac: Uint8Array;
  destinationMac: Uint8Array;
}

export const nextHopCodec = {
  size: 32,
  offsets: {
    ifindex: 0,
    portSlot: 4,
    flags: 8,
    mtu: 12,
    vlanId: 14,
    innerVlanId: 16,
    sourceMac: 18,
    destinationMac: 24,
  },
  decode(view: DataView, offset: number): NextHop {
    return {
      ifindex: view.getUint32(offset + 0, true),
      portSlot: view.getUint32(offset + 4, true),
      flags: view.getUint32(offset + 8, true),
      mtu: view.getUint16(offset + 12, true),
      vlanId: view.getUint16(offset + 14, true),
      innerVlanId: view.getUint16(offset + 16, true),
      sourceMac: bytes(view, offset + 18, 6).slice(),
      destinationMac: bytes(view, offset + 24, 6).slice(),
    };
  },
  encode(view: DataView, offset: number, value: NextHop): void {
    bytes(view, offset, 32).fill(0);
    view.setUint32(offset + 0, fits(value.ifindex, 0xffffffff, 'next_hop.ifindex'), true);
    view.setUint32(offset + 4, fits(value.portSlot, 0xffffffff, 'next_hop.port_slot'), true);
    view.setUint32(offset + 8, fits(value.flags, 0xffffffff, 'next_hop.flags'), true);
    view.setUint16(offset + 12, fits(value.mtu, 0xffff, 'next_hop.mtu'), true);
    view.setUint16(offset + 14, fits(value.vlanId, 0xffff, 'next_hop.vlan_id'), true);
    view.setUint16(offset + 16, fits(value.innerVlanId, 0xffff, 'next_hop.inner_vlan_id'), true);
    bytes(view, offset + 18, 6).set(hasLength(value.sourceMac, 6, 'next_hop.source_mac'));
    bytes(view, offset + 24, 6).set(hasLength(value.destinationMac, 6, 'next_hop.destination_mac'));
  },
} as const;

/** struct counter */
export interface Counter {
  packets: bigint;
  bytes: bigint;
}

export const counterCodec = {
  size: 16,
  offsets: { packets: 0, bytes: 8 },
  decode(view: DataView, offset: number): Counter {
    return {
      packets: view.getBigUint64(offset + 0, true),
      bytes: view.getBigUint64(offset + 8, true),
    };
  },
  encode(view: DataView, offset: number, value: Counter): void {
    view.setBigUint64(offset + 0, fits64(value.packets, 'counter.packets'), true);
    view.setBigUint64(offset + 8, fits64(value.bytes, 'counter.bytes'), true);
  },
} as const;

/** struct settings */
export interface Settings {
  cookieKey: bigint[];
  flags: number;
  hashSeed: number;
  neighbourRefreshMs: number;
}

export const settingsCodec = {
  size: 32,
  offsets: { cookieKey: 0, flags: 16, hashSeed: 20, neighbourRefreshMs: 24 },
  decode(view: DataView, offset: number): Settings {
    return {
      cookieKey: Array.from({ length: 2 }, (_, index) => view.getBigUint64(offset + 0 + index * 8, true)),
      flags: view.getUint32(offset + 16, true),
      hashSeed: view.getUint32(offset + 20, true),
      neighbourRefreshMs: view.getUint32(offset + 24, true),
    };
  },
  encode(view: DataView, offset: number, value: Settings): void {
    bytes(view, offset, 32).fill(0);
    hasLength(value.cookieKey, 2, 'settings.cookie_key').forEach((each, index) =>
      view.setBigUint64(offset + 0 + index * 8, fits64(each, 'settings.cookie_key'), true),
    );
    view.setUint32(offset + 16, fits(value.flags, 0xffffffff, 'settings.flags'), true);
    view.setUint32(offset + 20, fits(value.hashSeed, 0xffffffff, 'settings.hash_seed'), true);
    view.setUint32(offset + 24, fits(value.neighbourRefreshMs, 0xffffffff, 'settings.neighbour_refresh_ms'), true);
  },
} as const;

/** struct probe_session */
export interface ProbeSession {
  flags: number;
  ifindex: number;
  epoch: number;
}

export const probeSessionCodec = {
  size: 16,
  offsets: { flags: 0, ifindex: 4, epoch: 8 },
  decode(view: DataView, offset: number): ProbeSession {
    return {
      flags: view.getUint32(offset + 0, true),
      ifindex: view.getUint32(offset + 4, true),
      epoch: view.getUint32(offset + 8, true),
    };
  },
  encode(view: DataView, offset: number, value: ProbeSession): void {
    bytes(view, offset, 16).fill(0);
    view.setUint32(offset + 0, fits(value.flags, 0xffffffff, 'probe_session.flags'), true);
    view.setUint32(offset + 4, fits(value.ifindex, 0xffffffff, 'probe_session.ifindex'), true);
    view.setUint32(offset + 8, fits(value.epoch, 0xffffffff, 'probe_session.epoch'), true);
  },
} as const;

/** struct probe_payload */
export interface ProbePayload {
  magic: number;
  session: number;
  epoch: number;
  sequence: number;
  transmitNs: bigint;
  cookie: bigint;
}

export const probePayloadCodec = {
  size: 32,
  offsets: { magic: 0, session: 4, epoch: 8, sequence: 12, transmitNs: 16, cookie: 24 },
  decode(view: DataView, offset: number): ProbePayload {
    return {
      magic: view.getUint32(offset + 0, true),
      session: view.getUint32(offset + 4, true),
      epoch: view.getUint32(offset + 8, true),
      sequence: view.getUint32(offset + 12, true),
      transmitNs: view.getBigUint64(offset + 16, true),
      cookie: view.getBigUint64(offset + 24, true),
    };
  },
  encode(view: DataView, offset: number, value: ProbePayload): void {
    view.setUint32(offset + 0, fits(value.magic, 0xffffffff, 'probe_payload.magic'), true);
    view.setUint32(offset + 4, fits(value.session, 0xffffffff, 'probe_payload.session'), true);
    view.setUint32(offset + 8, fits(value.epoch, 0xffffffff, 'probe_payload.epoch'), true);
    view.setUint32(offset + 12, fits(value.sequence, 0xffffffff, 'probe_payload.sequence'), true);
    view.setBigUint64(offset + 16, fits64(value.transmitNs, 'probe_payload.transmit_ns'), true);
    view.setBigUint64(offset + 24, fits64(value.cookie, 'probe_payload.cookie'), true);
  },
} as const;

/** struct gateway_peer_key */
export interface GatewayPeerKey {
  ifindex: number;
  family: number;
  address: Uint8Array;
}

export const gatewayPeerKeyCodec = {
  size: 24,
  offsets: { ifindex: 0, family: 4, address: 8 },
  decode(view: DataView, offset: number): GatewayPeerKey {
    return {
      ifindex: view.getUint32(offset + 0, true),
      family: view.getUint8(offset + 4),
      address: bytes(view, offset + 8, 16).slice(),
    };
  },
  encode(view: DataView, offset: number, value: GatewayPeerKey): void {
    bytes(view, offset, 24).fill(0);
    view.setUint32(offset + 0, fits(value.ifindex, 0xffffffff, 'gateway_peer_key.ifindex'), true);
    view.setUint8(offset + 4, fits(value.family, 0xff, 'gateway_peer_key.family'));
    bytes(view, offset + 8, 16).set(hasLength(value.address, 16, 'gateway_peer_key.address'));
  },
} as const;

/** struct gateway_rate */
export interface GatewayRate {
  paidUntilNs: bigint;
}

export const gatewayRateCodec = {
  size: 8,
  offsets: { paidUntilNs: 0 },
  decode(view: DataView, offset: number): GatewayRate {
    return {
      paidUntilNs: view.getBigUint64(offset + 0, true),
    };
  },
  encode(view: DataView, offset: number, value: GatewayRate): void {
    view.setBigUint64(offset + 0, fits64(value.paidUntilNs, 'gateway_rate.paid_until_ns'), true);
  },
} as const;

/** struct probe_reply_event */
export interface ProbeReplyEvent {
  type: number;
  session: number;
  epoch: number;
  sequence: number;
  transmitNs: bigint;
  receiveNs: bigint;
  ifindex: number;
  family: number;
  wrongPath: number;
  source: Uint8Array;
}

export const probeReplyEventCodec = {
  size: 56,
  offsets: {
    type: 0,
    session: 4,
    epoch: 8,
    sequence: 12,
    transmitNs: 16,
    receiveNs: 24,
    ifindex: 32,
    family: 36,
    wrongPath: 37,
    source: 40,
  },
  decode(view: DataView, offset: number): ProbeReplyEvent {
    return {
      type: view.getUint32(offset + 0, true),
      session: view.getUint32(offset + 4, true),
      epoch: view.getUint32(offset + 8, true),
      sequence: view.getUint32(offset + 12, true),
      transmitNs: view.getBigUint64(offset + 16, true),
      receiveNs: view.getBigUint64(offset + 24, true),
      ifindex: view.getUint32(offset + 32, true),
      family: view.getUint8(offset + 36),
      wrongPath: view.getUint8(offset + 37),
      source: bytes(view, offset + 40, 16).slice(),
    };
  },
  encode(view: DataView, offset: number, value: ProbeReplyEvent): void {
    bytes(view, offset, 56).fill(0);
    view.setUint32(offset + 0, fits(value.type, 0xffffffff, 'probe_reply_event.type'), true);
    view.setUint32(offset + 4, fits(value.session, 0xffffffff, 'probe_reply_event.session'), true);
    view.setUint32(offset + 8, fits(value.epoch, 0xffffffff, 'probe_reply_event.epoch'), true);
    view.setUint32(offset + 12, fits(value.sequence, 0xffffffff, 'probe_reply_event.sequence'), true);
    view.setBigUint64(offset + 16, fits64(value.transmitNs, 'probe_reply_event.transmit_ns'), true);
    view.setBigUint64(offset + 24, fits64(value.receiveNs, 'probe_reply_event.receive_ns'), true);
    view.setUint32(offset + 32, fits(value.ifindex, 0xffffffff, 'probe_reply_event.ifindex'), true);
    view.setUint8(offset + 36, fits(value.family, 0xff, 'probe_reply_event.family'));
    view.setUint8(offset + 37, fits(value.wrongPath, 0xff, 'probe_reply_event.wrong_path'));
    bytes(view, offset + 40, 16).set(hasLength(value.source, 16, 'probe_reply_event.source'));
  },
} as const;
