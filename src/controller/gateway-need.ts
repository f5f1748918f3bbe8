/**
 * When a neighbour is needed, for which families, and which elected nodes carry nothing any more. Pure: the controller's
 * state -> what the gateway channel is told.
 */
import { gatewayFamilies } from '../config/resolve-gateways.js';
import type { Config } from '../config/types.js';
import type { AllDownView, GroupView, PathStateName, PathView } from '../engine/types.js';
import type { Family } from '../net/ip-address.js';
import { Prefix } from '../net/prefix.js';
import { gatewayUplinkName } from './gateway-uplinks.js';
import { isUndecided } from './intents.js';
import { families } from './policy.js';
import type { ElectedNode, GatewayIntent, KernelView } from './ports.js';

export interface NeedInputs {
  /** As in the file, without elected nodes. */
  configured: Config;
  elected: readonly ElectedNode[];
  paths: readonly PathView[];
  groups: readonly GroupView[];
  /** Families in which an uplink has worked since the start. */
  worked: ReadonlySet<Family>;
  /** The start is so recent that an uplink which has not worked yet may still come. */
  starting: boolean;
  /** Families that are there, see `AllDownView`. */
  there: readonly Pick<AllDownView, 'family'>[];
}

/** Of configured uplinks; see `NeedInputs.worked`. */
export function workingFamilies({ configured, paths }: Pick<NeedInputs, 'configured' | 'paths'>): Family[] {
  const usable = ownPaths(configured, paths).filter(({ state }) => usableStates.has(state));
  return families.filter((family) => usable.some((path) => path.family === family));
}

export type Need = Pick<GatewayIntent, 'active' | 'standby' | 'cause'>;

const usableStates: ReadonlySet<PathStateName> = new Set(['up', 'degraded', 'suspect']);
const NO_NEED: Need = { active: [], standby: [], cause: '' };

/**
 * Families in which the site has something to save: those that are there, and those of which that is not known yet. Where
 * none is there (a start while the line is cut), all: with addresses learned by DHCP it would never be known.
 */
export function familiesToSave({
  configured,
  paths,
  there,
}: Pick<NeedInputs, 'configured' | 'paths' | 'there'>): Family[] {
  const own = ownPaths(configured, paths);
  return families.filter(
    (family) =>
      own.some((path) => path.family === family) &&
      (there.length === 0 ||
        there.some((view) => view.family === family) ||
        own.some((path) => path.family === family && path.state === 'init')),
  );
}

export function gatewayNeed(inputs: NeedInputs): Need {
  const { configured } = inputs;
  if (!configured.gateways || configured.mode === 'observe') return NO_NEED;
  const standby = new Set<Family>();
  const active = new Set<Family>();
  const causes: string[] = [];
  const candidates = gatewayFamilies(configured.gateways).filter((family) => isRouted(configured, family));
  const toSave = new Set(familiesToSave(inputs));
  for (const family of candidates.filter((one) => toSave.has(one))) {
    const found = needOf(family, inputs);
    if (found === null) continue;
    if (found.role === 'active') active.add(family);
    else standby.add(family);
    causes.push(`IPv${family}: ${found.cause}`);
  }
  if (configured.gateways.standby === 'warm') {
    for (const family of candidates) if (toSave.has(family)) standby.add(family);
  }
  // Why not, too: nodes are told when they are released.
  if (causes.length === 0) causes.push(...candidates.flatMap((family) => whyNot(family, inputs)));
  return { active: [...active], standby: [...standby], cause: causes.join('; ') };
}

function needOf(family: Family, inputs: NeedInputs): { role: ElectedNode['role']; cause: string } | null {
  const own = ownPaths(inputs.configured, inputs.paths).filter((path) => path.family === family);
  const usable = own.filter(({ state }) => usableStates.has(state));
  const unknown = own.some(({ state }) => state === 'init') || (inputs.starting && !inputs.worked.has(family));
  if (usable.length === 0 && !unknown) {
    return { role: 'active', cause: own.map(describePath).join(', ') };
  }
  const carrying = inputs.elected.filter(({ name }) => carries(gatewayUplinkName(name), family, inputs));
  if (carrying.length > 0) {
    const names = carrying.map(({ name }) => name).join(', ');
    return { role: 'active', cause: `traffic is on ${names}${usable[0] ? `, ${describePath(usable[0])}` : ''}` };
  }
  if (usable.length > 0) return null;
  // A start within a lease: what the earlier run elected stays until it is known whether it is needed.
  const left = inputs.elected.filter(({ gateways }) => gateways[family] !== undefined);
  if (left.length === 0) return null;
  const role = left.some((node) => node.role === 'active') ? 'active' : 'standby';
  return { role, cause: 'elected before, and no uplink is judged yet' };
}

