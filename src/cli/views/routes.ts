/** `detour routes`. Pure. */
import type { RouteResource } from '../../api/resources/route.js';
import { renderTable, type Cell } from '../table.js';
import type { ViewOptions } from './common.js';

export function renderRoutes(routes: readonly RouteResource[], options: ViewOptions): string[] {
  if (routes.length === 0) return ['no routes'];
  const mark = (programmed: boolean): Cell =>
    programmed ? { text: 'yes', tone: 'good' } : { text: 'no', tone: 'bad' };
  const rows = routes.map(({ prefix, target, programmed, problem }): Cell[] => [
    prefix,
    target,
    mark(programmed.xdp),
    mark(programmed.kernel),
    problem === null ? '' : { text: problem, tone: 'bad' },
  ]);
  return renderTable(
    [
      { title: 'PREFIX', shrink: true },
      { title: 'TARGET', shrink: true },
      { title: 'XDP' },
      { title: 'KERNEL' },
      { title: 'PROBLEM', shrink: true },
    ],
    rows,
    options,
  );
}
