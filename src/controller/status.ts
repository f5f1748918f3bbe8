/** The controller's state in the words of service.ts. Pure. */
import type { Config } from '../config/types.js';
import type { AllDownView, GroupView, PathView } from '../engine/types.js';
import type { Family } from '../net/ip-address.js';
import { bypassed, describeBypassed } from './bypasses.js';
import { translatedReason } from './gateway-uplinks.js';
import { stackReasons } from './stack-reasons.js';
import { nextHopIdOf } from './ids.js';
import type { NameIndex } from './ids.js';
import { placements } from './intents.js';
import type { UplinkFacts } from './facts.js';
import { VLAN_ID_MASK } from './ports.js';
import type { KernelView, NextHopId, PortStatus, TrafficCounter } from './ports.js';
import type { HealthSummary, InterfaceStatus, PathStatus, RouteStatus, UplinkStatus } from './service.js';

export interface StatusInputs {
  config: Config;
  view: KernelView;
  facts: readonly UplinkFacts[];
  paths: readonly PathView[];
  groups: readonly GroupView[];
  ports: readonly PortStatus[];
  uplinkIndex: NameIndex;
  routeProblems: ReadonlyMap<string, string>;
  /** The last reconciliation wrote everything. */
  programmed: boolean;
}

const noTraffic: TrafficCounter = { packets: 0n, bytes: 0n };

export function forwardingOf(inputs: StatusInputs, uplink: Config['uplinks'][number]): UplinkStatus['forwarding'] {
  if (inputs.config.mode === 'observe') return { by: 'stack', reason: 'mode is observe: Detour forwards nothing' };
  const reason = stackReasons(inputs.config, inputs.view).get(uplink.interface);
  if (reason !== undefined) return { by: 'stack', reason };
  const placement = placements(inputs.config, inputs.view).get(uplink.interface);
  if (!placement) return { by: 'stack', reason: `interface ${uplink.interface} does not exist` };
  if (placement.reason !== null) return { by: 'stack', reason: placement.reason };
  const translated = translatedReason(uplink);
  if (translated !== null) return { by: 'stack', reason: translated };
  const port = inputs.ports.find((entry) => entry.ifindex === placement.port?.ifindex);
  if (!port || port.xdp === 'none') return { by: 'stack', reason: port?.reason ?? 'no XDP program is attached' };
  if (port.redirectRefused) return { by: 'stack', reason: port.reason };
  return { by: 'xdp', reason: port.reason };
}

export function uplinkStatuses(inputs: StatusInputs, counters: ReadonlyMap<NextHopId, TrafficCounter>): UplinkStatus[] {
  return inputs.config.uplinks.map((uplink) => {
    const fact = inputs.facts.find((entry) => entry.uplink === uplink.name);
    const views = inputs.paths.filter((view) => view.uplink === uplink.name);
    const paths = views.map((view): PathStatus => {
      const path = fact?.paths.find((entry) => entry.family === view.family);
      const id = nextHopIdOf(inputs.uplinkIndex.of(uplink.name), view.family);
      return {
        ...view,
        gateway: path?.gateway?.toString() ?? null,
        gatewayMac: path?.gatewayMac?.toString() ?? null,
        source: path?.source?.toString() ?? null,
        transmitted: counters.get(id) ?? noTraffic,
      };
    });
    return {
      name: uplink.name,
      interface: uplink.interface,
      ifindex: fact?.link?.ifindex ?? null,
      forwarding: forwardingOf(inputs, uplink),
      drained: views.some((view) => view.state === 'drained'),
      paths,
    };
  });
}

export function routeStatuses(inputs: StatusInputs): RouteStatus[] {
  const { config, view } = inputs;
  const active = config.mode === 'active';
  const instead = (family: Family): string | null => {
    const found = active ? bypassed(view, config.kernel, family) : null;
    return found && describeBypassed(found);
  };
  const decided = { 4: instead(4), 6: instead(6) };
  const carrying = new Set(inputs.groups.filter((g) => g.active.length > 0).map((g) => `${g.family} ${g.group}`));
  return config.routes.map(({ prefix, target }) => {
    const isGroup = target.kind === 'group';
    const problem = inputs.routeProblems.get(prefix.toString()) ?? (isGroup ? decided[prefix.family] : null);
    const carried = !isGroup || carrying.has(`${prefix.family} ${target.group}`);
    const programmed = active && inputs.programmed && carried;
    // Where the kernel prefers a foreign route or rule, or has to encrypt, XDP leaves the choice to it: ours is not in the data plane.
    const xdp = programmed && problem === null;
    return {
      prefix: prefix.toString(),
      target: isGroup ? `group ${target.group}` : 'blackhole',
      programmed: { xdp, kernel: programmed },
      problem,
    };
  });
}

export function interfaceStatuses(
  inputs: StatusInputs,
  reasons: ReadonlyMap<number, Record<string, bigint>>,
): InterfaceStatus[] {
  // A gateway node on the LAN makes no uplink of it.
  const configured = inputs.config.uplinks.filter((uplink) => !uplink.gatewayNode);
  const uplinks = new Set(configured.map((uplink) => uplink.interface));
  const byStack = inputs.config.mode === 'active' ? stackReasons(inputs.config, inputs.view) : null;
  return [...placements(inputs.config, inputs.view)].map(([name, { link, port, vlanId, reason }]) => {
    const status = inputs.ports.find((entry) => entry.ifindex === port?.ifindex);
    return {
      name,
      ifindex: link.ifindex,
      role: uplinks.has(name) ? 'uplink' : 'interface',
      port: port?.name ?? name,
      vlanId: vlanId === 0 ? null : vlanId & VLAN_ID_MASK,
      mac: link.mac?.toString() ?? null,
      mtu: link.mtu,
      carrier: link.carrier,
      xdp: status?.xdp ?? 'none',
      reason: reason ?? byStack?.get(name) ?? status?.reason ?? null,
      reasons: reasons.get(link.ifindex) ?? {},
    };
  });
}

/** Groups in the families that the routes need, paths that ought to work. */
export interface HealthInputs {
  groups: readonly GroupView[];
  paths: readonly PathView[];
  allDown: readonly AllDownView[];
  problems: readonly string[];
}

/**
 * `down`: no group carries traffic, or every path is judged down. `degraded`: something is wrong, traffic flows. What
 * is said of a family that is absent (it is not in `allDown`) counts for nothing.
 */
export function healthStatus({ allDown, problems, ...all }: HealthInputs): HealthSummary['status'] {
  const isThere = ({ family }: { family: Family }): boolean => allDown.some((view) => view.family === family);
  const groups = all.groups.filter(isThere);
  const paths = all.paths.filter(isThere);
  const carrying = groups.filter((group) => group.active.length > 0);
  if (carrying.length === 0 || allDown.every((family) => family.suspected)) return 'down';
  const ailing = paths.some((path) => path.state === 'down' || path.state === 'degraded' || path.state === 'init');
  return carrying.length < groups.length || ailing || problems.length > 0 ? 'degraded' : 'ok';
}
