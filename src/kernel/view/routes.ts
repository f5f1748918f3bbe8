/** Foreign routes of one family and table, followed through notifications. */
import type { Family } from '../../net/ip-address.js';
import { NLM_F_APPEND, NLM_F_REPLACE, RTM_DELROUTE, RTPROT_DETOUR } from '../netlink/constants.js';
import type { NetlinkMessage } from '../netlink/message.js';
import { readRoute, type RouteRecord } from '../codec/route.js';
import { sameRecord, type Collection } from './collection.js';

/** Routes that differ only in what stands behind the prefix: the kernel keeps them in order, the first one counts. */
export interface RouteSlot {
  routes: readonly RouteRecord[];
}

/** What a notification did: `ambiguous` means that only a dump tells. */
export type RouteEffect = 'none' | 'changed' | 'ambiguous';

export function routeSlotKey(route: Pick<RouteRecord, 'prefix' | 'source' | 'metric' | 'tos'>): string {
  const from = route.source === null ? '' : ` ${route.source.toString()}`;
  return `${route.prefix.toString()} ${route.metric} ${route.tos}${from}`;
}

/** For Tracker: dumps come in the kernel's order. */
export function gatherRoute(
  message: NetlinkMessage,
  collection: Collection<RouteSlot>,
  family: Family,
  table: number,
): void {
  const route = readRoute(message.payload);
  if (!route || route.protocol === RTPROT_DETOUR) return;
  if (route.prefix.family !== family || route.table !== table) return;
  const key = routeSlotKey(route);
  const before = collection.gathered(key)?.routes ?? [];
  collection.addDumped(key, { routes: [...before, route] });
}

export function applyRouteEvent(
  collection: Collection<RouteSlot>,
  message: Pick<NetlinkMessage, 'type' | 'flags'>,
  route: RouteRecord,
): RouteEffect {
  const key = routeSlotKey(route);
  const before = collection.get(key)?.routes ?? [];
  const at = before.findIndex((other) => sameRecord(other, route));
  if (message.type === RTM_DELROUTE) {
    if (at < 0) return before.length > 0 ? 'ambiguous' : 'none';
    const rest = before.toSpliced(at, 1);
    if (rest.length === 0) collection.delete(key);
    else collection.set(key, { routes: rest });
    return 'changed';
  }
  if (at >= 0) return 'none';
  const after = place(before, route, message.flags);
  if (!after) return 'ambiguous';
  collection.set(key, { routes: after });
  return 'changed';
}

/** null: cannot be told. IPv6 merges gateways of one metric into a multipath route, and replaces whole ones of those. */
function place(before: readonly RouteRecord[], route: RouteRecord, flags: number): RouteRecord[] | null {
  if (before.length === 0) return [route];
  if (route.prefix.family === 6 && (flags & NLM_F_REPLACE) === 0 && (route.multipath || route.gateway)) return null;
  if (flags & NLM_F_REPLACE) {
    if (route.prefix.family === 6 && before.length > 1) return null;
    return [route, ...before.slice(1)];
  }
  return flags & NLM_F_APPEND ? [...before, route] : [route, ...before];
}
