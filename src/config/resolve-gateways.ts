/** Gateway nodes: where they are, which groups they serve, how they are probed. */
import type { Family } from '../net/ip-address.js';
import { GATEWAYS_DEFAULTS } from './defaults.js';
import { LIMITS } from './limits.js';
import type { Path } from './problem.js';
import { resolveProbes } from './resolve-probe.js';
import type { Draft, Resolving } from './resolving.js';
import type { GatewaysFile } from './schema-gateways.js';
import { suggest } from './suggest.js';
import { targetsOf } from './target-key.js';
import type { GatewaysConfig, GroupConfig, InterfaceConfig, ProbeConfig, UplinkConfig } from './types.js';

type GatewaysDraft = Draft<GatewaysFile>;

export interface GatewaySurroundings {
  uplinks: readonly UplinkConfig[];
  interfaces: readonly InterfaceConfig[];
  groups: readonly GroupConfig[];
}

const ROOT: Path = ['gateways'];
const FAMILIES: readonly Family[] = [4, 6];
/** Uplinks that are elected nodes are called so. */
export const GATEWAY_UPLINK_PREFIX = 'gw-';

export function resolveGateways(
  draft: GatewaysDraft | undefined,
  around: GatewaySurroundings,
  run: Resolving,
): GatewaysConfig | null {
  if (draft === undefined) return null;
  checkUplinkNames(around.uplinks, run);
  return {
    interfaces: resolveInterfaces(draft.interfaces ?? [], around, run),
    groups: resolveGroupNames(draft.groups, around.groups, run),
    standby: draft.standby ?? GATEWAYS_DEFAULTS.standby,
    maxElected: draft.max_elected ?? GATEWAYS_DEFAULTS.max_elected,
    metered: draft.metered ?? GATEWAYS_DEFAULTS.metered,
    minimumBatteryPercent: draft.minimum_battery_percent ?? GATEWAYS_DEFAULTS.minimum_battery_percent,
    approval: draft.approval ?? GATEWAYS_DEFAULTS.approval,
    wayBack: draft.way_back ?? GATEWAYS_DEFAULTS.way_back,
    probes: resolveGatewayProbes(draft.probes, around.uplinks, run),
    ...resolveTimes(draft, run),
    budget: draft.budget === undefined ? null : resolveBudget(draft.budget, run),
    policy: resolvePolicy(draft.policy, run),
    stateDirectory: draft.state_directory ?? GATEWAYS_DEFAULTS.state_directory,
  };
}

function checkUplinkNames(uplinks: readonly UplinkConfig[], run: Resolving): void {
  for (const { name } of uplinks) {
    if (!name.startsWith(GATEWAY_UPLINK_PREFIX)) continue;
    run.problem(
      ['uplinks', name],
      `names that begin with "${GATEWAY_UPLINK_PREFIX}" are those of elected gateway nodes`,
      `another name, e.g. ${name.slice(GATEWAY_UPLINK_PREFIX.length) || 'uplink'}`,
      'key',
    );
  }
}

function resolveInterfaces(
  names: readonly (string | undefined)[],
  { uplinks, interfaces }: GatewaySurroundings,
  run: Resolving,
): string[] {
  const known = [...interfaces.map(({ name }) => name), ...uplinks.map((uplink) => uplink.interface)];
  const taken = new Set<string>();
  names.forEach((name, index) => {
    if (name === undefined) return;
    const path = [...ROOT, 'interfaces', index];
    if (!known.includes(name) && !run.wasWrong(['interfaces'])) {
      const hint = suggest(name, known) ?? `"interfaces: [${name}]" at the top level, too`;
      run.problem(path, `${name} is neither among "interfaces" nor the interface of an uplink`, hint);
    } else if (taken.has(name)) {
      run.problem(path, `${name} is there twice`, 'it once');
    }
    taken.add(name);
  });
  return [...taken];
}

function resolveGroupNames(
  draft: readonly (string | undefined)[] | undefined,
  groups: readonly GroupConfig[],
  run: Resolving,
): string[] {
  const known = groups.map(({ name }) => name);
  const names = draft === undefined ? known : [...new Set(draft.filter((name) => name !== undefined))];
  names.forEach((name) => {
    const path = draft === undefined ? ['groups', name] : [...ROOT, 'groups', draft.indexOf(name)];
    const group = groups.find((entry) => entry.name === name);
    if (!group) {
      if (!run.wasWrong(['groups'])) {
        run.problem(path, `no group is named "${name}"`, suggest(name, known) ?? `one of ${known.join(', ')}`);
      }
    } else if (group.tiers.length >= LIMITS.tiers) {
      run.problem(
        path,
        `group ${name} has ${group.tiers.length} tiers, the data plane holds ${LIMITS.tiers}, and gateway nodes need one`,
        `${LIMITS.tiers - 1} tiers, or "gateways: {groups: [...]}" without ${name}`,
      );
    }
  });
  return names;
}

