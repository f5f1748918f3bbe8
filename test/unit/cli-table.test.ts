import { describe, expect, test } from 'vitest';
import { printable, renderTable, type Column } from '../../src/cli/table.js';

const columns: Column[] = [{ title: 'NAME' }, { title: 'LOST', align: 'right' }, { title: 'CAUSE', shrink: true }];
const rows = [
  ['fibre', 0, 'replies from both targets'],
  [{ text: 'lte', tone: 'bad' as const }, 1234, '3 of 3 probes lost in 31 ms'],
];

describe('a table', () => {
  test('is as wide as it must be', () => {
    expect(renderTable(columns, rows, { width: Infinity, color: false })).toEqual([
      'NAME   LOST  CAUSE',
      'fibre     0  replies from both targets',
      'lte    1234  3 of 3 probes lost in 31 ms',
    ]);
  });

  test('that does not fit is cut where a column allows it', () => {
    const lines = renderTable(columns, rows, { width: 30, color: false });
    expect(lines).toEqual(['NAME   LOST  CAUSE', 'fibre     0  replies from bot…', 'lte    1234  3 of 3 probes lo…']);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(30);
  });

  test('keeps the least width of a column even where the line is too short', () => {
    expect(renderTable(columns, rows, { width: 5, color: false })[1]).toBe('fibre     0  repli…');
  });

  test('cuts the widest column first', () => {
    const two: Column[] = [
      { title: 'A', shrink: true },
      { title: 'B', shrink: true },
    ];
    expect(renderTable(two, [['a'.repeat(10), 'b'.repeat(20)]], { width: 22, color: false })[1]).toBe(
      `${'a'.repeat(10)}  ${'b'.repeat(9)}…`,
    );
  });

  test('has colour only where asked, and colour takes no room', () => {
    const plain = renderTable(columns, rows, { width: 80, color: false });
    const colored = renderTable(columns, rows, { width: 80, color: true });
    expect(colored[2]).toContain('\u001b[31mlte\u001b[0m');

    expect(colored.map((line) => line.replaceAll(/\u001b\[\d+m/g, ''))).toEqual(plain);
    expect(plain.join('')).not.toContain('\u001b');
  });

  test('lets no control character through', () => {
    expect(renderTable([{ title: 'X' }], [['a\u001b[2Jb\nc']], { width: 80, color: false })).toEqual(['X', 'a?[2Jb?c']);
    expect(printable('\u009b31m')).toBe('?31m');
  });

  test('without rows is its title', () => {
    expect(renderTable(columns, [], { width: 80, color: true })).toHaveLength(1);
  });
});
