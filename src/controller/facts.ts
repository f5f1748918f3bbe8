/**
 * What is true of an uplink right now, read off the kernel's view: link, source address, gateway, gateway's MAC.
 * Pure; the loop turns differences between two readings into engine events.
 */
import type { Config, UplinkConfig } from '../config/types.js';
import { IpAddress } from '../net/ip-address.js';
import type { Family } from '../net/ip-address.js';
import type { MacAddress } from '../net/mac-address.js';
import { Prefix } from '../net/prefix.js';
import { isForSome } from './foreign-routes.js';
import { familiesOf } from './policy.js';
import type { KernelLink, KernelNeighbour, KernelRoute, KernelView, RouteLeg } from './ports.js';

/** Beyond every metric (32 bits). */
const FOR_SOME_RANK = 2 ** 32;

export interface PathFacts {
  family: Family;
  source: IpAddress | null;
  gateway: IpAddress | null;
  gatewayMac: MacAddress | null;
  neighbour: 'resolved' | 'failed' | 'unknown';
  /** Source and gateway are known. */
  ready: boolean;
  /** What is missing, or how the path is addressed. */
  detail: string;
}

export interface UplinkFacts {
  uplink: string;
  link: KernelLink | null;
  linkUp: boolean;
  linkDetail: string;
  paths: PathFacts[];
}

/** Links by name; a name is unique within a network namespace. */
export function linksByName(view: Pick<KernelView, 'links'>): Map<string, KernelLink> {
  return new Map([...view.links.values()].map((link) => [link.name, link]));
}

function linkState(name: string, link: KernelLink | null): { up: boolean; detail: string } {
  if (!link) return { up: false, detail: `interface ${name} does not exist` };
  if (!link.adminUp) return { up: false, detail: `interface ${name} is administratively down` };
  if (!link.carrier) return { up: false, detail: `interface ${name} has no carrier` };
  return { up: true, detail: `interface ${name} has carrier` };
}

function sourceAddress(uplink: UplinkConfig, family: Family, link: KernelLink, view: KernelView): IpAddress | null {
  const gateway = uplink.gateways[family];
  const usable = view.addresses.filter(
    (entry) => entry.ifindex === link.ifindex && entry.address.family === family && entry.usable,
  );
  const fixed = uplink.sources[family];
  if (fixed) return usable.some((entry) => entry.address.equals(fixed)) ? fixed : null;
  // A gateway node is on a network of the router's own, which may be one of several on that interface.
  const inNetwork = ({ address, prefixLength, scope }: KernelView['addresses'][number]): boolean =>
    scope !== 'link' && gateway instanceof IpAddress && Prefix.of(address, prefixLength).contains(gateway);
  const beside = uplink.gatewayNode && usable.find(inNetwork);
  if (beside) return beside.address;
  return (
    (usable.find((entry) => entry.scope === 'global') ?? usable.find((entry) => entry.scope === 'site'))?.address ??
    null
  );
}

/**
 * The gateway of the best default route that somebody else (DHCP, RA, an administrator) put on the interface. A route for some
 * sources or a type of service only names a gateway, too, but counts after those for everything. Linux merges IPv6
 * defaults of one metric into one multipath route: then it is the leg on this interface.
 */
function learnedGateway(view: KernelView, family: Family, ifindex: number): IpAddress | null {
  let best: { gateway: IpAddress; rank: number } | null = null;
  for (const route of view.routes) {
    if (route.prefix.length !== 0 || route.prefix.family !== family || route.type !== 'unicast') continue;
    const rank = route.metric + (isForSome(route) ? FOR_SOME_RANK : 0);
    if (best && best.rank <= rank) continue;
    const gateway = hopsOf(route, view).find((hop) => hop.ifindex === ifindex && hop.gateway)?.gateway;
    if (gateway) best = { gateway, rank };
  }
  return best?.gateway ?? null;
}

/** Every next hop of the route, whichever way the kernel keeps them; none for typed routes, or if nobody knows. */
export function hopsOf(
  { ifindex, gateway, legs, nexthopId }: KernelRoute,
  { nexthops }: Pick<KernelView, 'nexthops'>,
): readonly RouteLeg[] {
  if (nexthopId !== null) return nexthops.get(nexthopId) ?? [];
  return ifindex === null ? legs : [{ ifindex, gateway }];
}

const resolvedStates: ReadonlySet<KernelNeighbour['state']> = new Set([
  'reachable',
  'stale',
  'delay',
  'probe',
  'noarp',
  'permanent',
]);

function neighbourOf(view: KernelView, ifindex: number, gateway: IpAddress): KernelNeighbour | null {
  return view.neighbours.find((entry) => entry.ifindex === ifindex && entry.address.equals(gateway)) ?? null;
}

function pathFacts(uplink: UplinkConfig, family: Family, link: KernelLink | null, view: KernelView): PathFacts {
  const nothing = {
    family,
    source: null,
    gateway: null,
    gatewayMac: null,
    neighbour: 'unknown',
    ready: false,
  } as const;
  if (!link) return { ...nothing, detail: `interface ${uplink.interface} does not exist` };
  const configured = uplink.gateways[family];
  const gateway = configured === 'auto' ? learnedGateway(view, family, link.ifindex) : (configured ?? null);
  const source = sourceAddress(uplink, family, link, view);
  if (!source) return { ...nothing, gateway, detail: `no usable IPv${family} address on ${uplink.interface}` };
  if (!gateway)
    return {
      ...nothing,
      source,
      detail: `no IPv${family} default route on ${uplink.interface} to learn the gateway from`,
    };
  const entry = neighbourOf(view, link.ifindex, gateway);
  const resolved = !link.ethernet || (entry !== null && resolvedStates.has(entry.state));
  return {
    family,
    source,
    gateway,
    gatewayMac: resolved ? (entry?.mac ?? null) : null,
    neighbour: resolved ? 'resolved' : entry?.state === 'failed' ? 'failed' : 'unknown',
    ready: true,
    detail: `from ${source.toString()} through ${gateway.toString()}`,
  };
}

function uplinkFacts(uplink: UplinkConfig, links: Map<string, KernelLink>, view: KernelView): UplinkFacts {
  const link = links.get(uplink.interface) ?? null;
  const { up, detail } = linkState(uplink.interface, link);
  return {
    uplink: uplink.name,
    link,
    linkUp: up,
    linkDetail: detail,
    paths: familiesOf(uplink).map((family) => pathFacts(uplink, family, link, view)),
  };
}

export function allFacts(config: Config, view: KernelView): UplinkFacts[] {
  const links = linksByName(view);
  return config.uplinks.map((uplink) => uplinkFacts(uplink, links, view));
}
