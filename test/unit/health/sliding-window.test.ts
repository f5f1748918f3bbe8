/** The window of O(1) per sample against one that computes everything anew. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WindowStatistics } from '../../../src/engine/types.js';
import { SlidingWindow } from '../../../src/health/estimators/sliding-window.js';

/** null: lost. */
type Sample = number | null;

function oracle(samples: readonly Sample[], capacity: number): WindowStatistics {
  const window = samples.slice(-capacity);
  const replies = window.filter((rtt): rtt is number => rtt !== null);
  const steps = replies.slice(1).map((rtt, index) => Math.abs(rtt - replies[index]!));
  const mean = (values: number[]): number | null =>
    values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    samples: window.length,
    lossPercent: window.length === 0 ? 0 : (100 * (window.length - replies.length)) / window.length,
    latencyUs: mean(replies),
    jitterUs: mean(steps),
  };
}

const sample = fc.option(fc.integer({ min: 0, max: 10_000_000 }), { nil: null, freq: 3 });

describe('the sliding window', () => {
  it('agrees with a recomputation after every sample, at any capacity', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(sample, { maxLength: 60 }), (capacity, samples) => {
        const window = new SlidingWindow(capacity);
        samples.forEach((rtt, index) => {
          if (rtt === null) window.addLoss();
          else window.addReply(rtt);
          expect(window.statistics()).toEqual(oracle(samples.slice(0, index + 1), capacity));
        });
      }),
    );
  });

  it('is exact after a million samples: sums do not drift', () => {
    const window = new SlidingWindow(10);
    for (let index = 0; index < 1_000_000; index++) window.addReply(0.1 + (index % 7) * 1234.567);
    for (let index = 0; index < 10; index++) window.addReply(500);
    expect(window.statistics()).toEqual({ samples: 10, lossPercent: 0, latencyUs: 500, jitterUs: 0 });
  });

  it('knows nothing at first, and says so', () => {
    expect(new SlidingWindow(5).statistics()).toEqual({ samples: 0, lossPercent: 0, latencyUs: null, jitterUs: null });
  });

  it('refuses a window of nothing', () => {
    expect(() => new SlidingWindow(0)).toThrow('a window holds 1 or more samples, not 0');
  });
});
