/** What the demo leaves behind: a table for the terminal, report.json, report.html. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportHtml } from './report-html.js';
import type { StoryResult } from './story.js';

/** Returns the table. */
export function writeReport(
  directory: string,
  results: readonly StoryResult[],
  paths: ReadonlyMap<number, number>,
): string {
  const cases = results.flatMap((result) => result.cases);
  const plain = cases.map(({ name, family, lost, outage_ms, detect_ms, path_after }) => {
    return { name, family: `ipv${family}`, lost, outage_ms, detect_ms, path_after };
  });
  writeFileSync(join(directory, 'report.json'), `${JSON.stringify({ cases: plain }, null, 2)}\n`);
  writeFileSync(join(directory, 'report.html'), reportHtml(results, paths));
  return table(results);
}

function table(results: readonly StoryResult[]): string {
  const head = ['event', 'family', 'detected after', 'packets lost', 'outage', 'path after'];
  const rows = results.flatMap(({ cases }) =>
    cases.map((entry) => [
      entry.name,
      `IPv${entry.family}`,
      `${entry.detect_ms.toFixed(2)} ms`,
      String(entry.lost),
      `${entry.outage_ms.toFixed(1)} ms`,
      entry.path_after,
    ]),
  );
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
