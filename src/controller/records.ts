/** Entries of the event log: what the engine decides, and what becomes of gateway nodes. */
import type { TransitionRecord } from '../engine/types.js';

export type GatewayStateName = 'absent' | 'offered' | 'electing' | 'elected' | 'leaving' | 'releasing' | 'resting';

export interface GatewayTransition {
  kind: 'gateway';
  /** Name of the pairing. */
  gateway: string;
  from: GatewayStateName;
  to: GatewayStateName;
  cause: string;
  atUs: number;
}

/** Messages of the gateway protocol that were discarded: the first of a burst at once, then a sum each minute. */
export interface GatewayDiscards {
  kind: 'gateway-discards';
  /** As in docs/gateway-protocol.md, section 4.2. */
  reason: string;
  count: number;
  cause: string;
  atUs: number;
}

export type LoggedRecord = TransitionRecord | GatewayTransition | GatewayDiscards;
