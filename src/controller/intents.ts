/**
 * Configuration + kernel view + decision -> what each plane should hold. Pure: the reconcilers do the rest.
 */
import type { Config } from '../config/types.js';
import { targetsOf } from '../config/target-key.js';
import type { GroupView } from '../engine/types.js';
import type { Family } from '../net/ip-address.js';
import type { UplinkFacts, PathFacts } from './facts.js';
import { linksByName } from './facts.js';
import { groupIdOf, nextHopIdOf } from './ids.js';
import type { NameIndex } from './ids.js';
import { familiesOf } from './policy.js';
import type {
  FibGroupIntent,
  FibIntent,
  FibPathIntent,
  ForwardingIntent,
  GroupIntent,
  InterfaceIntent,
  KernelRoute,
  KernelView,
  NextHopIntent,
  PortIntent,
  ProbeIntent,
  ProbePath,
  RouteIntent,
} from './ports.js';
import { place } from './topology.js';
import type { Placement } from './topology.js';

export interface Inputs {
  config: Config;
  view: KernelView;
  facts: readonly UplinkFacts[];
  groups: readonly GroupView[];
  uplinkIndex: NameIndex;
  groupIndex: NameIndex;
}

/** rtm_table numbers (linux/rtnetlink.h). */
const RT_TABLE_LOCAL = 255;

/** Interfaces of the configuration that exist, with their place in the data plane. */
export function placements(config: Pick<Config, 'uplinks' | 'interfaces'>, view: KernelView): Map<string, Placement> {
  const links = linksByName(view);
  const names = [...config.uplinks.map((uplink) => uplink.interface), ...config.interfaces.map(({ name }) => name)];
  const found = new Map<string, Placement>();
  for (const name of names) {
    const link = links.get(name);
    if (link) found.set(name, place(link, view));
  }
  return found;
}

function portIntents(placed: Iterable<Placement>): PortIntent[] {
  const ports = new Map<number, PortIntent>();
  for (const { port, redirectOk } of placed) {
    if (port) ports.set(port.ifindex, { ifindex: port.ifindex, name: port.name, redirectOk });
  }
  return [...ports.values()];
}

function interfaceIntents(config: Config, placed: Map<string, Placement>): InterfaceIntent[] {
  const byStack = new Set(config.uplinks.filter((u) => u.forwarding === 'stack').map((u) => u.interface));
  return [...placed].flatMap(([name, { link, port, vlanId, innerVlanId }]) => {
    if (!port || !link.mac) return [];
    const forward = (family: Family): boolean => link.forwarding[family] && !byStack.has(name);
    return [
      {
        ifindex: link.ifindex,
        name,
        portIfindex: port.ifindex,
        vlanId,
        innerVlanId,
        mac: link.mac,
        mtu: link.mtu,
        forward: { 4: forward(4), 6: forward(6) },
      },
    ];
  });
}

function nextHopIntents({ config, facts, uplinkIndex }: Inputs, placed: Map<string, Placement>): NextHopIntent[] {
  const hops: NextHopIntent[] = [];
  for (const uplink of config.uplinks) {
    const placement = placed.get(uplink.interface);
    if (!placement) continue;
    const redirectOk = placement.port !== null && placement.redirectOk && uplink.forwarding === 'xdp';
    for (const path of facts.find((fact) => fact.uplink === uplink.name)?.paths ?? []) {
      hops.push({
        id: nextHopIdOf(uplinkIndex.of(uplink.name), path.family),
        ifindex: placement.link.ifindex,
        gatewayMac: path.gatewayMac,
        redirectOk,
      });
    }
  }
  return hops;
}

function groupIntents({ groups, uplinkIndex, groupIndex }: Inputs): GroupIntent[] {
  return groups.map((group) => ({
    id: groupIdOf(groupIndex.of(group.group), group.family),
    tiers: group.order.map((tier) =>
      tier.map(({ uplink, weight }) => ({ nextHop: nextHopIdOf(uplinkIndex.of(uplink), group.family), weight })),
    ),
  }));
}

/** A route of the kernel's that is not ours: the fast path must agree with it, so the kernel is asked each time. */
function foreignRoute(route: KernelRoute): RouteIntent {
  if (route.table === RT_TABLE_LOCAL) {
    return { prefix: route.prefix, target: { kind: route.type === 'multicast' ? 'stack' : 'local' } };
  }
  return { prefix: route.prefix, target: { kind: route.type === 'unicast' ? 'fib' : 'stack' } };
}

/** Routes whose group exists in the route's family; the others are problems, reported by `routeProblems`. */
function routeIntents({ config, view, groups, groupIndex }: Inputs): RouteIntent[] {
  const routes = new Map<string, RouteIntent>();
  for (const route of view.routes) {
    const key = route.prefix.toString();
    const known = routes.get(key);
    // One prefix may be in several tables; "this machine" (table local) is asked first by the kernel, too.
    if (known?.target.kind === 'local') continue;
    routes.set(key, foreignRoute(route));
  }
  for (const { prefix, target } of config.routes) {
    const key = prefix.toString();
    if (routes.get(key)?.target.kind === 'local') continue;
    if (target.kind === 'blackhole') routes.set(key, { prefix, target });
    else if (groups.some((group) => group.group === target.group && group.family === prefix.family)) {
      const group = groupIdOf(groupIndex.of(target.group), prefix.family);
      routes.set(key, { prefix, target: { kind: 'group', group } });
    }
  }
  return [...routes.values()];
}

