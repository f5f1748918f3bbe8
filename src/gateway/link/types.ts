/** Authenticated messages in and out of the interfaces where the protocol is spoken. */
import type { IpAddress } from '../../net/ip-address.js';
import type { DiscardReason, Header, MachineId, Message, Order } from '../wire/types.js';

/** Where a machine was heard: answers go there. */
export interface Origin {
  ifindex: number;
  ifname: string;
  /** Unicast address on that link. */
  address: IpAddress;
}

/** A message that went through every check of section 4.2 but `echo`, which needs the state machine. */
export interface ReceivedMessage {
  /** Name of the pairing whose key authenticated it. */
  pairing: string;
  header: Header;
  message: Message;
  origin: Origin;
  /** CLOCK_MONOTONIC, microseconds. */
  atUs: number;
}

export interface OutgoingMessage {
  pairing: string;
  /** null: everybody on every interface of the link (ADVERTISE, WITHDRAW). */
  to: Origin | null;
  order: Order;
  message: Message;
}

/** A node without a pairing that advertises; for people only. */
export interface Stranger {
  id: MachineId;
  name: string | null;
  origin: Origin;
  firstSeenUs: number;
  lastSeenUs: number;
}

export interface LinkStatistics {
  received: number;
  accepted: number;
  sent: number;
  sendErrors: number;
  discarded: Record<DiscardReason, number>;
}

/** Discarded messages are told once per burst and reason: the first at once, then a sum each minute while it lasts. */
export interface DiscardBurst {
  reason: DiscardReason;
  count: number;
  /** Of the newest of them; null: several. */
  origin: Origin | null;
}

export interface GatewayLink {
  send(message: OutgoingMessage): void;
  /** Interfaces by name that exist now; absent ones are closed, new ones joined. Idempotent. */
  setInterfaces(interfaces: readonly { ifindex: number; ifname: string }[]): void;
  /** Somebody waits for an answer: datagrams are then read at once, not in batches. */
  setUrgent(urgent: boolean): void;
  strangers(): readonly Stranger[];
  statistics(): LinkStatistics;
  close(): void;
}
