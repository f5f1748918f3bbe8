/**
 * Configured routes and the kernel's others -> the data plane's routes, so that both choose alike; and what a person
 * should know about them. Pure.
 */
import type { Config } from '../config/types.js';
import type { GroupView } from '../engine/types.js';
import type { Family } from '../net/ip-address.js';
import { bypassed } from './bypasses.js';
import { describeForSome, foreignRoutes, isForSome, isHidden } from './foreign-routes.js';
import type { ForeignRoutes } from './foreign-routes.js';
import { groupIdOf } from './ids.js';
import type { Inputs } from './intents.js';
import type { GroupId, RouteIntent, RouteIntentTarget } from './ports.js';

/** What the routes are made of besides the foreign ones. */
interface Ingredients {
  configured: Config['routes'];
  /** By group and family: those that have a path. */
  groupIds: ReadonlyMap<string, GroupId>;
  /** Whom to ask instead of the data plane's own choice; null: nobody. */
  asked: Record<Family, 'fib' | 'stack' | null>;
}

const groupKey = (group: string, family: Family): string => `${family} ${group}`;

const last = new WeakMap<ForeignRoutes, { configured: Config['routes']; rest: string; routes: RouteIntent[] }>();

/**
 * Routes whose group exists in the route's family; the others are problems, reported by `routeProblems`.
 * @returns the same array while nothing that it depends on is different
 */
export function routeIntents({ config, view, groups, groupIndex }: Inputs): RouteIntent[] {
  const foreign = foreignRoutes(view.routes, config.kernel);
  const asked = (family: Family) => bypassed(view, config.kernel, family)?.asks ?? null;
  const ingredients: Ingredients = {
    configured: config.routes,
    groupIds: new Map(
      groups.map(({ group, family }) => [groupKey(group, family), groupIdOf(groupIndex.of(group), family)]),
    ),
    asked: { 4: asked(4), 6: asked(6) },
  };
  const rest = JSON.stringify([ingredients.asked, ...ingredients.groupIds]);
  const before = last.get(foreign);
  if (before && before.configured === config.routes && before.rest === rest) return before.routes;
  const routes = composed(foreign, ingredients);
  last.set(foreign, { configured: config.routes, rest, routes });
  return routes;
}

function composed(foreign: ForeignRoutes, { configured, groupIds, asked }: Ingredients): RouteIntent[] {
  const routes = new Map(foreign.others);
  for (const { prefix, target } of configured) {
    const key = prefix.toString();
    if (foreign.outranking.has(key) || isHidden(prefix, key, foreign)) continue;
    const group = target.kind === 'group' ? groupIds.get(groupKey(target.group, prefix.family)) : undefined;
    if (target.kind === 'blackhole') routes.set(key, { prefix, target });
    else if (group !== undefined) routes.set(key, { prefix, target: { kind: 'group', group } });
  }
  const agreed = [...routes.values()].map((route): RouteIntent => {
    const target = agreeing(route.target, asked[route.prefix.family]);
    return target === route.target ? route : { prefix: route.prefix, target };
  });
  return [...foreign.local.values(), ...agreed];
}

/**
 * What the data plane may still do while a rule of others or an IPsec policy is in force. A blackhole stays one: it is there to drop. What
 * was left to the stack because of the route's type may have another route by the rule, so the FIB is asked, too.
 * @param asked as in Ingredients
 */
function agreeing(target: RouteIntentTarget, asked: 'fib' | 'stack' | null): RouteIntentTarget {
  return asked === null || target.kind === 'blackhole' || target.kind === asked ? target : { kind: asked };
}

/** What a person should know about the routes: conflicts with foreign ones, groups without a path in that family. */
export function routeProblems({
  config,
  view,
  groups,
}: Pick<Inputs, 'config' | 'view'> & { groups: readonly GroupView[] }): Map<string, string> {
  const { outranking } = foreignRoutes(view.routes, config.kernel);
  const carried = new Set(groups.map(({ group, family }) => groupKey(group, family)));
  const problems = new Map<string, string>();
  for (const { prefix, target } of config.routes) {
    const key = prefix.toString();
    if (target.kind === 'group' && !carried.has(groupKey(target.group, prefix.family))) {
      problems.set(key, `group ${target.group} has no uplink that carries IPv${prefix.family}`);
      continue;
    }
    const better = outranking.get(key);
    if (better && isForSome(better)) {
      problems.set(key, `${describeForSome(better)} comes before Detour's: XDP asks the kernel for each packet`);
    } else if (better) {
      const via = better.gateway ? ` via ${better.gateway.toString()}` : '';
      problems.set(
        key,
        `a foreign route${via} with metric ${better.metric} is preferred by the kernel over Detour's metric ${config.kernel.metric}: ` +
          `what the stack forwards stays there whatever fails; give it a metric above ${config.kernel.metric}`,
      );
    }
  }
  return problems;
}
