/** What the views share: words and colours of states, the quality of a path, and the shape of a view. Pure. */
import type { PathResource, TargetResource } from '../../api/resources/uplink.js';
import type { Cell, TableOptions, Tone } from '../table.js';

/** How wide, and whether in colour. */
export type ViewOptions = TableOptions;

const stateTones: Record<PathResource['state'], Tone> = {
  init: 'dim',
  up: 'good',
  degraded: 'warn',
  suspect: 'warn',
  down: 'bad',
  held: 'warn',
  drained: 'dim',
};

/** The state; an asterisk marks a path that is used although its state says otherwise. */
export function stateCell(path: PathResource): Cell {
  return { text: path.kept === null ? path.state : `${path.state}*`, tone: stateTones[path.state] };
}

export const familyName = (family: 4 | 6): string => `IPv${family}`;

/**
 * The window that speaks for a path: that of its best target, since one dead target is not a dead path. Null: none of
 * its targets has been probed yet.
 */
export function bestWindow(path: PathResource): NonNullable<TargetResource['window']> | null {
  const windows = path.targets.flatMap(({ window }) => (window === null ? [] : [window]));
  const rank = (window: (typeof windows)[number]): number => window.latencyUs ?? Infinity;
  windows.sort((a, b) => a.lossPercent - b.lossPercent || rank(a) - rank(b));
  return windows[0] ?? null;
}

/** "fibre > lte + cable*2": tiers by ">", members of a tier by "+", weights other than 1. */
export function orderText(order: readonly (readonly { uplink: string; weight: number }[])[]): string {
  const member = ({ uplink, weight }: { uplink: string; weight: number }): string =>
    weight === 1 ? uplink : `${uplink}*${weight}`;
  return order.map((tier) => tier.map(member).join(' + ')).join(' > ');
}
