/** From what the controller wants to what the kernel should hold. Pure. */
import type { KernelConfig } from '../../config/types.js';
import type { FibGroupIntent, FibIntent, FibPathIntent } from '../../controller/ports.js';
import type { Family } from '../../net/ip-address.js';
import { Prefix } from '../../net/prefix.js';
import type { NexthopGroupSpec } from '../codec/nexthop.js';
import type { RuleSpec } from '../codec/rule.js';
import { RT_TABLE_MAIN } from '../netlink/constants.js';
import { groupNexthopId, pathNexthopId, routeKey } from './objects.js';
import type { FoundObjects, WantedObjects, WantedRoute } from './objects.js';
import { EarlierRun } from './undecided.js';

/** Metrics in the uplinks' own tables. */
const UPLINK_ROUTE_METRIC = 1;
const UNREACHABLE_METRIC = 0xffff_ffff;

export type PathByName = ReadonlyMap<string, FibPathIntent>;

export function pathsByName(intent: FibIntent): PathByName {
  return new Map(intent.paths.map((path) => [pathName(path.uplink, path.family), path]));
}

/** @param found matters only to groups that nobody has judged yet */
export function deriveObjects(
  intent: FibIntent,
  config: KernelConfig,
  found: Pick<FoundObjects, 'nexthops' | 'routes'>,
): WantedObjects {
  const paths = pathsByName(intent);
  const earlier = new EarlierRun(found, config);
  const groups = intent.groups.map((group) => {
    const members = usableFallbacks(group, paths);
    const spec = group.undecided ? earlier.group(group, members) : deriveGroup(group, paths, config);
    return { group, spec, members };
  });
  const routes = [
    ...intent.paths.flatMap((path) => uplinkRoutes(path, config)),
    ...intent.routes.flatMap((route): WantedRoute[] => {
      const { target, prefix } = route;
      if (target.kind === 'blackhole') return [blackholeRoute(prefix, config)];
      return groups
        .filter(({ group }) => group.groupIndex === target.groupIndex && group.family === prefix.family)
        .flatMap(({ group, spec, members }) =>
          group.undecided ? earlier.routes(prefix, spec, members) : groupRoutes(prefix, group, spec, paths, config),
        );
    }),
  ];
  return {
    nexthops: intent.paths
      .filter((path) => path.usable)
      .map(({ uplinkIndex, family, ifindex, gateway }) => ({
        id: pathNexthopId(config, uplinkIndex, family),
        family,
        ifindex,
        gateway,
      })),
    groups: groups.flatMap(({ spec }) => spec ?? []),
    routes: [...new Map(routes.map((route) => [routeKey(route), route])).values()],
    rules: intent.paths.flatMap((path) => uplinkRules(path, config)),
  };
}

/** null: no active member can be used now. */
export function deriveGroup(group: FibGroupIntent, paths: PathByName, config: KernelConfig): NexthopGroupSpec | null {
  const members = group.active.flatMap(({ uplink, weight }) => {
    const path = paths.get(pathName(uplink, group.family));
    return path?.usable ? [{ id: pathNexthopId(config, path.uplinkIndex, path.family), weight }] : [];
  });
  if (members.length === 0) return null;
  return {
    id: groupNexthopId(config, group.groupIndex, group.family),
    members: members.sort((a, b) => a.id - b.id),
  };
}

/**
 * An uplink's own table: everything through its gateway, and nothing else. While the link is down, traffic that is
 * bound to this uplink is unreachable; it must not leave by another one (a probe would judge the wrong path).
 */
function uplinkRoutes(path: FibPathIntent, config: KernelConfig): WantedRoute[] {
  const prefix = Prefix.everything(path.family);
  const table = config.uplinkTableBase + path.uplinkIndex;
  return [
    {
      prefix,
      table,
      metric: UPLINK_ROUTE_METRIC,
      target: { kind: 'gateway', ifindex: path.ifindex, gateway: path.gateway },
      preferredSource: path.source,
      create: path.usable,
    },
    {
      prefix,
      table,
      metric: UNREACHABLE_METRIC,
      target: { kind: 'unreachable' },
      preferredSource: null,
      create: true,
    },
  ];
}

