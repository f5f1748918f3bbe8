/**
 * The messages of the gateway protocol (docs/gateway-protocol.md), as values. Pure data; the bytes are made and read by
 * encode.ts and decode.ts.
 */
import type { Family, IpAddress } from '../../net/ip-address.js';
import type { Prefix } from '../../net/prefix.js';

/** UDP port that each role listens at and sends from, section 2: both may run on one machine. */
export const PORTS = { router: 6868, node: 6869 } as const;
export const MULTICAST_GROUP = { 4: '239.255.68.68', 6: 'ff12::6868' } as const;
/** TTL or hop limit of every message (RFC 5082). */
export const HOP_LIMIT = 255;
/** With IPv6 and UDP headers it fills the 1,280 bytes that every IPv6 link carries. */
export const MAXIMUM_MESSAGE_BYTES = 1232;

/** 16 random bytes as 32 lower-case hex digits. A machine has one, whether it is router, node or both. */
export type MachineId = string;

/** Epoch (upper 32 bits) and sequence, compared as one number; section 4.3. */
export type Order = bigint;

export type Role = 'standby' | 'active';

export interface Lease {
  router: MachineId;
  /** 64 bits, random, never 0. */
  number: bigint;
  role: Role;
  /** Time left, milliseconds. */
  leftMs: number;
}

export interface OfferedFamily {
  family: Family;
  /** `routed`: the node's own network routes the clients' prefix to it, nothing is translated. */
  translation: 'masquerade' | 'routed';
  /** The node's address on this link. */
  gateway: IpAddress;
}

export interface Want {
  /** At least one. */
  families: Family[];
  /** `router`: the router translates to its own address. `direct`: answers go from the node straight to the client. */
  wayBack: 'router' | 'direct';
}

export interface Backhaul {
  family: Family;
  state: 'unknown' | 'good' | 'bad';
  lossPermille: number;
  rttUs: number;
  /** How old this is, milliseconds. */
  ageMs: number;
}

/** Kilobits a second; 0: unknown. */
export interface Capacity {
  downKbps: number;
  upKbps: number;
}

export interface Cost {
  /** 0 is best. */
  preference: number;
  metered: boolean;
  /** Bytes that may still be carried; null: no limit. */
  bytesLeft: bigint | null;
}

export interface Power {
  /** Per cent of the battery; null: on mains, no battery. */
  batteryPercent: number | null;
  charging: boolean;
}

export interface Slots {
  /** Routers served at a time, at most. */
  total: number;
  used: number;
}

/** Bytes carried under the lease. */
export interface Usage {
  toNetworkBytes: bigint;
  fromNetworkBytes: bigint;
}

/** Section 3.5. */
export type ReasonCode =
  | 'busy'
  | 'backhaul'
  | 'battery'
  | 'budget'
  | 'loop'
  | 'owner'
  | 'arming-failed'
  | 'no-such-lease'
  | 'nothing-offered'
  | 're-established'
  | 'other-is-better'
  | 'operator'
  | 'shutting-down'
  | 'path-fails';

export interface Reason {
  code: ReasonCode;
  /** For people; at most 60 bytes of UTF-8 go on the wire. */
  text: string;
}

/** What a node says of itself in ADVERTISE. */
export interface Offer {
  families: OfferedFamily[];
  name?: string;
  capacity?: Capacity;
  cost?: Cost;
  power?: Power;
  backhaul: Backhaul[];
  slots?: Slots;
  /** Routers that traffic through the sender passes, nearest first; at most 8. */
  path: MachineId[];
}

/** Asked for by ELECT and RENEW. */
export interface Request {
  lease: Lease;
  echo: Order;
  want: Want;
  /** What the node shall forward for; empty: the router's own address only. At most 16. */
  clients: Prefix[];
  /** Routers whose traffic comes with it: the router itself first, then those that it serves; at most 8. */
  path: MachineId[];
}

export type Message =
  | ({ type: 'advertise'; intervalMs: number; lease?: Lease } & Offer)
  | { type: 'withdraw'; reason: Reason; lease?: Lease }
  | ({ type: 'elect' } & Request)
  | { type: 'accept'; lease: Lease; echo: Order; families: OfferedFamily[] }
  | { type: 'refuse'; lease: Lease; echo: Order; reason: Reason }
  | ({ type: 'renew' } & Request)
  | {
      type: 'status';
      lease: Lease;
      echo: Order;
      usage: Usage;
      families: OfferedFamily[];
      backhaul: Backhaul[];
      power?: Power;
      cost?: Cost;
    }
  | { type: 'release'; lease: Lease; echo: Order; reason: Reason }
  | { type: 'released'; lease: Lease; echo: Order; usage: Usage };

export type MessageType = Message['type'];

/** Who sends which type: the other direction is discarded (`role`), so a reflected message is none. */
export const SENT_BY = {
  advertise: 'node',
  withdraw: 'node',
  elect: 'router',
  accept: 'node',
  refuse: 'node',
  renew: 'router',
  status: 'node',
  release: 'router',
  released: 'node',
} as const satisfies Record<MessageType, 'node' | 'router'>;

export interface Header {
  sender: MachineId;
  /** null: whoever shares the key. */
  receiver: MachineId | null;
  order: Order;
}

/** Why a received datagram changes nothing; the names of the counters. In the order of section 4.2. */
export const DISCARD_REASONS = [
  'ttl',
  'size',
  'magic',
  'version',
  'type',
  'role',
  'own',
  'receiver',
  'rate',
  'key',
  'order',
  'auth',
  'malformed',
  'critical',
  'echo',
] as const;
export type DiscardReason = (typeof DISCARD_REASONS)[number];
