/**
 * The kernel's routes that are not Detour's, put in order once for as long as the view keeps the same list: there may
 * be a million of them, and most passes and every API request find them unchanged. Pure.
 */
import type { KernelConfig } from '../config/types.js';
import type { Prefix } from '../net/prefix.js';
import type { KernelRoute, RouteIntent, RouteIntentTarget } from './ports.js';

/** rtm_table number (linux/rtnetlink.h). */
const RT_TABLE_LOCAL = 255;

/** One object for all: there may be a million. */
const FIB: RouteIntentTarget = { kind: 'fib' };
const STACK: RouteIntentTarget = { kind: 'stack' };
const LOCAL: RouteIntentTarget = { kind: 'local' };

export const isOfTableLocal = (route: KernelRoute): boolean => route.table === RT_TABLE_LOCAL;

/** For packets of some sources or of one type of service only. */
export const isForSome = ({ source, tos }: KernelRoute): boolean => source !== null || tos !== 0;

/** "a foreign route from fd01::/64", "a foreign route for TOS 0x10". */
export function describeForSome({ source, tos }: KernelRoute): string {
  const from = source === null ? '' : ` from ${source.toString()}`;
  return `a foreign route${from}${tos === 0 ? '' : ` for TOS 0x${tos.toString(16)}`}`;
}

/**
 * A foreign route that the kernel prefers to Detour's of the same prefix: a better metric, or the same one, which
 * Detour finds occupied and leaves alone. Whatever its metric, one for some packets only is looked at before those for
 * all (fib_table_lookup() by TOS, fib6_node_lookup() by source): which one counts, the kernel knows packet by packet.
 */
export function outranksOurs(route: KernelRoute, { table, metric }: Pick<KernelConfig, 'table' | 'metric'>): boolean {
  return route.table === table && (route.metric <= metric || isForSome(route));
}

/** Keys are prefixes as text. */
export interface ForeignRoutes {
  /** Table local: the kernel asks it before every other. */
  local: ReadonlyMap<string, RouteIntent>;
  /** Local prefixes of more than one address: loopback, or a whole network that an administrator made local. */
  wideLocal: readonly Prefix[];
  /** Every other prefix that table local does not hide. */
  others: ReadonlyMap<string, RouteIntent>;
  /** Routes that the kernel prefers to ours of the same prefix; of each the first one, rather one for all packets. */
  outranking: ReadonlyMap<string, KernelRoute>;
}

type LocalRoutes = Pick<ForeignRoutes, 'local' | 'wideLocal'>;
type Ranking = Pick<KernelConfig, 'table' | 'metric'>;

const known = new WeakMap<readonly KernelRoute[], { table: number; metric: number; found: ForeignRoutes }>();

/** @returns the same object for the same list and ranking */
export function foreignRoutes(routes: readonly KernelRoute[], { table, metric }: Ranking): ForeignRoutes {
  const last = known.get(routes);
  if (last?.table === table && last.metric === metric) return last.found;
  const found = sorted(routes, { table, metric });
  known.set(routes, { table, metric, found });
  return found;
}

/** Nothing below a prefix of table local is ever looked up elsewhere. */
export function isHidden(prefix: Prefix, key: string, { local, wideLocal }: LocalRoutes): boolean {
  return local.has(key) || wideLocal.some((cover) => cover.contains(prefix));
}

function sorted(routes: readonly KernelRoute[], ranking: Ranking): ForeignRoutes {
  const local = new Map<string, RouteIntent>();
  const wideLocal: Prefix[] = [];
  const elsewhere: KernelRoute[] = [];
  for (const route of routes) {
    if (!isOfTableLocal(route)) {
      elsewhere.push(route);
      continue;
    }
    const { prefix, type } = route;
    local.set(prefix.toString(), { prefix, target: type === 'multicast' ? STACK : LOCAL });
    if (prefix.length < (prefix.family === 4 ? 32 : 128)) wideLocal.push(prefix);
  }
  const others = new Map<string, RouteIntent>();
  const outranking = new Map<string, KernelRoute>();
  for (const route of elsewhere) {
    const { prefix } = route;
    const key = prefix.toString();
    const known = outranking.get(key);
    if (outranksOurs(route, ranking) && (!known || (isForSome(known) && !isForSome(route)))) outranking.set(key, route);
    if (isHidden(prefix, key, { local, wideLocal })) continue;
    const target = foreignTarget(route);
    const before = others.get(key);
    // Of one prefix there may be several, by metric, table or type of service: the kernel knows which one counts.
    others.set(key, { prefix, target: before && before.target !== target ? FIB : target });
  }
  return { local, wideLocal, others, outranking };
}

/** What is unlike unicast the stack answers; unicast is asked of the kernel's FIB, packet by packet. */
const foreignTarget = ({ type }: KernelRoute): RouteIntentTarget => (type === 'unicast' ? FIB : STACK);
