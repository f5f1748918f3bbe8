/** The node's own way out: which interface, and whether it works. */
import type { Clock } from '../../../controller/ports.js';
import type { Family, IpAddress } from '../../../net/ip-address.js';
import type { Backhaul } from '../../wire/types.js';

export interface BackhaulTarget {
  /** `tcp`: a connection is made, or refused. `dns`: a resolver, that answers whatever. */
  kind: 'tcp' | 'dns';
  address: IpAddress;
  port: number;
}

export interface BackhaulOptions {
  /** `auto`: that of the best default route that is not excluded, followed when it changes. */
  interface: string;
  /** Never taken by `auto`: links where routers are served. A way out through a router that elects this node is none. */
  exclude?: () => readonly string[];
  /** Asked by turns; a family without targets has no way out. */
  targets: readonly BackhaulTarget[];
  intervalMs?: number;
  timeoutMs?: number;
  /** Rounds without any answer before the state is `bad`. */
  failAfter?: number;
  clock: Clock;
  /** Tests hand in their own. */
  probe?: ProbeTarget;
  ways?: (family: Family) => WayOut | string;
}

/** An interface that a family may leave by; null: a link without gateway. */
export interface WayOut {
  interface: string;
  gateway: IpAddress | null;
}

/** @returns round trip in microseconds; rejects when there was no answer in time, with the reason for people */
export type ProbeTarget = (target: BackhaulTarget, ifname: string, timeoutMs: number) => Promise<number>;

export interface BackhaulMonitor {
  /** One entry for each family that has a way out now. */
  paths(): Backhaul[];
  /** Which interface that is. */
  interfaces(): Readonly<Partial<Record<Family, string>>>;
  gateways(): IpAddress[];
  /** Why a family has no way out, or a bad one; in words. */
  problems(): { family: Family; reason: string }[];
  /** After an interface, a gateway or a state has changed. */
  onChange(listener: () => void): void;
  close(): void;
}
