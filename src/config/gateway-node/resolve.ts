/** Draft of a node's file -> GatewayNodeConfig: defaults, and the rules that look at more than one value. */
import { Prefix } from '../../net/prefix.js';
import { endpoint, type Draft, type Resolving } from '../resolving.js';
import { bytesOf } from '../resolve-gateways.js';
import { NODE_DEFAULTS } from './defaults.js';
import type { GatewayNodeFile } from './schema.js';
import type { GatewayNodeConfig, NodeBackhaulConfig, NodeBudget, NodeTarget } from './types.js';

type FileDraft = Draft<GatewayNodeFile>;

/** NAME of the protocol; the schema counts characters. */
const MAXIMUM_NAME_BYTES = 32;
const DNS_PORT = 53;
const HTTPS_PORT = 443;

/** Never throws; what is wrong is reported to `run`. */
export function resolveNode(draft: FileDraft, run: Resolving): GatewayNodeConfig {
  return {
    version: 1,
    name: resolveName(draft.name, run),
    interfaces: resolveInterfaces(draft.interfaces, run),
    backhaul: resolveBackhaul(draft.backhaul ?? {}, run),
    capacity: draft.capacity ? { downKbps: draft.capacity.down_kbps ?? 0, upKbps: draft.capacity.up_kbps ?? 0 } : null,
    cost: {
      preference: draft.cost?.preference ?? NODE_DEFAULTS.preference,
      metered: draft.cost?.metered ?? NODE_DEFAULTS.metered,
      budget: resolveBudget(draft.cost?.budget, run),
    },
    minimumBatteryPercent: draft.battery?.minimum_percent ?? NODE_DEFAULTS.minimum_percent,
    slots: draft.slots ?? NODE_DEFAULTS.slots,
    routedPrefixes: resolvePrefixes(draft.ipv6?.routed_prefixes ?? [], run),
    advertiseIntervalMs: draft.advertise_interval_ms ?? NODE_DEFAULTS.advertise_interval_ms,
    advertiseFamily: (draft.advertise_family ?? NODE_DEFAULTS.advertise_family) === 'ipv4' ? 4 : 6,
    maximumLeaseMs: draft.maximum_lease_ms ?? NODE_DEFAULTS.maximum_lease_ms,
    stateDirectory: draft.state_directory ?? NODE_DEFAULTS.state_directory,
    log: { level: draft.log?.level ?? NODE_DEFAULTS.log_level },
  };
}

function resolveName(name: string | undefined, run: Resolving): string | null {
  if (name === undefined) return null;
  if (Buffer.byteLength(name) > MAXIMUM_NAME_BYTES) {
    run.problem(
      ['name'],
      `has ${Buffer.byteLength(name)} bytes, at most ${MAXIMUM_NAME_BYTES} are sent`,
      'a shorter one',
    );
  } else if (/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(name)) {
    run.problem(['name'], 'has control characters', 'plain text');
  }
  return name;
}

function resolveInterfaces(draft: FileDraft['interfaces'], run: Resolving): string[] | null {
  if (draft === undefined) return null;
  const names = new Set<string>();
  draft.forEach((name, index) => {
    if (name === undefined) return;
    if (names.has(name)) run.problem(['interfaces', index], `${name} is there twice`, 'it once');
    names.add(name);
  });
  return [...names];
}

function resolveBackhaul(draft: NonNullable<FileDraft['backhaul']>, run: Resolving): NodeBackhaulConfig {
  const { backhaul: defaults } = NODE_DEFAULTS;
  const intervalMs = draft.interval_ms ?? defaults.interval_ms;
  const timeoutMs = draft.timeout_ms ?? Math.min(defaults.timeout_ms, intervalMs);
  const path = ['backhaul', 'timeout_ms'];
  if (timeoutMs > intervalMs && !run.wasWrong(path, ['backhaul', 'interval_ms'])) {
    run.problem(path, `must not be above interval_ms (${intervalMs}), as ${timeoutMs} is`, String(intervalMs));
  }
  const name = draft.interface ?? defaults.interface;
  return {
    interface: name === 'auto' ? null : name,
    targets: resolveTargets(draft.targets ?? [], run),
    intervalMs,
    timeoutMs,
    failAfter: draft.fail_after ?? defaults.fail_after,
  };
}

function resolveTargets(texts: readonly (string | undefined)[], run: Resolving): NodeTarget[] {
  return texts.flatMap((text, index) => {
    if (text === undefined) return [];
    const path = ['backhaul', 'targets', index];
    const target = endpoint(text, path, run, HTTPS_PORT);
    if (target === null) return [];
    if (!target.address.isLinkLocal) return [{ kind: target.port === DNS_PORT ? 'dns' : 'tcp', ...target }];
    run.problem(path, `${text} is only reached on its own link`, 'an address beyond it');
    return [];
  });
}

function resolveBudget(draft: NonNullable<FileDraft['cost']>['budget'], run: Resolving): NodeBudget | null {
  if (draft?.bytes === undefined) return null;
  const bytes = bytesOf(draft.bytes);
  if (bytes < 1n) run.problem(['cost', 'budget', 'bytes'], `${draft.bytes} is nothing`, 'at least "1 MB"');
  return { bytes, per: draft.per ?? NODE_DEFAULTS.budget_per };
}

function resolvePrefixes(texts: readonly (string | undefined)[], run: Resolving): Prefix[] {
  return texts.flatMap((text, index) => {
    if (text === undefined) return [];
    const path = ['ipv6', 'routed_prefixes', index];
    try {
      const prefix = Prefix.parse(text);
      if (prefix.family === 6) return [prefix];
      run.problem(path, `${text} is an IPv4 prefix`, 'an IPv6 prefix');
    } catch (error) {
      run.problem(path, (error as Error).message);
    }
    return [];
  });
}
