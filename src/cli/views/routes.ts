/** `detour routes`. Pure. */
import type { RouteResource } from '../../api/resources/route.js';
import { renderTable, type Cell } from '../table.js';
import { wrap } from '../text.js';
import type { ViewOptions } from './common.js';

/** Prefixes named with a problem that they share. */
const NAMED = 3;

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
  const problems = [...prefixesByProblem(routes)].flatMap(([problem, prefixes]) =>
    wrap(`! ${some(prefixes)}: ${problem}`, options.width),
  );
  return problems.length === 0 ? table : [...table, '', ...problems];
}

function prefixesByProblem(routes: readonly RouteResource[]): Map<string, string[]> {
  const prefixes = new Map<string, string[]>();
  for (const { prefix, problem } of routes) {
    if (problem === null) continue;
    const alike = prefixes.get(problem);
    if (alike) alike.push(prefix);
    else prefixes.set(problem, [prefix]);
  }
  return prefixes;
}

/** "192.0.2.0/24, ... and 497 more" */
function some(prefixes: readonly string[]): string {
  const more = prefixes.length - NAMED;
  return prefixes.slice(0, NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
