/** What the demo leaves behind: a table for the terminal, report.json, report.html. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportHtml } from './report-html.js';
import type { StoryResult } from './story.js';

/** A pause of the source longer than that may hide what it would have lost. */
const NOTABLE_PAUSE_MS = 5;

/** What a reader must know about how the figures came about; empty on a quiet machine. */
export function remarks(results: readonly StoryResult[]): string[] {
  return results.flatMap(({ cases }) =>
    cases
      .filter(({ pause_ms }) => pause_ms > NOTABLE_PAUSE_MS)
      .map(
        ({ name, family, pause_ms }) =>
          `${name}, IPv${family}: the source itself paused for ${pause_ms.toFixed(0)} ms, and sent nothing that could be lost: ` +
          'the machine was busy, the row says less than it seems',
      ),
  );
}

/** Returns the table, and remarks below it. */
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
  writeFileSync(
    join(directory, 'report.html'),
    reportHtml(results, paths, { at: new Date(), remarks: remarks(results) }),
  );
  const notes = remarks(results).map((remark) => `! ${remark}`);
  return [table(results), ...(notes.length === 0 ? [] : ['', ...notes])].join('\n');
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
