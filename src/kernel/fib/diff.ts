/**
 * From wanted and found to the operations that make the second the first, in an order that never leaves a gap: make
 * nexthops, groups, routes, rules; then take away in reverse. Pure.
 */
import type { NexthopGroupSpec, NexthopRecord, NexthopSpec } from '../codec/nexthop.js';
import type { RouteRecord, RouteSpec, RouteTarget } from '../codec/route.js';
import { ruleText, type RuleRecord, type RuleSpec } from '../codec/rule.js';
import { RTPROT_DETOUR } from '../netlink/constants.js';
import { routeKey, routeName, type FoundObjects, type WantedObjects, type WantedRoute } from './objects.js';

export type Operation =
  | { object: 'nexthop'; action: 'create' | 'replace'; nexthop: NexthopSpec }
  | { object: 'group'; action: 'create' | 'replace'; group: NexthopGroupSpec }
  | { object: 'nexthop'; action: 'delete'; id: number }
  | { object: 'route'; action: 'create' | 'replace' | 'delete'; route: RouteSpec }
  | { object: 'rule'; action: 'create'; rule: RuleSpec }
  | { object: 'rule'; action: 'delete'; found: RuleRecord };

export interface Difference {
  operations: Operation[];
  /** Wanted, but somebody else holds it. */
  problems: string[];
}

export function diffObjects(wanted: WantedObjects, found: FoundObjects): Difference {
  const available = withoutHeld(wanted, found);
  const nexthops = diffNexthops(available.wanted, found.nexthops);
  const routes = diffRoutes(available.wanted.routes, found);
  const rules = diffRules(wanted.rules, found.rules);
  return {
    operations: [
      ...nexthops.before,
      ...nexthops.make,
      ...routes.make,
      ...rules.make,
      ...rules.remove,
      ...routes.remove,
      ...nexthops.remove,
    ],
    problems: [...available.problems, ...routes.problems],
  };
}

/** Leaves out what cannot be had because somebody else has the nexthop id, and what depends on it. */
function withoutHeld(wanted: WantedObjects, found: FoundObjects): { wanted: WantedObjects; problems: string[] } {
  const holders = new Map(
    found.nexthops.filter((one) => one.protocol !== RTPROT_DETOUR).map((one) => [one.id, one.protocol]),
  );
  const problems: string[] = [];
  const free = (id: number): boolean => {
    const holder = holders.get(id);
    if (holder !== undefined)
      problems.push(`nexthop id ${id} is held by protocol ${holder}; set kernel.nexthop_id_base`);
    return holder === undefined;
  };
  const nexthops = wanted.nexthops.filter((nexthop) => free(nexthop.id));
  const groups = wanted.groups
    .filter((group) => free(group.id))
    .map((group) => ({ ...group, members: group.members.filter((member) => !holders.has(member.id)) }))
    .filter((group) => group.members.length > 0);
  const groupIds = new Set(groups.map((group) => group.id));
  const routes = wanted.routes.filter(({ target }) => target.kind !== 'nexthop' || groupIds.has(target.id));
  return { wanted: { ...wanted, nexthops, groups, routes }, problems };
}

function diffNexthops(
  wanted: Pick<WantedObjects, 'nexthops' | 'groups'>,
  all: readonly NexthopRecord[],
): { before: Operation[]; make: Operation[]; remove: Operation[] } {
  const found = new Map(all.filter((one) => one.protocol === RTPROT_DETOUR).map((one) => [one.id, one]));
  const before: Operation[] = [];
  const make: Operation[] = [];
  const action = (existing: NexthopRecord | undefined, group: boolean): 'create' | 'replace' => {
    if (!existing) return 'create';
    if ((existing.members !== null) === group) return 'replace';
    // The kernel does not turn a group into a nexthop, nor the other way round.
    before.push({ object: 'nexthop', action: 'delete', id: existing.id });
    return 'create';
  };
  for (const nexthop of wanted.nexthops) {
    const existing = found.get(nexthop.id);
    found.delete(nexthop.id);
    if (existing && sameNexthop(existing, nexthop)) continue;
    make.push({ object: 'nexthop', action: action(existing, false), nexthop });
  }
  for (const group of wanted.groups) {
    const existing = found.get(group.id);
    found.delete(group.id);
    if (existing && JSON.stringify(existing.members) === JSON.stringify(group.members)) continue;
    make.push({ object: 'group', action: action(existing, true), group });
  }
  // Groups before the nexthops in them: the kernel would take each one out of the groups first.
  const left = [...found.values()].sort((a, b) => Number(b.members !== null) - Number(a.members !== null));
  return { before, make, remove: left.map(({ id }) => ({ object: 'nexthop', action: 'delete', id })) };
}

