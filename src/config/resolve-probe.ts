/** Probes of one uplink: names, defaults, targets, and the rules between their fields. */
import { isIP } from 'node:net';
import type { Family, IpAddress } from '../net/ip-address.js';
import { PROBE_DEFAULTS } from './defaults.js';
import { LIMITS } from './limits.js';
import type { Path } from './problem.js';
import { endpoint, unicastAddress, type Draft, type Resolving } from './resolving.js';
import type { LimitsFile, ProbeFile } from './schema-probe.js';
import { targetsOf } from './target-key.js';
import type { HttpProbeConfig, ProbeCommon, ProbeConfig, QualityLimits } from './types.js';

type ProbeDraft = Draft<ProbeFile>;
type TargetDraft = string | { address?: string; port?: number; url?: string } | undefined;

/** @param families those that the uplink carries; empty: unknown, because its gateway was wrong */
export function resolveProbes(
  drafts: readonly (ProbeDraft | undefined)[],
  families: readonly Family[],
  path: Path,
  run: Resolving,
): ProbeConfig[] {
  const probes: ProbeConfig[] = [];
  const names = new Map<string, number>();
  const counts = new Map<string, number>();
  drafts.forEach((draft, index) => {
    if (draft?.type === undefined) return;
    const at = [...path, index];
    const number = (counts.get(draft.type) ?? 0) + 1;
    counts.set(draft.type, number);
    const name = draft.name ?? `${draft.type}-${number}`;
    const first = names.get(name);
    if (first !== undefined) {
      const where = draft.name === undefined ? at : [...at, 'name'];
      run.problem(where, `the name "${name}" is taken by probes[${first}]`, 'another name');
    }
    names.set(name, index);
    probes.push(resolveProbe(draft, name, families, at, run));
  });
  return probes;
}

function resolveProbe(
  draft: ProbeDraft,
  name: string,
  families: readonly Family[],
  path: Path,
  run: Resolving,
): ProbeConfig {
  const probe = withTargets(draft, common(draft, name, path, run), path, run);
  checkFamilies(probe, families, path, run);
  const counts = ([4, 6] as const).map((family) => targetsOf(probe, family).length).filter((count) => count > 0);
  // Half of the targets, rounded up: one of three may be dead. Of the family with fewer, since the other's are more.
  probe.quorum = draft.quorum ?? Math.max(1, Math.ceil(Math.min(...counts) / 2));
  const most = Math.max(...counts);
  if (draft.quorum !== undefined && draft.quorum > most && !run.wasWrong([...path, 'targets'])) {
    run.problem([...path, 'quorum'], `must not be above the number of targets in a family, ${most}`, String(most));
  }
  return probe;
}

function common(draft: ProbeDraft, name: string, path: Path, run: Resolving): ProbeCommon {
  const intervalMs = draft.interval_ms ?? PROBE_DEFAULTS.interval_ms;
  const timeoutMs = draft.timeout_ms ?? intervalMs;
  const failAfter = draft.fail_after ?? PROBE_DEFAULTS.fail_after;
  const at = (key: string): Path => [...path, key];
  if (timeoutMs > intervalMs && !run.wasWrong(at('interval_ms'), at('timeout_ms'))) {
    run.problem(
      at('timeout_ms'),
      `must not be above interval_ms (${intervalMs}): a late reply would be taken for the next one's`,
      `${intervalMs} or less, or a longer interval_ms`,
    );
  }
  const detectionMs = intervalMs * (failAfter - 1) + timeoutMs;
  if (detectionMs > LIMITS.detectionMs && !run.wasWrong(at('interval_ms'), at('timeout_ms'), at('fail_after'))) {
    run.problem(
      draft.interval_ms === undefined ? path : at('interval_ms'),
      `this probe notices a failure only after ${detectionMs} ms (interval_ms x (fail_after - 1) + timeout_ms); ` +
        `at most ${LIMITS.detectionMs} ms are allowed`,
      `an interval_ms of ${Math.floor(LIMITS.detectionMs / failAfter)} or less`,
    );
  }
  return {
    name,
    intervalMs,
    timeoutMs,
    failAfter,
    recoverAfter: draft.recover_after ?? PROBE_DEFAULTS.recover_after,
    windowSamples: draft.window_samples ?? PROBE_DEFAULTS.window_samples,
    quorum: 1,
    limits: resolveLimits(draft.limits),
  };
}

export function resolveLimits(draft: Draft<LimitsFile> | undefined): QualityLimits {
  return {
    ...(draft?.loss_percent !== undefined && { lossPercent: draft.loss_percent }),
    ...(draft?.latency_ms !== undefined && { latencyMs: draft.latency_ms }),
    ...(draft?.jitter_ms !== undefined && { jitterMs: draft.jitter_ms }),
  };
}

