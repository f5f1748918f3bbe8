/**
 * Vocabulary of the router's side: `step(state, event, nowUs) -> { state, actions }`. Pure; docs/gateway-protocol.md,
 * section 6. Times are microseconds of a monotonic clock. Nodes are named by their pairing.
 */
import type { Family, IpAddress } from '../../net/ip-address.js';
import type { Prefix } from '../../net/prefix.js';
import type { OutgoingMessage, Origin, ReceivedMessage } from '../link/types.js';
import type { MachineId, Offer, OfferedFamily, Order, Reason, Role, Usage, Want } from '../wire/types.js';

export interface RouterPolicy {
  self: MachineId;
  /** Nodes with a lease at a time, at most (one more for the moment of a change from one to a better one). */
  maximumElected: number;
  /** `avoid`: after every unmetered one. */
  metered: 'allow' | 'avoid' | 'never';
  /** On battery and not charging, below this: not elected. */
  minimumBatteryPercent: number;
  /** `manual`: only nodes that a person has approved are elected. */
  approval: 'pairing' | 'manual';
  wayBack: Want['wayBack'];
  clients: Prefix[];
  leaseUs: number;
  renewUs: number;
  /** A better node must have been better for this long before it takes over; see election.ts for what counts at once. */
  switchAfterUs: number;
  /** Rest after a failed election; doubles up to the maximum. */
  restUs: number;
  maximumRestUs: number;
}

/** What is wanted of the nodes altogether; from the controller. */
export interface Need {
  /** Families for which no configured uplink works, or whose traffic is on a node at this moment. */
  active: Family[];
  /** Families for which a node shall be kept warm; empty with `standby: cold`. */
  standby: Family[];
  cause: string;
  /** Why this router could not use another node now: nobody is elected, whoever is keeps its lease. Absent: nothing. */
  hindrance?: string;
}

/** The path through an elected node, as the router's own probes find it. */
export interface MeasuredPath {
  family: Family;
  state: 'unknown' | 'good' | 'bad';
  lossPercent: number | null;
  rttUs: number | null;
  detail: string;
}

export type NodeState = 'absent' | 'offered' | 'electing' | 'elected' | 'leaving' | 'releasing' | 'resting';

export type RouterEvent =
  | { type: 'configure'; policy: RouterPolicy }
  | { type: 'pairings'; pairings: { name: string; peer: MachineId | null; approved: boolean }[] }
  /** Leases that an earlier run left (see `persist`): kept and renewed if they have not ended. */
  | { type: 'restore'; leases: PersistedLease[] }
  | { type: 'message'; received: ReceivedMessage }
  | { type: 'need'; need: Need }
  | { type: 'measured'; pairing: string; paths: MeasuredPath[] }
  /** The byte budget of this node on this router is used up, or is not (any more). */
  | { type: 'budget'; pairing: string; exhausted: boolean }
  /** From the policy hook: preferred nodes, best first; those not named keep the documented order behind them. */
  | { type: 'preference'; order: string[] }
  /** Routers that this machine serves as a node: they are told in PATH. */
  | { type: 'downstream'; routers: MachineId[] }
  /** After `leaving`: no traffic goes to that node any more, and that is programmed everywhere. */
  | { type: 'left'; pairing: string }
  /** By hand. `elect`: wanted whatever the need; `release`: not wanted until `auto`. */
  | { type: 'operator'; what: 'elect' | 'release' | 'auto'; pairing: string; by: string }
  | { type: 'tick' }
  /** Release everybody. */
  | { type: 'stop'; reason: Reason };

export type RouterAction =
  | { type: 'send'; outgoing: OutgoingMessage }
  /** The whole set, whenever it changes: each is an uplink. */
  | { type: 'elected'; gateways: ElectedGateway[] }
  /** The whole set, whenever it changes: to be kept on disk for the next run. */
  | { type: 'persist'; leases: PersistedLease[] }
  | { type: 'usage'; pairing: string; usage: Usage; leaseNumber: bigint }
  /** An answer that echoes nothing we wait for: counted like the link's discards. */
  | { type: 'discarded'; reason: 'echo'; origin: Origin }
  | { type: 'record'; record: GatewayRecord };

/** A node with a confirmed lease. */
export interface ElectedGateway {
  pairing: string;
  node: MachineId;
  role: Role;
  origin: Origin;
  families: OfferedFamily[];
  wayBack: Want['wayBack'];
  metered: boolean;
  /** No longer wanted: traffic shall leave it; `left` is the answer. */
  leaving: boolean;
}

export interface PersistedLease extends Omit<ElectedGateway, 'leaving'> {
  number: bigint;
  /** Monotonic; only of use within the same boot. */
  endsUs: number;
  /** Newest order that was authenticated from the node: for ECHO and against replay. */
  nodeOrder: Order;
}

export interface GatewayRecord {
  gateway: string;
  from: NodeState;
  to: NodeState;
  cause: string;
  atUs: number;
}

/** For the API: one node that there is a pairing with. */
export interface NodeView {
  pairing: string;
  node: MachineId | null;
  approved: boolean;
  state: NodeState;
  sinceUs: number;
  cause: string;
  /** null: not heard since the start. */
  origin: Origin | null;
  lastHeardUs: number | null;
  offer: Offer | null;
  measured: MeasuredPath[];
  /** Place in the order of election, from 1; null: cannot be elected, and `why` says so. */
  rank: number | null;
  /** One sentence: why it is, or is not, the one that is elected. */
  why: string;
  /** By hand; null: as the need says. */
  operator: 'elect' | 'release' | null;
  lease: { number: bigint; role: Role; sinceUs: number; endsUs: number; usage: Usage } | null;
  gateways: { family: Family; address: IpAddress }[];
  restUntilUs: number | null;
}