function sameNexthop(found: NexthopRecord, wanted: NexthopSpec): boolean {
  return (
    found.members === null &&
    found.onlink &&
    found.family === wanted.family &&
    found.ifindex === wanted.ifindex &&
    found.gateway !== null &&
    found.gateway.equals(wanted.gateway)
  );
}

function diffRoutes(
  wanted: readonly WantedRoute[],
  found: FoundObjects,
): { make: Operation[]; remove: Operation[]; problems: string[] } {
  const make: Operation[] = [];
  const remove: Operation[] = [];
  const problems: string[] = [];
  const existing = byKey(found.routes);
  for (const route of wanted) {
    const key = routeKey(route);
    const candidates = existing.get(key) ?? [];
    const same = candidates.find((candidate) => sameRoute(candidate, route));
    const holder = found.foreignHolder(route);
    if (same) {
      existing.set(
        key,
        candidates.filter((candidate) => candidate !== same),
      );
    } else if (route.create && holder !== undefined) {
      // Replacing could hit the other one, and creating is refused.
      problems.push(`${routeName(route)} is held by protocol ${holder}; set kernel.metric or kernel.table`);
      existing.delete(key);
    } else if (route.create) {
      make.push({ object: 'route', action: candidates.length > 0 ? 'replace' : 'create', route });
      existing.set(key, candidates.slice(1));
    }
  }
  for (const route of [...existing.values()].flat()) {
    remove.push({ object: 'route', action: 'delete', route: specOf(route) });
  }
  return { make, remove, problems };
}

function sameRoute(found: RouteRecord, wanted: RouteSpec): boolean {
  return (
    found.tos === 0 &&
    sameTarget(found, wanted.target) &&
    (found.preferredSource?.toString() ?? null) === (wanted.preferredSource?.toString() ?? null)
  );
}

function sameTarget(found: RouteRecord, target: RouteTarget): boolean {
  switch (target.kind) {
    case 'nexthop':
      return found.nexthopId === target.id;
    case 'gateway':
      return (
        found.type === 'unicast' && found.ifindex === target.ifindex && found.gateway?.equals(target.gateway) === true
      );
    case 'blackhole':
    case 'unreachable':
      return found.type === target.kind;
    case 'any':
      return false;
  }
}

function byKey(routes: readonly RouteRecord[]): Map<string, RouteRecord[]> {
  const groups = new Map<string, RouteRecord[]>();
  for (const route of routes) {
    const key = routeKey(route);
    groups.set(key, [...(groups.get(key) ?? []), route]);
  }
  return groups;
}

/** Enough of a found route to delete it; what Detour does not make itself is named by its key alone. */
function specOf(route: RouteRecord): RouteSpec {
  return { ...route, target: targetOf(route), preferredSource: null };
}

function targetOf(route: RouteRecord): RouteTarget {
  if (route.nexthopId !== null) return { kind: 'nexthop', id: route.nexthopId };
  if (route.type === 'blackhole' || route.type === 'unreachable') return { kind: route.type };
  if (route.ifindex !== null && route.gateway) {
    return { kind: 'gateway', ifindex: route.ifindex, gateway: route.gateway };
  }
  return { kind: 'any' };
}

function diffRules(
  wanted: readonly RuleSpec[],
  found: readonly RuleRecord[],
): { make: Operation[]; remove: Operation[] } {
  const wantedTexts = new Set(wanted.map(ruleText));
  const foundTexts = new Set<string>();
  const remove: Operation[] = [];
  for (const rule of found) {
    const duplicate = foundTexts.has(rule.text);
    foundTexts.add(rule.text);
    if (duplicate || !wantedTexts.has(rule.text)) remove.push({ object: 'rule', action: 'delete', found: rule });
  }
  return {
    make: wanted
      .filter((rule) => !foundTexts.has(ruleText(rule)))
      .map((rule) => ({ object: 'rule', action: 'create', rule })),
    remove,
  };
}
