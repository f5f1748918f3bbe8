/** What Detour keeps in the kernel, as values: wanted by an intent, or found by a dump. */
import type { KernelConfig } from '../../config/types.js';
import type { Family } from '../../net/ip-address.js';
import type { NexthopGroupSpec, NexthopRecord, NexthopSpec } from '../codec/nexthop.js';
import type { RouteRecord, RouteSpec } from '../codec/route.js';
import type { RuleRecord, RuleSpec } from '../codec/rule.js';

export interface WantedRoute extends RouteSpec {
  /**
   * False: stays if it is there, but is not made. For the routes of an uplink whose link is down: the kernel would
   * refuse them now, and those that survived the loss of the carrier are right again when it returns.
   */
  create: boolean;
}

export interface WantedObjects {
  nexthops: NexthopSpec[];
  groups: NexthopGroupSpec[];
  routes: WantedRoute[];
  rules: RuleSpec[];
}

export interface FoundObjects {
  /** Everybody's: an id that somebody else holds must not be taken. */
  nexthops: readonly NexthopRecord[];
  /** Ours. */
  routes: readonly RouteRecord[];
  rules: readonly RuleRecord[];
  /** Protocol of somebody else's route in this route's place, as far as the tables are looked at. */
  foreignHolder: (route: RouteSpec) => number | undefined;
}

/** Ids from nexthopIdBase on: first two for each uplink (IPv4, IPv6), from here on two for each group. */
const GROUP_ID_OFFSET = 0x4000;

export function pathNexthopId(config: KernelConfig, uplinkIndex: number, family: Family): number {
  return config.nexthopIdBase + uplinkIndex * 2 + (family === 4 ? 0 : 1);
}

export function groupNexthopId(config: KernelConfig, groupIndex: number, family: Family): number {
  return config.nexthopIdBase + GROUP_ID_OFFSET + groupIndex * 2 + (family === 4 ? 0 : 1);
}

/** The kernel takes one route for each of these (leaving TOS aside, which Detour never sets). */
export function routeKey(route: Pick<RouteSpec, 'prefix' | 'table' | 'metric'>): string {
  return `${route.table} ${route.prefix.toString()} ${route.metric}`;
}

/** For people: "203.0.113.0/24 metric 100 table 254". */
export function routeName(route: Pick<RouteSpec, 'prefix' | 'table' | 'metric'>): string {
  return `route ${route.prefix.toString()} metric ${route.metric} table ${route.table}`;
}
