/**
 * The router's state, docs/gateway-protocol.md, section 6. Never written to: a step makes new objects for what changes and
 * shares the rest.
 */
import type { Family } from '../../../net/ip-address.js';
import type { Origin } from '../../link/types.js';
import type { MachineId, Offer, OfferedFamily, Order, Reason, Role, Usage, Want } from '../../wire/types.js';
import type { ElectedGateway, MeasuredPath, Need, NodeState, PersistedLease, RouterPolicy } from '../types.js';

export interface RouterState {
  readonly policy: RouterPolicy;
  readonly epoch: number;
  /** Of the last message that was sent. */
  readonly sequence: number;
  /** Of the generator of random numbers. */
  readonly random: bigint;
  /** null: not told yet; leases that were restored stay as they are until then. */
  readonly need: Need | null;
  readonly preference: readonly string[];
  readonly downstream: readonly MachineId[];
  readonly nodes: ReadonlyMap<string, NodeEntry>;
  /** What the shell was told last, to tell it only what is new. */
  readonly told: { readonly elected: readonly ElectedGateway[]; readonly leases: readonly PersistedLease[] };
  /** After `stop`: nothing but RELEASE is sent. */
  readonly stopped: boolean;
  /** When time alone changes something; may be early, never late. */
  readonly deadlineUs: number | null;
}

/** All that is known of one node that there is a pairing with. */
export interface NodeEntry {
  readonly pairing: string;
  readonly node: MachineId | null;
  readonly approved: boolean;
  readonly state: NodeState;
  readonly sinceUs: number;
  readonly cause: string;
  /** Newest authenticated order of the node, which ELECT, RENEW and RELEASE echo; null: never heard. */
  readonly nodeOrder: Order | null;
  readonly lastHeardUs: number | null;
  readonly offer: HeldOffer | null;
  readonly lease: HeldLease | null;
  readonly pending: Pending | null;
  readonly rest: { readonly untilUs: number; readonly lengthUs: number } | null;
  /** When its offer ended, within the window that flaps are counted in. */
  readonly flapsUs: readonly number[];
  readonly operator: { readonly what: 'elect' | 'release'; readonly by: string } | null;
  readonly budgetExhausted: boolean;
  readonly measured: readonly MeasuredPath[];
  /** Since when every family that is asked of it is bad; null: not so. */
  readonly badSinceUs: number | null;
  /** Since when it would take the place of one that is elected; null: it would not. */
  readonly betterSinceUs: number | null;
  /** Number of the last lease that is over: the node may still speak of it for a moment. */
  readonly endedLease: bigint | null;
}

export interface HeldOffer {
  readonly offer: Offer;
  readonly origin: Origin;
  /** Of the last ADVERTISE from that origin. */
  readonly atUs: number;
  readonly intervalUs: number;
  /** Hold time. */
  readonly untilUs: number;
  /** A lease of this router's that the node speaks of. */
  readonly lease: { readonly number: bigint; readonly endsUs: number } | null;
  /** Heard while an ELECT was not answered: the slots that are used may include ours, although no lease is spoken of yet. */
  readonly mayCountUs: boolean;
}

/** What a lease asks of the node; a change goes by RENEW. */
export interface Terms {
  readonly role: Role;
  readonly families: readonly Family[];
  readonly wayBack: Want['wayBack'];
}

export interface SentRequest {
  readonly order: Order;
  readonly atUs: number;
  readonly leaseUs: number;
  readonly terms: Terms;
}

export interface HeldLease {
  readonly number: bigint;
  readonly origin: Origin;
  readonly terms: Terms;
  /** The newest terms that the node has confirmed; null: none yet. */
  readonly confirmed: Terms | null;
  /** ELECT, RENEW and RELEASE that may still be answered, oldest first. */
  readonly sent: readonly SentRequest[];
  /** Families that the node may take itself to be active for, whichever of our messages it has heard. */
  readonly activeMaybe: readonly Family[];
  readonly sinceUs: number;
  /** From when the confirmed message was sent; before that, from when the last one was. */
  readonly endsUs: number;
  /** When the node's own end comes at the latest, as far as it has heard us: RELEASE is repeated until then. */
  readonly latestEndUs: number;
  readonly renewAtUs: number;
  /** Until then a better node takes over without waiting: it may have been heard late. */
  readonly openUntilUs: number;
  /** As the node said in ACCEPT or STATUS, of those that are asked for. */
  readonly families: readonly OfferedFamily[];
  readonly usage: Usage;
  /** Set on the way out: what RELEASE will say. */
  readonly reason: Reason | null;
}

/** A message that is repeated until it is answered. */
export interface Pending {
  readonly kind: 'elect' | 'renew' | 'release';
  readonly attempts: number;
  /** When it is sent, or sent again. */
  readonly nextUs: number;
  readonly intervalUs: number;
  /** The attempts have begun anew, as the node was heard to have the lease that it is asked for; once at most. */
  readonly anew: boolean;
}

/** States in which the node may be armed by us and traffic may be on it. */
export const isHolding = ({ state }: NodeEntry): boolean =>
  state === 'electing' || state === 'elected' || state === 'leaving';

export const activeFamilies = ({ role, families }: Terms): readonly Family[] => (role === 'active' ? families : []);

export const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];

export interface RouterStart {
  policy: RouterPolicy;
  /** Greater than of every run before; section 4.3. */
  epoch: number;
  /** Of the last message sent in this epoch. */
  sequence?: number;
  /** 64 bits from a good source: lease numbers come from it. */
  seed: bigint | number;
}

/** @returns a router that knows nobody: `pairings`, then `restore` come next */
export function initialRouter({ policy, epoch, sequence = 0, seed }: RouterStart): RouterState {
  return {
    policy,
    epoch,
    sequence,
    random: BigInt.asUintN(64, BigInt(seed)),
    need: null,
    preference: [],
    downstream: [],
    nodes: new Map(),
    told: { elected: [], leases: [] },
    stopped: false,
    deadlineUs: null,
  };
}

export function newEntry(pairing: string, node: MachineId | null, approved: boolean, nowUs: number): NodeEntry {
  return {
    pairing,
    node,
    approved,
    state: 'absent',
    sinceUs: nowUs,
    cause: 'not heard yet',
    nodeOrder: null,
    lastHeardUs: null,
    offer: null,
    lease: null,
    pending: null,
    rest: null,
    flapsUs: [],
    operator: null,
    budgetExhausted: false,
    measured: [],
    badSinceUs: null,
    betterSinceUs: null,
    endedLease: null,
  };
}
