import { describe, expect, it } from 'vitest';
import { formatUs } from '../../../src/engine/index.js';

describe('durations for people', () => {
  const rows: [durationUs: number, text: string][] = [
    [-5, '0 us'],
    [0, '0 us'],
    [850, '850 us'],
    [1234, '1.2 ms'],
    [31_400, '31 ms'],
    [1_000_000, '1 s'],
    [2_500_000, '2.5 s'],
    [119_000_000, '119 s'],
    [180_000_000, '3 min'],
    [5_430_000_000, '90.5 min'],
  ];
  it.each(rows)('%d us is written as %s', (durationUs, text) => {
    expect(formatUs(durationUs)).toBe(text);
  });
});
