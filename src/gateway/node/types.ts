/**
 * Vocabulary of the node's side: `step(state, event, nowUs) -> { state, actions }`. Pure; docs/gateway-protocol.md,
 * section 5. Times are microseconds of a monotonic clock. One machine for all routers that the node is paired with.
 *
 * Arming is a reconciler's work: the machine says which leases shall be in force (`apply`, with a version that grows) and
 * the shell says when that is so (`applied`). ACCEPT goes out only once the lease is in force.
 */
import type { Family, IpAddress } from '../../net/ip-address.js';
import type { Prefix } from '../../net/prefix.js';
import type { OutgoingMessage, Origin, ReceivedMessage } from '../link/types.js';
import type { DiscardReason, MachineId, Offer, Reason, Role, Usage, Want } from '../wire/types.js';

export interface NodePolicy {
  self: MachineId;
  /** Routers served at a time, at most. */
  slots: number;
  advertiseIntervalUs: number;
  /** Leases are granted for at most this long, whatever a router asks for. */
  maximumLeaseUs: number;
}

/** What the shell knows of the machine at this moment. */
export interface NodeCondition {
  /** What ADVERTISE says; `slots` is filled by the machine. */
  offer: Omit<Offer, 'slots'>;
  /** null: an offer may be made; otherwise why not (section 5.1). */
  obstacle: Reason | null;
  /** Routers that this machine itself leaves through, or tries to: electing one of them would be a loop. */
  upstream: MachineId[];
}

/** What shall be in force for one router. */
export interface ArmedLease {
  pairing: string;
  router: MachineId;
  number: bigint;
  role: Role;
  /** The link that the router's traffic comes in by, and the router's address there. */
  origin: Origin;
  /** Its families are those that are wanted and offered. */
  want: Want;
  clients: Prefix[];
  /** Monotonic; rules must end by themselves then. */
  endsUs: number;
}

export type NodeEvent =
  | { type: 'configure'; policy: NodePolicy }
  /** Names of the pairings with routers; the leases of one that is gone end. */
  | { type: 'pairings'; names: string[] }
  | { type: 'condition'; condition: NodeCondition }
  | { type: 'message'; received: ReceivedMessage }
  /**
   * The rules of `apply` with this version are in force, or `problem` says why they are not (then nothing is). May be
   * said of the newest version again: with a problem when an audit found the rules damaged.
   */
  | { type: 'applied'; version: number; problem: string | null }
  /** Bytes carried so far, by pairing, under the present lease or the one that is just being disarmed. */
  | { type: 'usage'; usage: ReadonlyMap<string, Usage> }
  | { type: 'tick' }
  /** Ends all: WITHDRAW, disarm. */
  | { type: 'stop'; reason: Reason };

export type NodeAction =
  | { type: 'send'; outgoing: OutgoingMessage }
  /** The whole of what shall be in force; empty: disarmed. The first one, with version 1, clears what an earlier run left. */
  | { type: 'apply'; version: number; leases: ArmedLease[] }
  /** Authenticated, but it changes nothing: to be counted under this reason. */
  | { type: 'discarded'; reason: DiscardReason; origin: Origin }
  | { type: 'record'; record: NodeRecord };

export interface NodeRecord {
  pairing: string | null;
  what: 'elected' | 'renewed-role' | 'released' | 'expired' | 'refused' | 'withdrawn' | 'arming-failed' | 'disarmed';
  cause: string;
  atUs: number;
}

/** What status shows of one lease. */
export interface LeaseView {
  pairing: string;
  router: MachineId;
  role: Role;
  address: IpAddress;
  families: Family[];
  sinceUs: number;
  endsUs: number;
  /** In force: the rules are written. */
  armed: boolean;
  usage: Usage;
}
