/** `detour uplinks` and `detour uplinks NAME`. Pure. */
import type { PathResource, TargetResource, UplinkResource } from '../../api/resources/uplink.js';
import { renderTable, type Cell } from '../table.js';
import { wrap } from '../text.js';
import { formatBytes, formatCount, formatDurationMs, formatLatencyUs, formatPercent, formatTime } from '../units.js';
import { familyName, stateCell, type ViewOptions } from './common.js';

export function renderUplinks(uplinks: readonly UplinkResource[], options: ViewOptions): string[] {
  if (uplinks.length === 0) return ['no uplinks'];
  const rows = uplinks.flatMap((uplink) =>
    uplink.paths.map((path, index): Cell[] => [
      index === 0 ? uplink.name : '',
      index === 0 ? uplink.interface : '',
      index === 0 ? uplink.forwarding.by : '',
      familyName(path.family),
      stateCell(path),
      path.gateway ?? '-',
      path.source ?? '-',
      formatBytes(BigInt(path.transmitted.bytes)),
    ]),
  );
  return renderTable(
    [
      { title: 'UPLINK', shrink: true },
      { title: 'INTERFACE', shrink: true },
      { title: 'BY' },
      { title: 'IP' },
      { title: 'STATE' },
      { title: 'GATEWAY', shrink: true },
      { title: 'SOURCE', shrink: true },
      { title: 'SENT', align: 'right' },
    ],
    rows,
    options,
  );
}

/** Everything about one uplink: its paths, and each of their targets. */
export function renderUplink(uplink: UplinkResource, options: ViewOptions): string[] {
  const present = uplink.ifindex === null ? 'does not exist now' : `ifindex ${uplink.ifindex}`;
  const reason = uplink.forwarding.reason === null ? '' : `: ${uplink.forwarding.reason}`;
  const drained = uplink.drained ? ', drained by an operator' : '';
  const head = `${uplink.name}: interface ${uplink.interface} (${present}), forwarded by ${uplink.forwarding.by}${reason}${drained}`;
  return [...wrap(head, options.width), ...uplink.paths.flatMap((path) => ['', ...renderPath(path, options)])];
}

function renderPath(path: PathResource, options: ViewOptions): string[] {
  const facts = [
    `${familyName(path.family)}: ${path.state} for ${formatDurationMs(path.stateForMs)}, ${path.alive ? 'in use' : 'not used'}: ${path.cause}`,
    ...(path.kept === null ? [] : [`still in use: ${path.kept}`]),
    ...(path.heldUntil === null ? [] : [`held until ${formatTime(path.heldUntil)}`]),
    `gateway ${path.gateway ?? 'unknown'} (${path.gatewayMac ?? 'not resolved'}), source ${path.source ?? 'unknown'}`,
    `sent ${formatCount(BigInt(path.transmitted.packets))} packets, ${formatBytes(BigInt(path.transmitted.bytes))}; ` +
      `${path.failures} ${path.failures === 1 ? 'failure' : 'failures'}, damping ${Math.round(path.damping.figureOfMerit)}${path.damping.suppressed ? ' (suppressed)' : ''}`,
  ];
  const [first, ...others] = facts;
  return [
    ...wrap(first!, options.width),
    ...others.flatMap((fact) => wrap(fact, options.width - 2).map((line) => `  ${line}`)),
    ...targetTable(path.targets, { ...options, width: options.width - 2 }).map((line) => `  ${line}`),
  ];
}

function targetTable(targets: readonly TargetResource[], options: ViewOptions): string[] {
  if (targets.length === 0) return ['no targets'];
  const verdicts = { true: { text: 'good', tone: 'good' }, false: { text: 'bad', tone: 'bad' } } as const;
  const rows = targets.map((target): Cell[] => [
    target.probe,
    target.target,
    target.good === null ? { text: '?', tone: 'dim' } : verdicts[`${target.good}`],
    formatPercent(target.window?.lossPercent ?? null),
    formatLatencyUs(target.window?.latencyUs ?? null),
    formatLatencyUs(target.window?.jitterUs ?? null),
    target.lastCause ?? '',
  ]);
  return renderTable(
    [
      { title: 'PROBE', shrink: true },
      { title: 'TARGET', shrink: true },
      { title: 'NOW' },
      { title: 'LOSS', align: 'right' },
      { title: 'LATENCY', align: 'right' },
      { title: 'JITTER', align: 'right' },
      { title: 'LAST LOSS', shrink: true },
    ],
    rows,
    options,
  );
}
