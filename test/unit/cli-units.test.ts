import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wrap } from '../../src/cli/text.js';
import {
  formatBytes,
  formatCount,
  formatDurationMs,
  formatLatencyUs,
  formatPercent,
  formatRate,
  formatTime,
} from '../../src/cli/units.js';

describe('quantities', () => {
  it.each([
    [0, '0 ms'],
    [999.9, '999 ms'],
    [1000, '1 s'],
    [59_999, '59 s'],
    [60_000, '1 m'],
    [192_000, '3 m 12 s'],
    [3_600_000, '1 h'],
    [7_500_000, '2 h 5 m'],
    [86_399_999, '23 h 59 m'],
    [4 * 86_400_000 + 3 * 3_600_000 + 59_000, '4 d 3 h'],
    [-5, '0 ms'],
  ])('a duration of %d ms is %s', (ms, text) => expect(formatDurationMs(ms)).toBe(text));

  it.each([
    [null, '-'],
    [0, '0 us'],
    [840.4, '840 us'],
    [1000, '1 ms'],
    [12_345, '12.3 ms'],
    [99_949, '99.9 ms'],
    [99_960, '100 ms'],
    [181_000, '181 ms'],
    [2_400_000, '2.4 s'],
  ])('a latency of %s us is %s', (us, text) => expect(formatLatencyUs(us)).toBe(text));

  it.each([
    [null, '-'],
    [0, '0 %'],
    [0.01, '<0.1 %'],
    [0.54, '0.5 %'],
    [12.4, '12 %'],
    [99.97, '99.9 %'],
    [100, '100 %'],
  ])('a loss of %s percent is %s', (percent, text) => expect(formatPercent(percent)).toBe(text));

  it.each([
    [0n, '0 B'],
    [999n, '999 B'],
    [1000n, '1 kB'],
    [98_765_432n, '98.8 MB'],
    [999_999n, '1 MB'],
    [18_446_744_073_709_551_615n, '18.4 EB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it('counts have prefixes and no unit', () => {
    expect([0n, 512n, 12_345n, 9_007_199_254_740_993n].map(formatCount)).toEqual(['0', '512', '12.3 k', '9.01 P']);
  });

  it('a rate is in bits a second, of the time that really passed', () => {
    expect(formatRate(1_250_000n, 1000)).toBe('10 Mbit/s');
    expect(formatRate(1_250_000n, 2000)).toBe('5 Mbit/s');
    expect(formatRate(0n, 1000)).toBe('0 bit/s');
    expect(formatRate(1n, 0)).toBe('-');
  });

  it('no quantity is wider than its column in the status table, whatever its size', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e11, noNaN: true }), fc.bigInt(0n, 2n ** 64n - 1n), (value, big) => {
        expect(formatDurationMs(value).length).toBeLessThanOrEqual(10);
        expect(formatLatencyUs(Math.min(value, 900_000_000)).length).toBeLessThanOrEqual(7);
        expect(formatPercent(Math.min(value, 100)).length).toBeLessThanOrEqual(6);
        expect(formatBytes(big).length).toBeLessThanOrEqual(7);
        expect(formatRate(big % 10n ** 14n, 1000).length).toBeLessThanOrEqual(11);
      }),
    );
  });

  it('a time is local and keeps its milliseconds', () => {
    const date = new Date(2026, 0, 2, 3, 4, 5, 67);
    expect(formatTime(date.toISOString())).toBe('2026-01-02 03:04:05.067');
    expect(formatTime('no time')).toBe('no time');
  });
});

describe('running text', () => {
  it('is broken at blanks, and later lines are indented', () => {
    expect(wrap('fibre IPv4 down: 3 of 3 probes lost', 20)).toEqual(['fibre IPv4 down: 3', '  of 3 probes lost']);
  });

  it('breaks a word that is longer than a line', () => {
    expect(wrap('abcdefghij', 4, 1)).toEqual(['abcd', ' efg', ' hij']);
  });

  it('does not let control characters through', () => {
    expect(wrap('a\u001b[31mb\nc', 80)).toEqual(['a?[31mb?c']);
  });

  it('never exceeds the width and loses no word', () => {
    const word = fc.stringMatching(/^[a-z]{1,30}$/);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), fc.integer({ min: 5, max: 100 }), (words, width) => {
        const lines = wrap(words.join(' '), width);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(' ', '')).toBe(words.join(''));
      }),
    );
  });

  it('stays one line where there is no width', () => {
    expect(wrap('x '.repeat(500).trim(), Infinity)).toHaveLength(1);
  });
});
