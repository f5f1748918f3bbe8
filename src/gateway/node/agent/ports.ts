/** What the agent is wired to. Tests hand in their own. */
import type { Clock } from '../../../controller/ports.js';
import type { Family, IpAddress } from '../../../net/ip-address.js';
import type { GatewayLink, Origin } from '../../link/types.js';
import type { Log } from '../../log.js';
import type { Pairing } from '../../pairing/types.js';
import type { Backhaul, DiscardReason, MachineId, Power, Usage } from '../../wire/types.js';
import type { ArmedLease } from '../types.js';

/** One interface of this machine that has an address. */
export interface LocalInterface {
  ifindex: number;
  ifname: string;
  /** That routers can send to: IPv4, and IPv6 of the link (what they know the node by). */
  addresses: Readonly<Partial<Record<Family, IpAddress>>>;
}

/** What the machine looks like now; asked again each second. */
export interface Machine {
  interfaces(): LocalInterface[];
  power(): Power;
  /** What it lacks to forward for anybody, and what to do about that; null: nothing. */
  lacks(): string | null;
}

/** The node's own way out. */
export interface BackhaulPort {
  /** One entry for each family that has a way out. */
  paths(): Backhaul[];
  /** Which interfaces the ways out are. */
  interfaces(): Readonly<Partial<Record<Family, string>>>;
  /** Their gateways. */
  gateways(): IpAddress[];
  /** Why a family has no way out, or a bad one; in words. */
  problems(): { family: Family; reason: string }[];
  onChange(listener: () => void): void;
  close(): void;
}

export interface ArmingPort {
  apply(leases: readonly ArmedLease[], nowUs: number): Promise<void>;
  usage(): Promise<ReadonlyMap<string, Usage>>;
  restore(): Promise<string[]>;
  /** Disarms, and ends what waits for the next lease: processes, timers. */
  close(): Promise<void>;
}

export type LinkPort = Pick<GatewayLink, 'send' | 'setInterfaces' | 'setUrgent' | 'statistics' | 'close'> & {
  countDiscard(reason: DiscardReason, origin: Origin): void;
  problems(): { ifname: string; reason: string }[];
};

export interface PairingsPort {
  list(): readonly Pairing[];
  onChange(listener: () => void): unknown;
}

/** The router of this machine, if it is one, too: a program of its own. */
export interface OwnRouterPort {
  /** Machines that it leaves through. */
  upstream(): MachineId[];
  /** Told whom this node serves, and who is behind them. */
  serve(routers: readonly MachineId[]): void;
}

export interface AgentPorts {
  clock: Clock;
  machine: Machine;
  backhaul: BackhaulPort;
  arming: ArmingPort;
  link: LinkPort;
  pairings: PairingsPort;
  ownRouter: OwnRouterPort;
  log: Log;
}
