/**
 * Elected gateway nodes as uplinks: (configuration, elected nodes) -> the configuration that everything else goes by.
 * Names are stable, so a node that is elected again finds its numbers again. Pure.
 */
import { DAMPING_DEFAULTS } from '../config/defaults.js';
import { LIMITS } from '../config/limits.js';
import { gatewayFamilies, GATEWAY_UPLINK_PREFIX } from '../config/resolve-gateways.js';
import type { Config, DampingConfig, GatewaysConfig, GroupConfig, ProbeConfig, UplinkConfig } from '../config/types.js';
import { IpAddress } from '../net/ip-address.js';
import type { Family } from '../net/ip-address.js';
import type { GatewaysStatus } from './gateway-status.js';
import type { ElectedNode, GatewayEdge } from './ports.js';
import { forwardingByInterface } from './stack-reasons.js';

/** As an uplink that says nothing about it. */
const damping: DampingConfig = {
  enabled: DAMPING_DEFAULTS.enabled,
  penaltyPerFailure: DAMPING_DEFAULTS.penalty_per_failure,
  cutoffThreshold: DAMPING_DEFAULTS.cutoff_threshold,
  reuseThreshold: DAMPING_DEFAULTS.reuse_threshold,
  halfLifeMs: DAMPING_DEFAULTS.half_life_ms,
  maximumSuppressMs: DAMPING_DEFAULTS.maximum_suppress_ms,
};

export const gatewayUplinkName = (node: string): string => GATEWAY_UPLINK_PREFIX + node;

/**
 * @param families those that nodes carry here: one that the site does not have is of no use to anybody
 * @returns `configured` itself where no node is elected
 */
export function withElected(configured: Config, elected: readonly ElectedNode[], families: readonly Family[]): Config {
  const { gateways } = configured;
  if (!gateways || elected.length === 0) return configured;
  const nodes = elected.filter((node) => carried(node, gateways, families).length > 0);
  const members = nodes.map((node) => ({ ...node, uplink: gatewayUplinkName(node.name) }));
  return {
    ...configured,
    uplinks: [
      ...configured.uplinks,
      ...nodes.map((node) => gatewayUplink(node, gateways, configured, carried(node, gateways, families))),
    ],
    groups: configured.groups.map((group) =>
      gateways.groups.includes(group.name) ? withLastTiers(group, members) : group,
    ),
  };
}

function carried({ gateways }: ElectedNode, config: GatewaysConfig, families: readonly Family[]): Family[] {
  return gatewayFamilies(config).filter((family) => families.includes(family) && gateways[family] !== undefined);
}

function gatewayUplink(
  { name, ifname, role, gateways, translated }: ElectedNode,
  config: GatewaysConfig,
  configured: Config,
  families: readonly Family[],
): UplinkConfig {
  return {
    name: gatewayUplinkName(name),
    interface: ifname,
    optional: true,
    gateways: Object.fromEntries(families.map((family) => [family, gateways[family]])),
    sources: {},
    forwarding: forwardingByInterface(configured).get(ifname) ?? 'auto',
    probes: config.probes.map((probe) => (role === 'standby' ? slowed(probe, config.standbyIntervalMs) : probe)),
    // It is the last that there is: what it has to prove, `recoverAfter` and damping ask for.
    holdDownMs: 0,
    damping,
    limits: {},
    gatewayNode: { node: name, role, translated },
  };
}

/** Nobody's traffic depends on it yet, and every probe costs the node's owner. */
function slowed(probe: ProbeConfig, standbyIntervalMs: number): ProbeConfig {
  return { ...probe, intervalMs: Math.max(probe.intervalMs, standbyIntervalMs) };
}

type Member = ElectedNode & { uplink: string };

/**
 * Nodes that shall carry traffic, then those on standby and those that are leaving. Where there is room for one tier, all
 * that are not leaving share it as far as they are of the same use; one that leaves is drained and takes nothing there.
 */
function withLastTiers(group: GroupConfig, members: readonly Member[]): GroupConfig {
  const room = LIMITS.tiers - group.tiers.length;
  const active = members.filter(({ role, leaving }) => role === 'active' && !leaving);
  const standby = members.filter(({ role, leaving }) => role === 'standby' && !leaving);
  const leaving = members.filter((member) => member.leaving);
  const tiers =
    room >= 2 ? [active, [...standby, ...leaving]] : [[...(active.length > 0 ? active : standby), ...leaving]];
  const added = tiers
    .filter((tier) => tier.length > 0)
    .map((tier) => tier.slice(0, LIMITS.tierMembers).map(({ uplink }) => ({ uplink, weight: 1 })));
  return { ...group, tiers: [...group.tiers, ...added] };
}

/** What the router itself needs for its elected nodes. */
export function gatewayEdges(config: Pick<Config, 'uplinks'>): GatewayEdge[] {
  return config.uplinks.flatMap((uplink) =>
    ([4, 6] as const).flatMap((family) => {
      const node = uplink.gateways[family];
      if (!uplink.gatewayNode || node === undefined || node === 'auto') return [];
      return [{ ifname: uplink.interface, family, node, translated: uplink.gatewayNode.translated }];
    }),
  );
}

const isElectable = ({ state, rank }: GatewaysStatus['gateways'][number]): boolean =>
  state !== 'absent' && rank !== null;

/**
 * The same for nodes that may be elected next. An edge without traffic does nothing, and making one takes longer than
 * all the rest of an election.
 */
export function candidateEdges(
  gateways: Pick<GatewaysConfig, 'wayBack' | 'maxElected'>,
  status: Pick<GatewaysStatus, 'gateways'>,
): GatewayEdge[] {
  return status.gateways
    .filter(isElectable)
    .sort((a, b) => a.rank! - b.rank!)
    .slice(0, gateways.maxElected + 1)
    .flatMap(({ interface: ifname, offer }) =>
      (offer?.families ?? []).flatMap(({ family, gateway }) =>
        ifname === null
          ? []
          : [{ ifname, family, node: IpAddress.parse(gateway), translated: gateways.wayBack === 'router' }],
      ),
    );
}

/** Why the stack forwards what goes to a node, whatever its interface; null: no such reason. */
export function translatedReason({ gatewayNode }: Pick<UplinkConfig, 'gatewayNode'>): string | null {
  return gatewayNode?.translated === true ? "translated to this router's address: forwarded by the stack" : null;
}
