/** `detour status`: everything that matters on one screen. Pure. */
import type { GroupResource } from '../../api/resources/group.js';
import type { HealthResource } from '../../api/resources/health.js';
import type { InterfaceResource } from '../../api/resources/interface.js';
import type { PathResource, UplinkResource } from '../../api/resources/uplink.js';
import { paint, printable, renderTable, type Cell } from '../table.js';
import { wrap } from '../text.js';
import { formatBytes, formatDurationMs, formatLatencyUs, formatPercent, formatRate } from '../units.js';
import { bestWindow, familyName, stateCell, type ViewOptions } from './common.js';
import { groupTable } from './groups.js';

export interface StatusSnapshot {
  health: HealthResource;
  uplinks: UplinkResource[];
  groups: GroupResource[];
  interfaces: InterfaceResource[];
}

/** An earlier snapshot; with one, traffic is shown as a rate. */
export interface EarlierSnapshot {
  snapshot: StatusSnapshot;
  elapsedMs: number;
}

export function renderStatus(
  snapshot: StatusSnapshot,
  options: ViewOptions,
  earlier: EarlierSnapshot | null = null,
): string[] {
  const sections = [
    headline(withoutPaths(snapshot), options),
    ...pathSections(snapshot.uplinks, options, earlier),
    snapshot.groups.length === 0 ? [] : groupTable(withoutPathCauses(snapshot), options),
    servedByStack(snapshot, options),
  ].filter((lines) => lines.length > 0);
  return sections.flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

function headline(health: HealthResource, options: ViewOptions): string[] {
  const tone = { ok: 'good', degraded: 'warn', down: 'bad' } as const;
  const status = paint(health.status, tone[health.status], options.color);
  const mode = health.mode === 'observe' ? 'observing only: no routes written, nothing forwarded' : 'active';
  const ready = health.ready ? '' : ', not ready yet';
  const first = `detour: ${status}, ${mode}${ready}, running for ${formatDurationMs(health.uptimeMs)}`;
  const allDown = health.families.filter((family) => family.believed);
  return [
    first,
    ...health.problems.flatMap((problem) => wrap(`! ${problem}`, options.width)),
    ...allDown.flatMap((view) => {
      const kept = view.lastGood === null ? 'none has worked yet' : `${view.lastGood} is kept in use`;
      return wrap(`! every ${familyName(view.family)} path is down: ${kept}`, options.width);
    }),
  ];
}

/** The table, and below it in full what it had to cut of paths that are not simply up. Nothing is said twice. */
function pathSections(uplinks: UplinkResource[], options: ViewOptions, earlier: EarlierSnapshot | null): string[][] {
  if (uplinks.length === 0) return [['no uplinks']];
  const whole = pathTable(uplinks, options, earlier, (path) => path.cause);
  const isBelow = (path: PathResource): boolean => {
    if (path.kept !== null) return true;
    return path.state !== 'up' && !whole.some((line) => line.endsWith(printable(path.cause).trimEnd()));
  };
  const below = explanations(uplinks, isBelow, options);
  if (below.length === 0) return [whole];
  return [pathTable(uplinks, options, earlier, (path) => (isBelow(path) ? 'see below' : path.cause)), below];
}

function pathTable(
  uplinks: UplinkResource[],
  options: ViewOptions,
  earlier: EarlierSnapshot | null,
  causeOf: (path: PathResource) => string,
): string[] {
  const rows = uplinks.flatMap((uplink) =>
    uplink.paths.map((path, index): Cell[] => {
      const window = bestWindow(path);
      return [
        index === 0 ? uplink.name : '',
        // Short: at 80 characters, every other column has its full width at its longest.
        `v${path.family}`,
        stateCell(path),
        formatDurationMs(path.stateForMs),
        formatPercent(window?.lossPercent ?? null),
        formatLatencyUs(window?.latencyUs ?? null),
        formatLatencyUs(window?.jitterUs ?? null),
        trafficCell(uplink.name, path, earlier),
        causeOf(path),
      ];
    }),
  );
  return renderTable(
    [
      { title: 'UPLINK', shrink: true },
      { title: 'IP' },
      { title: 'STATE' },
      { title: 'SINCE', align: 'right' },
      { title: 'LOSS', align: 'right' },
      { title: 'LATENCY', align: 'right' },
      { title: 'JITTER', align: 'right' },
      { title: earlier === null ? 'SENT' : 'RATE', align: 'right' },
      { title: 'CAUSE', shrink: true },
    ],
    rows,
    options,
  );
}

function trafficCell(uplink: string, path: PathResource, earlier: EarlierSnapshot | null): string {
  if (earlier === null) return formatBytes(BigInt(path.transmitted.bytes));
  const before = earlier.snapshot.uplinks
    .find((candidate) => candidate.name === uplink)
    ?.paths.find((candidate) => candidate.family === path.family);
  if (before === undefined) return '-';
  const bytes = BigInt(path.transmitted.bytes) - BigInt(before.transmitted.bytes);
  // Counters begin anew when the controller does.
  return bytes < 0n ? '-' : formatRate(bytes, earlier.elapsedMs);
}

/** Whole causes; families of one uplink that fare alike share a sentence. */
function explanations(
  uplinks: UplinkResource[],
  isWanted: (path: PathResource) => boolean,
  options: ViewOptions,
): string[] {
  return uplinks.flatMap((uplink) => {
    const families = new Map<string, string[]>();
    for (const path of uplink.paths.filter(isWanted)) {
      const kept = path.kept === null ? '' : `; still in use: ${path.kept}`;
      const text = `${path.state}: ${path.cause}${kept}`;
      families.set(text, [...(families.get(text) ?? []), familyName(path.family)]);
    }
    return [...families].flatMap(([text, names]) =>
      wrap(`${uplink.name} ${names.join(' and ')} ${text}`, options.width),
    );
  });
}

/** "fibre is down", not "fibre is down: <the cause that stands with the path>". */
function withoutPathCauses({ uplinks, groups }: StatusSnapshot): GroupResource[] {
  const paths = uplinks.flatMap((uplink) => uplink.paths);
  return groups.map((group) => {
    const told = paths.find(({ family, cause }) => family === group.family && group.cause.endsWith(`: ${cause}`));
    return told ? { ...group, cause: group.cause.slice(0, -`: ${told.cause}`.length) } : group;
  });
}

/** Problems that the table of paths says with more figures. */
function withoutPaths({ health, uplinks }: StatusSnapshot): HealthResource {
  const told = uplinks.flatMap(({ name, paths }) => paths.map(({ family }) => `${name} ${familyName(family)} is `));
  const isTold = (problem: string): boolean => told.some((start) => problem.startsWith(start));
  return { ...health, problems: health.problems.filter((problem) => !isTold(problem)) };
}

/** What XDP does not serve as well as it could, each with its reason, unless the head of the page says so already. */
function servedByStack({ health, uplinks, interfaces }: StatusSnapshot, options: ViewOptions): string[] {
  const byStack = uplinks.filter((uplink) => uplink.forwarding.by === 'stack');
  const isTold = (reason: string | null): boolean =>
    health.mode === 'observe' ||
    (reason !== null && health.problems.some((problem) => problem.endsWith(`: ${reason}`)));
  const lines = byStack
    .filter(({ forwarding }) => !isTold(forwarding.reason))
    .map(({ name, forwarding }) => `${name} is served by the stack: ${forwarding.reason ?? 'configured'}`);
  for (const { name, xdp, reason } of interfaces) {
    // The uplink's line has said it already.
    if (xdp === 'native' || byStack.some((uplink) => uplink.interface === name)) continue;
    lines.push(`${name} ${xdp === 'generic' ? 'runs XDP in generic mode' : 'has no XDP'}: ${reason ?? 'configured'}`);
  }
  return lines.flatMap((line) => wrap(line, options.width));
}