export function forwardingIntent(inputs: Inputs): ForwardingIntent {
  const placed = placements(inputs.config, inputs.view);
  return {
    forward: inputs.config.mode === 'active',
    ports: portIntents(placed.values()),
    interfaces: interfaceIntents(inputs.config, placed),
    nextHops: nextHopIntents(inputs, placed),
    groups: groupIntents(inputs),
    routes: routeIntents(inputs),
  };
}

function fibPaths({ config, facts, uplinkIndex }: Inputs): FibPathIntent[] {
  return config.uplinks.flatMap((uplink) => {
    const fact = facts.find((entry) => entry.uplink === uplink.name);
    if (!fact?.link) return [];
    const { ifindex } = fact.link;
    return fact.paths.flatMap(({ family, gateway, source }) =>
      gateway
        ? [
            {
              uplinkIndex: uplinkIndex.of(uplink.name),
              uplink: uplink.name,
              family,
              ifindex,
              gateway,
              source,
              usable: fact.linkUp,
            },
          ]
        : [],
    );
  });
}

export function fibGroup(group: GroupView, groupIndex: NameIndex): FibGroupIntent {
  const members = group.order.flat();
  return {
    groupIndex: groupIndex.of(group.group),
    group: group.group,
    family: group.family,
    active: members.filter((member) => group.active.includes(member.uplink)),
    fallback: members.map((member) => member.uplink).filter((uplink) => !group.active.includes(uplink)),
  };
}

/** What the kernel FIB should hold of ours; nothing in observe mode. */
export function fibIntent(inputs: Inputs): FibIntent {
  const { config, groups, groupIndex } = inputs;
  if (config.mode === 'observe') return { paths: [], groups: [], routes: [] };
  return {
    paths: fibPaths(inputs),
    groups: groups.map((group) => fibGroup(group, groupIndex)),
    routes: config.routes.map(({ prefix, target }) => ({
      prefix,
      target: target.kind === 'group' ? { kind: 'group', groupIndex: groupIndex.of(target.group) } : target,
    })),
  };
}

/** Gateways to keep resolved: of every path, also of those not in use, so that a failover finds a MAC. */
export function wantedNeighbours(
  facts: readonly UplinkFacts[],
): { ifindex: number; address: NonNullable<PathFacts['gateway']> }[] {
  return facts.flatMap(({ link, paths }) =>
    link?.ethernet
      ? paths.flatMap(({ gateway }) => (gateway ? [{ ifindex: link.ifindex, address: gateway }] : []))
      : [],
  );
}

function probePath(fact: UplinkFacts, path: PathFacts, mark: number, xdp: boolean): ProbePath | string {
  const { link } = fact;
  if (!link || !fact.linkUp) return fact.linkDetail;
  if (!path.ready || !path.source || !path.gateway) return path.detail;
  if (link.ethernet && (!path.gatewayMac || !link.mac)) {
    return `gateway ${path.gateway.toString()} does not answer ${path.family === 4 ? 'ARP' : 'neighbour discovery'}`;
  }
  return {
    ifindex: link.ifindex,
    ifname: link.name,
    ethernet: link.ethernet,
    sourceMac: link.mac,
    gatewayMac: path.gatewayMac,
    source: path.source,
    gateway: path.gateway,
    mark,
    xdp,
  };
}

/** `xdpPorts`: ifindices of the devices that carry the program now. */
export function probeIntents(inputs: Inputs, xdpPorts: ReadonlySet<number>): ProbeIntent[] {
  const { config, facts, view, uplinkIndex } = inputs;
  const placed = placements(config, view);
  return config.uplinks.flatMap((uplink) => {
    const fact = facts.find((entry) => entry.uplink === uplink.name);
    const port = placed.get(uplink.interface)?.port;
    const xdp = port !== null && port !== undefined && xdpPorts.has(port.ifindex);
    const mark = config.mode === 'observe' ? 0 : config.kernel.markBase + uplinkIndex.of(uplink.name);
    return familiesOf(uplink).flatMap((family) => {
      const pathFact = fact?.paths.find((entry) => entry.family === family);
      if (!fact || !pathFact) return [];
      const path = probePath(fact, pathFact, mark, xdp);
      return uplink.probes
        .filter((probe) => targetsOf(probe, family).length > 0)
        .map((probe) => ({
          uplink: uplink.name,
          family,
          probe,
          path: typeof path === 'string' ? null : path,
          reason: typeof path === 'string' ? path : '',
        }));
    });
  });
}

/** What a person should know about the routes: conflicts with foreign ones, groups without a path in that family. */
export function routeProblems({ config, view, groups }: Inputs): Map<string, string> {
  const problems = new Map<string, string>();
  for (const { prefix, target } of config.routes) {
    const key = prefix.toString();
    if (target.kind === 'group' && !groups.some((g) => g.group === target.group && g.family === prefix.family)) {
      problems.set(key, `group ${target.group} has no uplink that carries IPv${prefix.family}`);
      continue;
    }
    const better = view.routes.find(
      (route) =>
        route.table === config.kernel.table && route.prefix.equals(prefix) && route.metric < config.kernel.metric,
    );
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
