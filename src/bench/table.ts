/** The table that a benchmark prints: ratios first, then what was measured. Pure. */
import { renderTable } from '../cli/table.js';
import type { Machine } from './machine.js';
import type { Measured } from './result.js';

const SIGNIFICANT_DIGITS = 3;

/** 1234567 -> "1,234,567"; below a thousand three significant digits. */
export function formatNumber(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-GB');
  return String(Number(value.toPrecision(SIGNIFICANT_DIGITS)));
}

export function renderResult(bench: string, machine: Machine, { ratios, rows, notes }: Measured): string {
  const times = (value: number): string => `${value.toFixed(2)} x`;
  const lines = [
    ...ratios.map((entry) => [
      'ratio',
      entry.what,
      entry.case,
      ...[entry.median, entry.min, entry.max].map(times),
      entry.runs,
    ]),
    ...rows.map((entry) => [
      `${entry.metric} (${entry.unit})`,
      entry.contender,
      entry.case,
      ...[entry.median, entry.min, entry.max].map(formatNumber),
      entry.runs,
    ]),
  ];
  const table = renderTable(
    [
      { title: 'metric' },
      { title: 'contender' },
      { title: 'case' },
      { title: 'median', align: 'right' },
      { title: 'min', align: 'right' },
      { title: 'max', align: 'right' },
      { title: 'runs', align: 'right' },
    ],
    lines,
    { width: Infinity, color: false },
  );
  const { cpu, cores, kernel, node } = machine;
  return [`${bench}: ${cpu}, ${cores} cores, Linux ${kernel}, Node ${node}`, '', ...table, '', ...notes]
    .join('\n')
    .trimEnd();
}
