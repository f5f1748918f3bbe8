/**
 * Configuration + kernel view + decision -> what each plane should hold. Pure: the reconcilers do the rest.
 */
import type { Config } from '../config/types.js';
import { targetsOf } from '../config/target-key.js';
import type { GroupView, PathView } from '../engine/types.js';
import type { Family } from '../net/ip-address.js';
import type { UplinkFacts, PathFacts } from './facts.js';
import { linksByName } from './facts.js';
import { stackReasons } from './stack-reasons.js';
import { translatedReason } from './gateway-uplinks.js';
import { groupIdOf, nextHopIdOf } from './ids.js';
import type { NameIndex } from './ids.js';
import { familiesOf } from './policy.js';
import type {
  FibGroupIntent,
  FibIntent,
  FibPathIntent,
  ForwardingIntent,
  GatewayProtocolIntent,
  GroupIntent,
  InterfaceIntent,
  KernelView,
  NextHopIntent,
  PortIntent,
  ProbeIntent,
  ProbePath,
} from './ports.js';
import { routeIntents } from './routes.js';
import { place } from './topology.js';
import type { Placement } from './topology.js';

/** Gateway nodes kept resolved before they are elected. */
const MAXIMUM_PEERS = 32;

export interface Inputs {
  config: Config;
  view: KernelView;
  facts: readonly UplinkFacts[];
  groups: readonly GroupView[];
  paths: readonly PathView[];
  uplinkIndex: NameIndex;
  groupIndex: NameIndex;
  /** Of the gateway protocol, authenticated lately. */
  peers?: GatewayProtocolIntent['peers'];
}

/** Interfaces of the configuration that exist, with their place in the data plane. */
export function placements(
  config: { uplinks: readonly { interface: string }[]; interfaces: readonly { name: string }[] },
  view: KernelView,
): Map<string, Placement> {
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
    if (!port) continue;
    const redirectUntold = port.xdpRedirectTarget === null;
    const redirectFragmentsOk = port.xdpRedirectFragments === true;
    ports.set(port.ifindex, {
      ifindex: port.ifindex,
      name: port.name,
      redirectOk,
      redirectUntold,
      redirectFragmentsOk,
    });
  }
  return [...ports.values()];
}

function interfaceIntents({ config, view }: Inputs, placed: Map<string, Placement>): InterfaceIntent[] {
  const byStack = stackReasons(config, view);
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
        egress: !byStack.has(name),
        rpFilter: link.rpFilter,
      },
    ];
  });
}

function nextHopIntents({ config, view, facts, uplinkIndex }: Inputs, placed: Map<string, Placement>): NextHopIntent[] {
  const byStack = stackReasons(config, view);
  const hops: NextHopIntent[] = [];
  for (const uplink of config.uplinks) {
    const placement = placed.get(uplink.interface);
    if (!placement) continue;
    const redirectOk =
      placement.port !== null &&
      placement.redirectOk &&
      !byStack.has(uplink.interface) &&
      translatedReason(uplink) === null;
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

export function forwardingIntent(inputs: Inputs): ForwardingIntent {
  const placed = placements(inputs.config, inputs.view);
  return {
    forward: inputs.config.mode === 'active',
    ports: portIntents(placed.values()),
    interfaces: interfaceIntents(inputs, placed),
    nextHops: nextHopIntents(inputs, placed),
    groups: groupIntents(inputs),
    routes: routeIntents(inputs),
    ...gatewayProtocol(inputs, placed),
  };
}

/** The guard in XDP is for interfaces that carry the program. */
function gatewayProtocol(
  { config, peers = [] }: Inputs,
  placed: Map<string, Placement>,
): Pick<ForwardingIntent, 'gatewayProtocol'> {
  if (!config.gateways) return {};
  const ifindexes = config.gateways.interfaces.flatMap((name) => {
    const placement = placed.get(name);
    return placement?.port && placement.link.mac ? [placement.link.ifindex] : [];
  });
  return { gatewayProtocol: { ifindexes, peers: [...peers] } };
}

function fibPaths({ config, facts, uplinkIndex }: Inputs): FibPathIntent[] {
  return config.uplinks.flatMap((uplink) => {
    const fact = facts.find((entry) => entry.uplink === uplink.name);
    if (!fact?.link) return [];
    const { ifindex, name: ifname } = fact.link;
    return fact.paths.flatMap(({ family, gateway, source }) =>
      gateway
        ? [
            {
              uplinkIndex: uplinkIndex.of(uplink.name),
              uplink: uplink.name,
              family,
              ifindex,
              ifname,
              gateway,
              source,
              ...(uplink.gatewayNode && { shared: true }),
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

/** None of its members has been judged since the start, though one may be any moment. */
export function isUndecided(group: GroupView, paths: readonly PathView[]): boolean {
  const members = new Set(group.order.flat().map(({ uplink }) => uplink));
  const ofGroup = paths.filter(({ uplink, family }) => family === group.family && members.has(uplink));
  return group.active.length === 0 && ofGroup.some(({ state }) => state === 'init');
}

/**
 * The kernel uses an alternate by itself when the active ones lose their link; a gateway node only once it has been found
 * to lead on.
 */
function trustedFallback(fallback: readonly string[], family: Family, { config, paths }: Inputs): string[] {
  const nodes = new Set(config.uplinks.filter((uplink) => uplink.gatewayNode).map(({ name }) => name));
  if (nodes.size === 0) return [...fallback];
  const alive = new Set(paths.filter((path) => path.family === family && path.alive).map(({ uplink }) => uplink));
  return fallback.filter((uplink) => !nodes.has(uplink) || alive.has(uplink));
}

function fibGroupIntent(group: GroupView, inputs: Inputs): FibGroupIntent {
  const intent = fibGroup(group, inputs.groupIndex);
  // What an earlier run left leads through a node that this one has not tried yet.
  if (isUndecided(group, inputs.paths)) return { ...intent, undecided: true };
  return { ...intent, fallback: trustedFallback(intent.fallback, group.family, inputs), undecided: false };
}

/** What the kernel FIB should hold of ours; nothing in observe mode. */
export function fibIntent(inputs: Inputs): FibIntent {
  const { config, groups, groupIndex } = inputs;
  if (config.mode === 'observe') return { paths: [], groups: [], routes: [] };
  return {
    paths: fibPaths(inputs),
    groups: groups.map((group) => fibGroupIntent(group, inputs)),
    routes: config.routes.map(({ prefix, target }) => ({
      prefix,
      target: target.kind === 'group' ? { kind: 'group', groupIndex: groupIndex.of(target.group) } : target,
    })),
  };
}

type Neighbour = GatewayProtocolIntent['peers'][number];

/**
 * Gateways to keep resolved: of every path, also of those not in use, so that a failover finds a MAC.
 * @param peers gateway nodes, as their messages come
 * @param offered what those who may be elected next offer as gateways: then, too, the first probe must not wait for ARP
 */
export function wantedNeighbours(
  facts: readonly UplinkFacts[],
  peers: readonly Neighbour[] = [],
  offered: readonly Neighbour[] = [],
): Neighbour[] {
  const gateways = facts.flatMap(({ link, paths }) =>
    link?.ethernet
      ? paths.flatMap(({ gateway }) => (gateway ? [{ ifindex: link.ifindex, address: gateway }] : []))
      : [],
  );
  const wanted = [...gateways, ...offered, ...peers.slice(0, MAXIMUM_PEERS)];
  return [...new Map(wanted.map((one) => [`${one.ifindex} ${one.address.toString()}`, one])).values()];
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
