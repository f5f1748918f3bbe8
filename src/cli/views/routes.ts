/** `detour routes`. Pure. */
import type { RouteResource } from '../../api/resources/route.js';
import { renderTable, type Cell } from '../table.js';
import { wrap } from '../text.js';
import type { ViewOptions } from './common.js';

export function renderRoutes(routes: readonly RouteResource[], options: ViewOptions): string[] {
  if (routes.length === 0) return ['no routes'];
  const mark = (programmed: boolean): Cell =>
    programmed ? { text: 'yes', tone: 'good' } : { text: 'no', tone: 'bad' };
  const rows = routes.map(({ prefix, target, programmed }): Cell[] => [
    prefix,
    target,
    mark(programmed.xdp),
    mark(programmed.kernel),
  ]);
  const table = renderTable(
    [{ title: 'PREFIX', shrink: true }, { title: 'TARGET', shrink: true }, { title: 'XDP' }, { title: 'KERNEL' }],
    rows,
    options,
  );
  // Below the table and in full: a cut problem explains nothing.
  const problems = routes
    .filter(({ problem }) => problem !== null)
    .flatMap(({ prefix, problem }) => wrap(`! ${prefix}: ${problem}`, options.width));
  return problems.length === 0 ? table : [...table, '', ...problems];
}
