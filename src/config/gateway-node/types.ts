/** The node agent's configuration, as the agent uses it. Times in ms. */
import type { IpAddress } from '../../net/ip-address.js';
import type { Prefix } from '../../net/prefix.js';

export interface GatewayNodeConfig {
  version: 1;
  /** Told to routers, for people; null: the host's name. */
  name: string | null;
  /** Where routers are; null: the one interface besides that of the default route. */
  interfaces: string[] | null;
  backhaul: NodeBackhaulConfig;
  /** Kilobits a second, 0: unknown; null: nothing is told. */
  capacity: { downKbps: number; upKbps: number } | null;
  cost: {
    /** 0 is best. */
    preference: number;
    metered: boolean;
    budget: NodeBudget | null;
  };
  /** On battery and below this nothing is offered. */
  minimumBatteryPercent: number;
  /** Routers served at a time. */
  slots: number;
  /** Prefixes of the clients that the node's own network routes to it: nothing is translated for them. */
  routedPrefixes: Prefix[];
  advertiseIntervalMs: number;
  /** By which offers are made on a link that has both. */
  advertiseFamily: 4 | 6;
  maximumLeaseMs: number;
  stateDirectory: string;
  log: { level: 'debug' | 'info' | 'warn' | 'error' };
}

export interface NodeBackhaulConfig {
  /** null: that of the default route. */
  interface: string | null;
  /** Asked through it, each family by its own; none at all: a default route is enough. */
  targets: NodeTarget[];
  intervalMs: number;
  timeoutMs: number;
  failAfter: number;
}

export interface NodeTarget {
  /** `dns`: a resolver, asked by UDP. `tcp`: a connection; a refusal is an answer, too. */
  kind: 'tcp' | 'dns';
  address: IpAddress;
  port: number;
}

export interface NodeBudget {
  bytes: bigint;
  per: 'day' | 'month';
}