function withTargets(draft: ProbeDraft, common: ProbeCommon, path: Path, run: Resolving): ProbeConfig {
  const items = (draft.targets ?? []) as readonly TargetDraft[];
  const each = <T>(parse: (item: NonNullable<TargetDraft>, at: Path) => T | null, keyOf: (target: T) => string): T[] =>
    distinct(items, parse, keyOf, [...path, 'targets'], run);
  switch (draft.type) {
    case 'tcp':
      return { ...common, type: 'tcp', targets: each((item, at) => resolveEndpoint(item, at, run), endpointKey) };
    case 'dns':
      return {
        ...common,
        type: 'dns',
        targets: each((item, at) => resolveEndpoint(item, at, run, PROBE_DEFAULTS.dns_port), endpointKey),
        query: resolveQuery(draft.query ?? PROBE_DEFAULTS.query, path, run),
        queryType: draft.query_type ?? PROBE_DEFAULTS.query_type,
      };
    case 'http':
    case 'https': {
      const { type } = draft;
      return {
        ...common,
        type,
        targets: each(
          (item, at) => resolveUrl(type, item, at, run),
          (target) => `${target.url} ${endpointKey(target)}`,
        ),
        expectStatus: resolveStatus(draft.expect_status ?? PROBE_DEFAULTS.expect_status, path, run),
        ...(draft.expect_body !== undefined && { expectBody: draft.expect_body }),
        verifyCertificate:
          draft.type === 'https' ? (draft.verify_certificate ?? PROBE_DEFAULTS.verify_certificate) : true,
      };
    }
    case 'icmp':
    case undefined:
      return {
        ...common,
        type: 'icmp',
        targets: each(
          (item, at) => (item === 'gateway' ? 'gateway' : unicastAddress(item as string, at, run)),
          (target) => target.toString(),
        ),
      };
  }
}

const endpointKey = ({ address, port }: { address: IpAddress; port: number }): string =>
  `${address.toString()} ${port}`;

/** Parses every target and refuses one that is there twice: it would have two votes in the quorum. */
function distinct<T>(
  items: readonly TargetDraft[],
  parse: (item: NonNullable<TargetDraft>, at: Path) => T | null,
  keyOf: (target: T) => string,
  path: Path,
  run: Resolving,
): T[] {
  const first = new Map<string, number>();
  return items.flatMap((item, index) => {
    const target = item === undefined ? null : parse(item, [...path, index]);
    if (target === null) return [];
    const key = keyOf(target);
    const before = first.get(key);
    if (before !== undefined) {
      run.problem([...path, index], `the same target as targets[${before}]: it would count twice`, 'another target');
      return [];
    }
    first.set(key, index);
    return [target];
  });
}

function resolveEndpoint(item: NonNullable<TargetDraft>, path: Path, run: Resolving, defaultPort?: number) {
  if (typeof item === 'string') return endpoint(item, path, run, defaultPort);
  const port = item.port ?? defaultPort;
  const address = item.address === undefined ? null : unicastAddress(item.address, [...path, 'address'], run);
  return address === null || port === undefined ? null : { address, port };
}

function resolveUrl(
  type: 'http' | 'https',
  item: NonNullable<TargetDraft>,
  path: Path,
  run: Resolving,
): HttpProbeConfig['targets'][number] | null {
  const text = typeof item === 'string' ? item : item.url;
  if (text === undefined) return null;
  const at = typeof item === 'string' ? path : [...path, 'url'];
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.hostname === '' || url.protocol !== `${type}:`) {
    run.problem(at, `must be a URL that starts with ${type}://, not "${text}"`, `${type}://192.0.2.80/`);
    return null;
  }
  if (url.username !== '' || url.password !== '') {
    run.problem(at, 'a URL with a user name or password is not accepted', 'it without');
    return null;
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const given = typeof item === 'string' ? undefined : item.address;
  if (given === undefined && (isIP(host) === 0 || run.wasWrong([...path, 'address']))) {
    if (!run.wasWrong([...path, 'address'])) {
      run.problem(
        at,
        `the host "${host}" is a name, and DNS must not fail the path`,
        `{url: "${text}", address: 192.0.2.80}`,
      );
    }
    return null;
  }
  const address =
    given === undefined ? unicastAddress(host, at, run) : unicastAddress(given, [...path, 'address'], run);
  if (address === null) return null;
  const schemePort = type === 'https' ? PROBE_DEFAULTS.https_port : PROBE_DEFAULTS.http_port;
  const port = (typeof item === 'string' ? undefined : item.port) ?? (url.port === '' ? schemePort : Number(url.port));
  return { url: url.href, address, port };
}

function resolveStatus(value: number | string, path: Path, run: Resolving): { from: number; to: number } {
  if (typeof value === 'number') return { from: value, to: value };
  const [from, to] = value.split('-').map(Number) as [number, number | undefined];
  if (to !== undefined && to < from) {
    run.problem([...path, 'expect_status'], `the range ${value} is empty`, `"${to}-${from}"`);
  }
  return { from, to: to ?? from };
}

/** RFC 1035 section 2.3.4: labels of 1 to 63 octets. "." is the root. Underscores occur in real names. */
function resolveQuery(query: string, path: Path, run: Resolving): string {
  const labels = query.replace(/\.$/, '').split('.');
  if (query !== '.' && !labels.every((label) => /^[A-Za-z0-9_-]{1,63}$/.test(label))) {
    run.problem(
      [...path, 'query'],
      `"${query}" is not a domain name`,
      'a name like example.com (xn-- form for others)',
    );
  }
  return query;
}

/** A probe with targets in a family that the uplink does not carry would never be sent there. */
function checkFamilies(probe: ProbeConfig, families: readonly Family[], path: Path, run: Resolving): void {
  if (families.length === 0) return;
  probe.targets.forEach((target, index) => {
    if (target === 'gateway') return;
    const { family } = 'address' in target ? target.address : target;
    if (families.includes(family)) return;
    run.problem(
      [...path, 'targets', index],
      `an IPv${family} target, but the uplink has no IPv${family} gateway`,
      `a target of IPv${families[0]}, or a gateway with "ipv${family}: auto"`,
    );
  });
}
