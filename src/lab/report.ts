/** What the demo leaves behind: a table for the terminal, report.json, report.html. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportHtml } from './report-html.js';
import type { StoryResult } from './story-parts.js';

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
export function writeReport(directory: string, results: readonly StoryResult[]): string {
  const cases = results.flatMap((result) => result.cases);
  const plain = cases.map(({ name, family, lost, outage_ms, detect_ms, elect_ms, disarm_ms, path_after }) => {
    const election = elect_ms === null && disarm_ms === null ? {} : { elect_ms, disarm_ms };
    return { name, family: `ipv${family}`, lost, outage_ms, detect_ms, ...election, path_after };
  });
  writeFileSync(join(directory, 'report.json'), `${JSON.stringify({ cases: plain }, null, 2)}\n`);
  writeFileSync(join(directory, 'report.html'), reportHtml(results, { at: new Date(), remarks: remarks(results) }));
  const notes = remarks(results).map((remark) => `! ${remark}`);
  return [table(results), ...(notes.length === 0 ? [] : ['', ...notes])].join('\n');
}

const ms = (value: number | null, digits = 1): string => (value === null ? '-' : `${value.toFixed(digits)} ms`);

function table(results: readonly StoryResult[]): string {
  const head = [
    'event',
    'family',
    'detected after',
    'carrying after',
    'packets lost',
    'outage',
    'disarmed after',
    'path after',
  ];
  const rows = results.flatMap(({ cases }) =>
    cases.map((entry) => [
      entry.name,
      `IPv${entry.family}`,
      ms(entry.detect_ms, 2),
      ms(entry.elect_ms),
      String(entry.lost),
      ms(entry.outage_ms),
      ms(entry.disarm_ms),
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
