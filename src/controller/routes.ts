/**
 * Configured routes and the kernel's others -> the data plane's routes, so that both choose alike; and what a person
 * should know about them. Pure.
 */
import type { KernelConfig } from '../config/types.js';
import type { Prefix } from '../net/prefix.js';
import { groupIdOf } from './ids.js';
import type { Inputs } from './intents.js';
import type { KernelRoute, KernelView, RouteIntent, RouteIntentTarget } from './ports.js';

/** rtm_table number (linux/rtnetlink.h). */
const RT_TABLE_LOCAL = 255;

export const isOfTableLocal = (route: KernelRoute): boolean => route.table === RT_TABLE_LOCAL;

/**
 * A foreign route that the kernel prefers to Detour's of the same prefix: a better metric, or the same one, which
 * Detour finds occupied and leaves alone.
 */
export function outranksOurs(route: KernelRoute, { table, metric }: KernelConfig): boolean {
  return route.table === table && route.metric <= metric;
}

/** The kernel asks table local before every other: nothing below one of its prefixes is ever looked up elsewhere. */
interface LocalRoutes {
  targets: Map<string, RouteIntent>;
  /** Prefixes of more than one address: loopback, or a whole network that an administrator made local. */
  wide: Prefix[];
}

function localRoutes(view: KernelView): LocalRoutes {
  const local: LocalRoutes = { targets: new Map(), wide: [] };
  for (const { prefix, type, ...rest } of view.routes) {
    if (rest.table !== RT_TABLE_LOCAL) continue;
    local.targets.set(prefix.toString(), { prefix, target: { kind: type === 'multicast' ? 'stack' : 'local' } });
    if (prefix.length < (prefix.family === 4 ? 32 : 128)) local.wide.push(prefix);
  }
  return local;
}

const isHidden = (prefix: Prefix, { targets, wide }: LocalRoutes): boolean =>
  targets.has(prefix.toString()) || wide.some((cover) => cover.contains(prefix));

/** What is unlike unicast the stack answers; unicast is asked of the kernel's FIB, packet by packet. */
const foreignTarget = ({ type }: KernelRoute): RouteIntentTarget => ({ kind: type === 'unicast' ? 'fib' : 'stack' });

/** Routes whose group exists in the route's family; the others are problems, reported by `routeProblems`. */
export function routeIntents({ config, view, groups, groupIndex }: Inputs): RouteIntent[] {
  const local = localRoutes(view);
  const routes = new Map<string, RouteIntent>();
  const outranked = new Set<string>();
  for (const route of view.routes) {
    if (isOfTableLocal(route) || isHidden(route.prefix, local)) continue;
    const { prefix } = route;
    const key = prefix.toString();
    const target = foreignTarget(route);
    const known = routes.get(key);
    // Of one prefix there may be several, by metric, table or type of service: the kernel knows which one counts.
    routes.set(key, { prefix, target: known && known.target.kind !== target.kind ? { kind: 'fib' } : target });
    if (outranksOurs(route, config.kernel)) outranked.add(key);
  }
  for (const { prefix, target } of config.routes) {
    const key = prefix.toString();
    if (outranked.has(key) || isHidden(prefix, local)) continue;
    if (target.kind === 'blackhole') routes.set(key, { prefix, target });
    else if (groups.some((group) => group.group === target.group && group.family === prefix.family)) {
      const group = groupIdOf(groupIndex.of(target.group), prefix.family);
      routes.set(key, { prefix, target: { kind: 'group', group } });
    }
  }
  return [...local.targets.values(), ...routes.values()];
}

/** What a person should know about the routes: conflicts with foreign ones, groups without a path in that family. */
export function routeProblems({
  config,
  view,
  groups,
}: Pick<Inputs, 'config' | 'view' | 'groups'>): Map<string, string> {
  const problems = new Map<string, string>();
  for (const { prefix, target } of config.routes) {
    const key = prefix.toString();
    if (target.kind === 'group' && !groups.some((g) => g.group === target.group && g.family === prefix.family)) {
      problems.set(key, `group ${target.group} has no uplink that carries IPv${prefix.family}`);
      continue;
    }
    const better = view.routes.find((route) => outranksOurs(route, config.kernel) && route.prefix.equals(prefix));
    if (better) {
      const via = better.gateway ? ` via ${better.gateway.toString()}` : '';
      problems.set(
        key,
        `a foreign route${via} with metric ${better.metric} is preferred by the kernel over Detour's metric ${config.kernel.metric}: ` +
          `lower kernel.metric or raise the other's`,
      );
    }
  }
  return problems;
}
