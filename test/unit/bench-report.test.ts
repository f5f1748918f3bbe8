import { describe, expect, it } from 'vitest';
import { describeMachine } from '../../src/bench/machine.js';
import { ratio, row } from '../../src/bench/result.js';
import { formatNumber, renderResult } from '../../src/bench/table.js';

const machine = { cpu: 'Example CPU', cores: 2, kernel: '6.18.0', node: 'v20.0.0', date: '2026-01-01T00:00:00.000Z' };
const pps = { name: 'pps', unit: 'packets/s' };

describe('the report of a benchmark', () => {
  it('has rows of the one shape that every benchmark writes', () => {
    const made = row('detour', 'ipv4', pps, [3, 1, 2]);
    expect(made).toEqual({
      contender: 'detour',
      case: 'ipv4',
      metric: 'pps',
      unit: 'packets/s',
      min: 1,
      median: 2,
      max: 3,
      runs: 3,
    });
  });

  it('says on which machine it was measured, and when', () => {
    const described = describeMachine(new Date(0));
    expect(Object.keys(described)).toEqual(['cpu', 'cores', 'kernel', 'node', 'date']);
    expect(described.date).toBe('1970-01-01T00:00:00.000Z');
    expect(described.cores).toBeGreaterThan(0);
  });

  it('shows ratios before what was measured, and notes last', () => {
    const text = renderResult('forward', machine, {
      ratios: [ratio('detour / kernel', 'ipv4', [2.5])],
      rows: [row('detour', 'ipv4', pps, [1_234_567])],
      notes: ['a note'],
    });
    const place = (part: string): number => text.indexOf(part);
    expect(place('2.50 x')).toBeGreaterThan(0);
    expect(place('1,234,567')).toBeGreaterThan(place('2.50 x'));
    expect(place('a note')).toBeGreaterThan(place('1,234,567'));
  });

  it.each([
    [1_234_567.8, '1,234,568'],
    [2.3456, '2.35'],
    [0, '0'],
    [812.3, '812'],
  ])('writes %d as %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });
});