/**
 * In the order of their priorities, all uplinks' of one kind together:
 *
 *     +0  fwmark MARK                         the uplink's table, whatever else there is
 *     +1  oif IFACE    main, no default       a socket bound to the interface (SO_BINDTODEVICE, ping -I) ...
 *     +2  oif IFACE    the uplink's table     ... leaves by it through its gateway, active or not
 *     +3  from ADDRESS main, no default       packets from the uplink's address ...
 *     +4  from ADDRESS the uplink's table     ... likewise
 *
 * "main, no default": where the main table has something better than a default route, that counts; answers from the
 * uplink's address to a host on the LAN must find the LAN. (So does a configured prefix that is no default route: IPv4
 * passes over it for a bound socket, IPv6 only while the socket has no source address.) Without the `oif` rules a bound socket would find the group's
 * route, none of whose next hops is on its interface. They come before those by address: the interface is the narrower
 * wish. Forwarded packets have no `oif` when they are looked up.
 *
 * A path that shares its interface with other traffic (a gateway node on the LAN) has the first rule only: interface and
 * address are the router's own on that network, and what it sends there to others must not go to the node.
 */
function uplinkRules(path: FibPathIntent, config: KernelConfig): RuleSpec[] {
  const { family, source, uplinkIndex, ifname } = path;
  const table = config.uplinkTableBase + uplinkIndex;
  const priority = config.rulePriority;
  const rule: RuleSpec = {
    family,
    priority,
    table,
    mark: null,
    source: null,
    oifname: null,
    suppressPrefixLength: null,
  };
  const nearer = { table: RT_TABLE_MAIN, suppressPrefixLength: 0 };
  const marked: RuleSpec = { ...rule, mark: config.markBase + uplinkIndex };
  if (path.shared) return [marked];
  const rules: RuleSpec[] = [
    marked,
    { ...rule, priority: priority + 1, oifname: ifname, ...nearer },
    { ...rule, priority: priority + 2, oifname: ifname },
  ];
  if (source) {
    rules.push({ ...rule, priority: priority + 3, source, ...nearer });
    rules.push({ ...rule, priority: priority + 4, source });
  }
  return rules;
}

/**
 * The group's route, and behind it a plain route for each alternate: when a link goes down the kernel deletes the
 * nexthop objects on it and with them the group's routes, at once and by itself; then the plain ones carry on.
 */
function groupRoutes(
  prefix: Prefix,
  group: FibGroupIntent,
  spec: NexthopGroupSpec | null,
  paths: PathByName,
  config: KernelConfig,
): WantedRoute[] {
  if (group.active.length === 0) return [];
  const common = { prefix, table: config.table, preferredSource: null, create: true };
  const routes: WantedRoute[] = [];
  if (spec) routes.push({ ...common, metric: config.metric, target: { kind: 'nexthop', id: spec.id } });
  for (const [index, uplink] of group.fallback.entries()) {
    const path = paths.get(pathName(uplink, group.family));
    if (!path?.usable) continue;
    const target = { kind: 'gateway' as const, ifindex: path.ifindex, gateway: path.gateway };
    routes.push({ ...common, metric: config.metric + 1 + index, target });
  }
  return routes;
}

function usableFallbacks(group: FibGroupIntent, paths: PathByName): FibPathIntent[] {
  return group.fallback.flatMap((uplink) => {
    const path = paths.get(pathName(uplink, group.family));
    return path?.usable ? [path] : [];
  });
}

function blackholeRoute(prefix: Prefix, config: KernelConfig): WantedRoute {
  const { table, metric } = config;
  return { prefix, table, metric, target: { kind: 'blackhole' }, preferredSource: null, create: true };
}

function pathName(uplink: string, family: Family): string {
  return `${family} ${uplink}`;
}
