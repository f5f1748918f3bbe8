import { describe, expect, it } from 'vitest';
import { pairedRatios, summarise } from '../../src/bench/statistics.js';

describe('what several runs say together', () => {
  it('takes the value in the middle, by number and not by text', () => {
    expect(summarise([100, 9, 20])).toEqual({ min: 9, median: 20, max: 100, runs: 3 });
  });

  it('takes the mean of the two in the middle of an even number', () => {
    expect(summarise([4, 1, 3, 2]).median).toBe(2.5);
  });

  it('leaves the order of its input alone', () => {
    const values = Object.freeze([3, 1, 2]);
    expect(summarise(values).min).toBe(1);
    expect(values).toEqual([3, 1, 2]);
  });

  it('refuses to summarise nothing', () => {
    expect(() => summarise([])).toThrow(RangeError);
  });

  it('divides runs that were made next to each other', () => {
    expect(pairedRatios([10, 40], [5, 10])).toEqual([2, 4]);
  });

  it('refuses runs that do not pair up', () => {
    expect(() => pairedRatios([1, 2], [1])).toThrow(RangeError);
  });
});