/** Of these families, one has no path that works: not by an uplink, nor by a node that is elected already. */
export function waitsForNode(active: readonly Family[], { paths }: Pick<NeedInputs, 'paths'>): boolean {
  return active.some((family) => !paths.some((path) => path.family === family && usableStates.has(path.state)));
}

function whyNot(family: Family, { configured, paths }: NeedInputs): string[] {
  const working = ownPaths(configured, paths).find((path) => path.family === family && usableStates.has(path.state));
  return working ? [`IPv${family}: ${working.uplink} is ${working.state}`] : [];
}

const describePath = ({ uplink, state, cause }: PathView): string => `${uplink} is ${state} (${cause})`;

/** Paths of configured uplinks that are in a group which nodes serve. */
function ownPaths({ uplinks, groups, gateways }: Config, paths: readonly PathView[]): PathView[] {
  const served = groups.filter(({ name }) => gateways?.groups.includes(name));
  const members = new Set(served.flatMap(({ tiers }) => tiers.flat().map(({ uplink }) => uplink)));
  const names = new Set(uplinks.map(({ name }) => name).filter((name) => members.has(name)));
  return paths.filter(({ uplink }) => names.has(uplink));
}

/** Some route of the family leads to a group that nodes serve. */
function isRouted({ routes, gateways }: Config, family: Family): boolean {
  return routes.some(
    ({ prefix, target }) =>
      prefix.family === family && target.kind === 'group' && gateways?.groups.includes(target.group),
  );
}

function carries(uplink: string, family: Family, { groups }: Pick<NeedInputs, 'groups'>): boolean {
  return groups.some((group) => group.family === family && group.active.includes(uplink));
}

/**
 * Elected nodes to which no traffic is sent as it is decided now. While a group is undecided, what an earlier run left
 * in the kernel may still lead there.
 */
export function nodesWithoutTraffic({ elected, groups, paths }: NeedInputs): string[] {
  return elected
    .map(({ name }) => name)
    .filter((name) => {
      const uplink = gatewayUplinkName(name);
      const of = groups.filter(({ order }) => order.some((tier) => tier.some((member) => member.uplink === uplink)));
      return of.every((group) => !group.active.includes(uplink) && !isUndecided(group, paths));
    });
}

/** The path through each elected node, as the engine judges it. */
export function measuredPaths({ elected, paths }: Pick<NeedInputs, 'elected' | 'paths'>): GatewayIntent['measured'] {
  return elected.flatMap(({ name }) =>
    paths.filter(({ uplink }) => uplink === gatewayUplinkName(name)).map((path) => ({ node: name, path })),
  );
}

/**
 * What nodes are to forward for: this router's own addresses on their links (probes come from there, and whatever is
 * translated); where they answer clients straight, the networks of the LAN side, too. In this order, as a message holds no
 * more than 16.
 */
export function clientNetworks(
  { gateways, interfaces }: Config,
  view: Pick<KernelView, 'links' | 'addresses'>,
): Prefix[] {
  if (!gateways) return [];
  const on = (names: readonly string[]): KernelView['addresses'][number][] => {
    const links = new Set([...view.links.values()].filter(({ name }) => names.includes(name)).map((l) => l.ifindex));
    return view.addresses.filter(
      ({ ifindex, scope }) => links.has(ifindex) && (scope === 'global' || scope === 'site'),
    );
  };
  const own = on(gateways.interfaces).map(({ address }) => Prefix.of(address, address.family === 4 ? 32 : 128));
  const lan = gateways.wayBack === 'direct' ? on(interfaces.map(({ name }) => name)) : [];
  const networks = lan.map(({ address, prefixLength }) => Prefix.of(address, prefixLength));
  const alone = own.filter((host) => !networks.some((net) => net.family === host.family && net.contains(host.address)));
  return [...new Map([...alone, ...networks].map((prefix) => [prefix.toString(), prefix])).values()];
}