/** Asks something that only a working way to the outside answers. */
const beyondGateway = (probe: ProbeConfig): boolean =>
  probe.type !== 'icmp' || probe.targets.some((target) => target !== 'gateway');

function resolveGatewayProbes(
  draft: GatewaysDraft['probes'],
  uplinks: readonly UplinkConfig[],
  run: Resolving,
): ProbeConfig[] {
  const path = [...ROOT, 'probes'];
  if (run.wasWrong(path)) return [];
  if (draft !== undefined) {
    const probes = resolveProbes(draft, FAMILIES, path, run);
    if (probes.length > 0 && !probes.some(beyondGateway)) {
      run.problem(
        path,
        'each of them asks only the node itself; what shall be known is whether it leads on',
        '{type: icmp, targets: [192.0.2.53]} with an address beyond it',
      );
    }
    return probes;
  }
  const copied = uplinks.map((uplink) =>
    uplink.probes.filter((probe) => probe.type === 'icmp' && beyondGateway(probe)),
  );
  const found = copied.find((probes) => probes.length > 0);
  if (!found) {
    run.problem(
      ROOT,
      'no uplink has an icmp probe of an address beyond its gateway that could be used for nodes, too',
      'probes: [{type: icmp, targets: [192.0.2.53], interval_ms: 20}]',
      'key',
    );
  }
  return found ?? [];
}

/** Families that nodes can carry: those in which a probe asks something beyond the node. */
export function gatewayFamilies({ probes }: Pick<GatewaysConfig, 'probes'>): Family[] {
  return FAMILIES.filter((family) =>
    probes.some((probe) => targetsOf(probe, family).some((target) => target.address !== null)),
  );
}

function resolveTimes(
  draft: GatewaysDraft,
  run: Resolving,
): Pick<GatewaysConfig, 'standbyIntervalMs' | 'leaseMs' | 'switchAfterMs' | 'restMs' | 'maximumRestMs'> {
  const restMs = draft.rest_ms ?? GATEWAYS_DEFAULTS.rest_ms;
  const maximumRestMs = draft.maximum_rest_ms ?? Math.max(GATEWAYS_DEFAULTS.maximum_rest_ms, restMs);
  if (maximumRestMs < restMs) {
    run.problem(
      [...ROOT, 'maximum_rest_ms'],
      `must not be below rest_ms (${restMs}), as ${maximumRestMs} is`,
      String(restMs),
    );
  }
  return {
    standbyIntervalMs: draft.standby_interval_ms ?? GATEWAYS_DEFAULTS.standby_interval_ms,
    leaseMs: draft.lease_ms ?? GATEWAYS_DEFAULTS.lease_ms,
    switchAfterMs: draft.switch_after_ms ?? GATEWAYS_DEFAULTS.switch_after_ms,
    restMs,
    maximumRestMs,
  };
}

const THOUSAND: Readonly<Record<string, number>> = { '': 0, k: 1, M: 2, G: 3, T: 4 };

function resolveBudget(draft: NonNullable<GatewaysDraft['budget']>, run: Resolving): GatewaysConfig['budget'] {
  const { bytes } = draft;
  const path = [...ROOT, 'budget'];
  if (bytes === undefined) return null;
  const counted = bytesOf(bytes);
  if (counted < 1n)
    run.problem([...path, 'bytes'], `${bytes} is nothing`, '"metered: never", to elect no metered node');
  return {
    bytes: counted,
    per: draft.per ?? GATEWAYS_DEFAULTS.budget_per,
    warnPercent: draft.warn_percent ?? GATEWAYS_DEFAULTS.warn_percent,
  };
}

/** A number, or text: "2 GB", "1.5 GiB"; at most three decimals. */
export function bytesOf(bytes: number | string): bigint {
  if (typeof bytes === 'number') return BigInt(bytes);
  const [, whole = '0', decimals = '', prefix = '', binary] = /^(\d+)(?:\.(\d+))? ?([kMGT]?)(i?)B$/.exec(bytes) ?? [];
  const factor = (binary === 'i' ? 1024n : 1000n) ** BigInt(THOUSAND[prefix] ?? 0);
  return (BigInt(whole + decimals.padEnd(3, '0')) * factor) / 1000n;
}

function resolvePolicy(draft: GatewaysDraft['policy'], run: Resolving): string[] | null {
  if (draft === undefined) return null;
  const words = draft.filter((word) => word !== undefined);
  const [program] = words;
  if (program !== undefined && !program.startsWith('/')) {
    run.problem([...ROOT, 'policy', 0], `"${program}" is no absolute path`, `/usr/local/bin/${program}`);
  }
  return words;
}
