/** `detour interfaces`: how XDP is attached, and what became of received packets. Pure. */
import type { InterfaceResource } from '../../api/resources/interface.js';
import { renderTable, type Cell } from '../table.js';
import { wrap } from '../text.js';
import { formatCount } from '../units.js';
import type { ViewOptions } from './common.js';

export function renderInterfaces(interfaces: readonly InterfaceResource[], options: ViewOptions): string[] {
  if (interfaces.length === 0) return ['no interfaces'];
  const rows = interfaces.map((status): Cell[] => [
    status.name,
    status.role === 'uplink' ? 'uplink' : '-',
    status.carrier ? { text: 'up', tone: 'good' } : { text: 'down', tone: 'bad' },
    { text: status.xdp, tone: status.xdp === 'native' ? 'good' : 'warn' },
    status.vlanId === null ? status.port : `${status.port} vlan ${status.vlanId}`,
    status.mtu,
    status.mac ?? '-',
  ]);
  const table = renderTable(
    [
      { title: 'INTERFACE', shrink: true },
      { title: 'ROLE' },
      { title: 'LINK' },
      { title: 'XDP' },
      { title: 'PORT', shrink: true },
      { title: 'MTU', align: 'right' },
      { title: 'MAC' },
    ],
    rows,
    options,
  );
  const reasons = interfaces
    .filter((status) => status.reason !== null)
    .flatMap((status) => wrap(`${status.name}: XDP ${status.xdp}, ${reasonOf(status)}`, options.width));
  const received = interfaces.flatMap((status) => wrap(reasonLine(status), options.width));
  return [...table, ...section(reasons), '', 'Received packets by what was done with them:', ...received];
}

/** A reason says why XDP is not native; where it is, what it cannot do all the same. */
const reasonOf = ({ xdp, reason }: InterfaceResource): string => `${xdp === 'native' ? 'but' : 'because'} ${reason}`;

/** "eth0: forwarded 988 k, not-ip 42": most frequent first. */
function reasonLine({ name, reasons }: InterfaceResource): string {
  const counted = Object.entries(reasons)
    .map(([reason, count]): [string, bigint] => [reason, BigInt(count)])
    .filter(([, count]) => count > 0n)
    .sort(([, a], [, b]) => (a < b ? 1 : a > b ? -1 : 0));
  if (counted.length === 0) return `${name}: none`;
  return `${name}: ${counted.map(([reason, count]) => `${reason} ${formatCount(count)}`).join(', ')}`;
}

/** Reasons and the like stand below a table, in full: a cut reason explains nothing. */
const section = (lines: string[]): string[] => (lines.length === 0 ? [] : ['', ...lines]);
