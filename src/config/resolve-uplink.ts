/** Uplinks: gateways, sources, damping. */
import type { Family, IpAddress } from '../net/ip-address.js';
import { DAMPING_DEFAULTS, OPTIONAL_DEFAULT, UPLINK_DEFAULTS } from './defaults.js';
import type { Path } from './problem.js';
import { resolveLimits, resolveProbes } from './resolve-probe.js';
import { unicastAddress, type Draft, type Resolving } from './resolving.js';
import type { UplinkFile } from './schema-uplink.js';
import type { DampingConfig, UplinkConfig } from './types.js';

type UplinkDraft = Draft<UplinkFile>;
type Gateways = UplinkConfig['gateways'];
const FAMILIES: readonly Family[] = [4, 6];

export function resolveUplink(name: string, draft: UplinkDraft, run: Resolving): UplinkConfig {
  const path = ['uplinks', name];
  const gateways = resolveGateways(draft.gateway, [...path, 'gateway'], run);
  const families = FAMILIES.filter((family) => gateways[family] !== undefined);
  return {
    name,
    interface: draft.interface ?? '',
    optional: draft.optional ?? OPTIONAL_DEFAULT,
    gateways,
    sources: resolveSources(draft.source, families, [...path, 'source'], run),
    forwarding: draft.forwarding ?? UPLINK_DEFAULTS.forwarding,
    probes: resolveProbes(draft.probes ?? [], families, [...path, 'probes'], run),
    holdDownMs: draft.hold_down_ms ?? UPLINK_DEFAULTS.hold_down_ms,
    damping: resolveDamping(draft.damping, [...path, 'damping'], run),
    limits: resolveLimits(draft.limits),
  };
}

/** Empty if what is there was wrong: nothing that depends on the families is then checked. */
function resolveGateways(draft: UplinkDraft['gateway'], path: Path, run: Resolving): Gateways {
  if (draft === undefined) return run.wasWrong(path) ? {} : { 4: 'auto', 6: 'auto' };
  if (draft === 'auto') return { 4: 'auto', 6: 'auto' };
  if (typeof draft === 'string') {
    const address = unicastAddress(draft, path, run);
    return address ? { [address.family]: address } : {};
  }
  const gateways: Gateways = {};
  for (const family of FAMILIES) {
    const value = draft[`ipv${family}`];
    if (value === undefined) continue;
    const gateway = value === 'auto' ? value : addressOfFamily(value, family, [...path, `ipv${family}`], run);
    if (gateway !== null) gateways[family] = gateway;
  }
  if (draft.ipv4 === undefined && draft.ipv6 === undefined && !wrongInside(path, run)) {
    run.problem(
      path,
      'no gateway is given, so the uplink carries nothing',
      'auto, an address, or {ipv4: auto, ipv6: auto}',
    );
  }
  return wrongInside(path, run) ? {} : gateways;
}

const wrongInside = (path: Path, run: Resolving): boolean =>
  run.wasWrong([...path, 'ipv4']) || run.wasWrong([...path, 'ipv6']);

function resolveSources(
  draft: UplinkDraft['source'],
  families: readonly Family[],
  path: Path,
  run: Resolving,
): UplinkConfig['sources'] {
  const sources: UplinkConfig['sources'] = {};
  const take = (address: IpAddress | null, at: Path): void => {
    if (!address) return;
    sources[address.family] = address;
    if (families.length > 0 && !families.includes(address.family)) {
      run.problem(
        at,
        `an IPv${address.family} source, but the uplink has no IPv${address.family} gateway`,
        `an IPv${families[0]} address`,
      );
    }
  };
  if (typeof draft === 'string') {
    take(unicastAddress(draft, path, run), path);
  } else if (draft !== undefined) {
    for (const family of FAMILIES) {
      const value = draft[`ipv${family}`];
      const at = [...path, `ipv${family}`];
      if (value !== undefined) take(addressOfFamily(value, family, at, run), at);
    }
  }
  return sources;
}

function addressOfFamily(text: string, family: Family, path: Path, run: Resolving): IpAddress | null {
  const address = unicastAddress(text, path, run);
  if (!address || address.family === family) return address;
  run.problem(
    path,
    `${text} is an IPv${address.family} address`,
    `an IPv${family} address, or move it to "ipv${address.family}"`,
  );
  return null;
}

/** RFC 2439 section 4.2: reuse below cutoff, and a ceiling (from the longest suppression) that can reach the cutoff. */
function resolveDamping(draft: UplinkDraft['damping'], path: Path, run: Resolving): DampingConfig {
  const damping: DampingConfig = {
    enabled: draft?.enabled ?? DAMPING_DEFAULTS.enabled,
    penaltyPerFailure: draft?.penalty_per_failure ?? DAMPING_DEFAULTS.penalty_per_failure,
    cutoffThreshold: draft?.cutoff_threshold ?? DAMPING_DEFAULTS.cutoff_threshold,
    reuseThreshold: draft?.reuse_threshold ?? DAMPING_DEFAULTS.reuse_threshold,
    halfLifeMs: draft?.half_life_ms ?? DAMPING_DEFAULTS.half_life_ms,
    maximumSuppressMs: draft?.maximum_suppress_ms ?? DAMPING_DEFAULTS.maximum_suppress_ms,
  };
  const keys = ['cutoff_threshold', 'reuse_threshold', 'half_life_ms', 'maximum_suppress_ms'] as const;
  if (draft === undefined || run.wasWrong(...keys.map((key) => [...path, key]))) return damping;
  const given = (...candidates: (typeof keys)[number][]): Path => {
    const key = candidates.find((candidate) => draft[candidate] !== undefined);
    return key === undefined ? path : [...path, key];
  };
  if (damping.reuseThreshold >= damping.cutoffThreshold) {
    run.problem(
      given('reuse_threshold', 'cutoff_threshold'),
      `reuse_threshold (${damping.reuseThreshold}) must be below cutoff_threshold (${damping.cutoffThreshold})`,
      `a reuse_threshold of ${Math.max(1, Math.floor(damping.cutoffThreshold / 3))}`,
    );
    return damping;
  }
  const ceiling = damping.reuseThreshold * 2 ** (damping.maximumSuppressMs / damping.halfLifeMs);
  if (ceiling <= damping.cutoffThreshold) {
    const neededMs = Math.ceil(damping.halfLifeMs * Math.log2(damping.cutoffThreshold / damping.reuseThreshold)) + 1;
    run.problem(
      given('maximum_suppress_ms', 'half_life_ms', 'cutoff_threshold', 'reuse_threshold'),
      'nothing would ever be suppressed: the figure of merit is capped at reuse_threshold x 2^(maximum_suppress_ms / ' +
        `half_life_ms) = ${Math.floor(ceiling)}, not above cutoff_threshold (${damping.cutoffThreshold})`,
      `a maximum_suppress_ms above ${neededMs}, or "enabled: false"`,
    );
  }
  return damping;
}
