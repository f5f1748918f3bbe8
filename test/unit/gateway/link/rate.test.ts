import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_RATE_LIMITS, RateLimiter } from '../../../../src/gateway/link/rate.js';

const SECOND = 1_000_000;
const START = 5 * SECOND;

/** How many of `count` at the same moment are let through. */
function taken(limiter: RateLimiter, source: string, count: number, nowUs: number): number {
  return Array.from({ length: count }, () => limiter.take(source, nowUs)).filter(Boolean).length;
}

describe('one source', () => {
  test('has 40 at once, then 20 a second', () => {
    const limiter = new RateLimiter();
    expect(taken(limiter, 'a', 100, START)).toBe(40);
    expect(taken(limiter, 'a', 100, START + SECOND)).toBe(20);
    expect(taken(limiter, 'a', 100, START + SECOND + SECOND / 20)).toBe(1);
    expect(taken(limiter, 'a', 100, START + 60 * SECOND)).toBe(40);
  });

  test('never has more than its burst and its rate, whenever its messages come', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200_000), { maxLength: 300 }), (gapsUs) => {
        const limiter = new RateLimiter();
        let nowUs = START;
        let count = 0;
        for (const gapUs of gapsUs) {
          nowUs += gapUs;
          if (limiter.take('a', nowUs)) count++;
        }
        expect(count).toBeLessThanOrEqual(40 + ((nowUs - START) * 20) / SECOND);
      }),
    );
  });

  test('takes nothing from another', () => {
    const limiter = new RateLimiter();
    taken(limiter, 'a', 100, START);
    expect(taken(limiter, 'b', 100, START)).toBe(40);
  });
});

describe('all sources', () => {
  test('have 4,000 at once, then 2,000 a second', () => {
    const limiter = new RateLimiter();
    const flood = (from: number, nowUs: number): number =>
      Array.from({ length: 10_000 }, (_, i) => limiter.take(String(from + i), nowUs)).filter(Boolean).length;
    expect(flood(0, START)).toBe(4000);
    expect(flood(10_000, START + SECOND)).toBe(2000);
  });

  test('that have been authenticated keep their share in a flood of others', () => {
    const limiter = new RateLimiter();
    limiter.take('peer', START);
    limiter.authenticated('peer');
    for (let i = 0; i < 100_000; i++) limiter.take(`stranger ${i}`, START);
    expect(limiter.take('another stranger', START)).toBe(false);
    expect(taken(limiter, 'peer', 100, START)).toBe(39);
  });

  test('are bounded in memory under a million random sources; the authenticated ones are kept', () => {
    const limiter = new RateLimiter();
    limiter.authenticated('peer');
    taken(limiter, 'peer', 40, START);
    for (let i = 0; i < 1_000_000; i++) limiter.take(`stranger ${i}`, START);
    const { maximumUnknownSources } = DEFAULT_RATE_LIMITS;
    expect(limiter.size).toBe(maximumUnknownSources + 1);
    // Its bucket was not forgotten: it is still empty.
    expect(limiter.take('peer', START)).toBe(false);
  });

  test('that are authenticated are bounded, too: the one not heard for longest is forgotten', () => {
    const limits = { ...DEFAULT_RATE_LIMITS, maximumKnownSources: 2 };
    const limiter = new RateLimiter(limits);
    for (const source of ['a', 'b', 'a', 'c']) limiter.authenticated(source);
    expect(limiter.size).toBe(2);
    taken(limiter, 'a', 40, START);
    limiter.authenticated('d');
    expect(limiter.size).toBe(2);
    expect(limiter.take('a', START)).toBe(true);
  });
});
