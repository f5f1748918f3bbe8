/** What the node's machine remembers. Immutable: a step makes new objects along the way to what changed. */
import type { Prefix } from '../../../net/prefix.js';
import type { Origin } from '../../link/types.js';
import type { Lease, MachineId, Order, Reason, Role, Usage, Want } from '../../wire/types.js';
import type { ArmedLease, NodeCondition, NodePolicy } from '../types.js';

export interface NodeState {
  readonly policy: NodePolicy;
  readonly epoch: number;
  /** Of the newest message that was sent; 0: none yet. */
  readonly sequence: number;
  /** Of the generator that shortens intervals. */
  readonly random: number;
  /** null: the shell has not told yet, so nothing is offered. */
  readonly condition: NodeCondition | null;
  /** Why the machine is ending; null: it is not. */
  readonly stopping: Reason | null;
  readonly pairings: ReadonlyMap<string, PairingState>;
  readonly arming: ArmingState;
  /** Whether an offer was being made after the last step; null: nothing was known. */
  readonly offering: boolean | null;
  /** Digest of what the ADVERTISE of now says to everybody; see advertise.ts. */
  readonly announced: string | null;
}

export interface ArmingState {
  /** Of the newest `apply`; 0: none yet. */
  readonly version: number;
  /** Its leases. */
  readonly leases: readonly ArmedLease[];
  /** The newest version that was in force. */
  readonly appliedVersion: number;
  /** The newest that the shell told of was a problem: nothing is in force. */
  readonly broken: boolean;
  /** Taking the rules back has failed: when to ask for it again. */
  readonly retryAtUs: number | null;
}

export interface PairingState {
  readonly lease: LeaseState | null;
  /** The last one that ended; null: none in this epoch. */
  readonly ended: EndedLease | null;
  /** A RELEASE that is answered once the rules are gone. */
  readonly release: PendingRelease | null;
  readonly withdrawal: Withdrawal | null;
  /** When the last ADVERTISE was sent; null: none in this epoch. */
  readonly advertisedUs: number | null;
  readonly advertiseAtUs: number;
}

export interface LeaseState {
  readonly router: MachineId;
  readonly number: bigint;
  readonly role: Role;
  readonly want: Want;
  readonly clients: readonly Prefix[];
  /** The router's own path: a router on it must never become our way out. */
  readonly path: readonly MachineId[];
  readonly origin: Origin;
  readonly sinceUs: number;
  readonly endsUs: number;
  /** The first `apply` with the rules of now; a later end alone makes no other rules. */
  readonly contentVersion: number;
  /** The router was told, by ACCEPT or STATUS, that the lease is in force. */
  readonly confirmed: boolean;
  /** The newest ELECT or RENEW that is answered once the rules are in force. */
  readonly request: PendingRequest | null;
  readonly usage: Usage;
}

export interface PendingRequest {
  readonly type: 'elect' | 'renew';
  readonly echo: Order;
  readonly origin: Origin;
}

export interface EndedLease {
  readonly number: bigint;
  /** What a RENEW of it is refused with. */
  readonly reason: Reason;
  /** The first `apply` without it. */
  readonly goneVersion: number;
  readonly usage: Usage;
}

export interface PendingRelease {
  readonly lease: Lease;
  readonly echo: Order;
  readonly origin: Origin;
  /** Answered once this `apply` is in force. */
  readonly afterVersion: number;
}

export interface Withdrawal {
  readonly reason: Reason;
  /** null: only the offer ends. */
  readonly lease: Lease | null;
  /** How often it is still to be sent. */
  readonly left: number;
  readonly atUs: number;
}

/** `contentVersion` of a lease that was given in this step. */
export const NEW_LEASE = Infinity;

export const NO_USAGE: Usage = { toNetworkBytes: 0n, fromNetworkBytes: 0n };

export interface NodeSettings {
  policy: NodePolicy;
  /** Greater than every epoch that this machine has used before (section 4.3). */
  epoch: number;
  /** Any number; only intervals depend on it. */
  seed: number;
}

export function initialNode({ policy, epoch, seed }: NodeSettings): NodeState {
  return {
    policy,
    epoch,
    sequence: 0,
    random: seed >>> 0,
    condition: null,
    stopping: null,
    pairings: new Map(),
    arming: { version: 0, leases: [], appliedVersion: 0, broken: false, retryAtUs: null },
    offering: null,
    announced: null,
  };
}

export const NEW_PAIRING: Omit<PairingState, 'advertiseAtUs'> = {
  lease: null,
  ended: null,
  release: null,
  withdrawal: null,
  advertisedUs: null,
};

/** The rules of this lease are in force, as far as the shell has told. */
export function inForce({ arming }: NodeState, lease: LeaseState): boolean {
  return !arming.broken && lease.contentVersion <= arming.appliedVersion;
}
