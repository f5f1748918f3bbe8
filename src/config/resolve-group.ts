/** Groups and routes: who carries what. */
import { Prefix } from '../net/prefix.js';
import { GROUP_DEFAULTS } from './defaults.js';
import { LIMITS } from './limits.js';
import type { Path } from './problem.js';
import type { Draft, Resolving } from './resolving.js';
import type { ConfigFile } from './schema.js';
import { suggest } from './suggest.js';
import type { GroupConfig, RouteConfig, UplinkConfig } from './types.js';

type GroupsDraft = NonNullable<Draft<ConfigFile>['groups']>;
type RoutesDraft = NonNullable<Draft<ConfigFile>['routes']>;
type MemberDraft = string | { uplink?: string; weight?: number } | undefined;

/** @param uplinkNames every name in the file, also of uplinks that are wrong otherwise */
export function resolveGroups(
  draft: GroupsDraft | undefined,
  uplinkNames: readonly string[],
  run: Resolving,
): GroupConfig[] {
  if (draft === undefined) return run.wasWrong(['groups']) ? [] : [defaultGroup(uplinkNames, run)];
  return Object.entries(draft).map(([name, group]) => {
    const path = ['groups', name];
    const first = new Map<string, string>();
    const tiers = (group?.tiers ?? []).map((tier, tierIndex) =>
      ((tier ?? []) as MemberDraft[]).flatMap((member, index) => {
        const at = [...path, 'tiers', tierIndex, index];
        const uplink = typeof member === 'string' ? member : member?.uplink;
        if (uplink === undefined) return [];
        const where = typeof member === 'string' ? at : [...at, 'uplink'];
        checkMember(uplink, uplinkNames, first, where, run);
        const weight = typeof member === 'string' ? undefined : member?.weight;
        return [{ uplink, weight: weight ?? GROUP_DEFAULTS.weight }];
      }),
    );
    return { name, tiers, revertDelayMs: group?.revert_delay_ms ?? GROUP_DEFAULTS.revert_delay_ms };
  });
}

function checkMember(
  uplink: string,
  known: readonly string[],
  first: Map<string, string>,
  path: Path,
  run: Resolving,
): void {
  if (!known.includes(uplink)) {
    run.problem(path, `no uplink is named "${uplink}"`, suggest(uplink, known) ?? `one of ${known.join(', ')}`);
    return;
  }
  const here = `tiers[${path[3]}][${path[4]}]`;
  const before = first.get(uplink);
  if (before !== undefined) {
    run.problem(
      path,
      `uplink "${uplink}" is in this group already, at ${before}`,
      'it once (a weight gives it a larger share)',
    );
  } else {
    first.set(uplink, here);
  }
}

function defaultGroup(uplinkNames: readonly string[], run: Resolving): GroupConfig {
  if (uplinkNames.length > LIMITS.tiers) {
    const tiers = uplinkNames.slice(0, 2).map((name) => `[${name}]`);
    run.problem(
      ['uplinks'],
      `${uplinkNames.length} uplinks without "groups": one tier each would be more than ${LIMITS.tiers} tiers`,
      `groups: {${GROUP_DEFAULTS.name}: {tiers: [${tiers.join(', ')}, ...]}}`,
      'key',
    );
  }
  return {
    name: GROUP_DEFAULTS.name,
    tiers: uplinkNames.map((uplink) => [{ uplink, weight: GROUP_DEFAULTS.weight }]),
    revertDelayMs: GROUP_DEFAULTS.revert_delay_ms,
  };
}

/** @param groupNames every name in the file; with the default group's if there are no groups */
export function resolveRoutes(
  draft: RoutesDraft | undefined,
  groups: readonly GroupConfig[],
  uplinks: readonly UplinkConfig[],
  maxRoutes: number,
  run: Resolving,
): RouteConfig[] {
  if (draft === undefined) return run.wasWrong(['routes']) ? [] : defaultRoutes(groups[0], uplinks);
  const groupNames = groups.map((group) => group.name);
  const first = new Map<string, number>();
  const routes: RouteConfig[] = [];
  draft.forEach((route, index) => {
    if (route === undefined) return;
    const path = ['routes', index];
    const target = resolveTarget(route, groupNames, path, run);
    const prefix = route.to === undefined ? null : parsePrefix(route.to, [...path, 'to'], run);
    if (prefix === null) return;
    const before = first.get(prefix.toString());
    if (before !== undefined) {
      run.problem([...path, 'to'], `${prefix.toString()} is there twice, first at routes[${before}]`, 'it once');
      return;
    }
    first.set(prefix.toString(), index);
    if (target) routes.push({ prefix, target });
  });
  for (const family of [4, 6]) {
    const count = routes.filter((route) => route.prefix.family === family).length;
    if (count > maxRoutes) {
      run.problem(
        ['routes'],
        `${count} IPv${family} routes, but dataplane.max_routes is ${maxRoutes}`,
        `max_routes: ${count}`,
        'key',
      );
    }
  }
  return routes;
}

function resolveTarget(
  route: NonNullable<RoutesDraft[number]>,
  groupNames: readonly string[],
  path: Path,
  run: Resolving,
): RouteConfig['target'] | null {
  if (run.wasWrong([...path, 'group'], [...path, 'blackhole'])) return null;
  if (route.group !== undefined && route.blackhole === true) {
    run.problem([...path, 'blackhole'], 'a route has either "group" or "blackhole: true"', 'one of them');
    return null;
  }
  if (route.blackhole === true) return { kind: 'blackhole' };
  if (route.group === undefined) {
    const place = route.blackhole === false ? [...path, 'blackhole'] : path;
    run.problem(
      place,
      'the route says not where to',
      `"group: ${groupNames[0] ?? GROUP_DEFAULTS.name}" or "blackhole: true"`,
    );
    return null;
  }
  if (!groupNames.includes(route.group) && !run.wasWrong(['groups'])) {
    const hint = suggest(route.group, groupNames) ?? `one of ${groupNames.join(', ')}`;
    run.problem([...path, 'group'], `no group is named "${route.group}"`, hint);
    return null;
  }
  return { kind: 'group', group: route.group };
}

function parsePrefix(text: string, path: Path, run: Resolving): Prefix | null {
  try {
    return Prefix.parse(text);
  } catch (error) {
    run.problem(path, (error as Error).message);
    return null;
  }
}

/** Default routes of the families that an uplink of the group carries. */
function defaultRoutes(group: GroupConfig | undefined, uplinks: readonly UplinkConfig[]): RouteConfig[] {
  if (!group) return [];
  const members = new Set(group.tiers.flat().map((member) => member.uplink));
  return ([4, 6] as const)
    .filter((family) => uplinks.some((uplink) => members.has(uplink.name) && uplink.gateways[family] !== undefined))
    .map((family) => ({ prefix: Prefix.everything(family), target: { kind: 'group', group: group.name } }));
}
