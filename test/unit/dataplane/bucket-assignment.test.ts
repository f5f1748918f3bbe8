/** Resilient bucket assignment against a slow, obvious reference and random input. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assignBuckets, bucketShares, type WeightedMember } from '../../../src/dataplane/bucket-assignment.js';

const SIZE = 64;

const members = fc.uniqueArray(
  fc.record({ nextHop: fc.integer({ min: 1, max: 20 }), weight: fc.integer({ min: 0, max: 100 }) }),
  {
    selector: ({ nextHop }) => nextHop,
    minLength: 1,
    maxLength: 16,
  },
);

function count(buckets: Uint32Array): Map<number, number> {
  const counts = new Map<number, number>();
  for (const nextHop of buckets) counts.set(nextHop, (counts.get(nextHop) ?? 0) + 1);
  return counts;
}

function moves(before: Uint32Array, after: Uint32Array): number {
  return before.reduce((sum, nextHop, index) => sum + (nextHop === after[index] ? 0 : 1), 0);
}

/** The fewest moves that end in these shares: what nobody can keep. */
function fewestMoves(before: Uint32Array, shares: ReadonlyMap<number, number>): number {
  let kept = 0;
  for (const [nextHop, held] of count(before)) kept += Math.min(held, shares.get(nextHop) ?? 0);
  return before.length - kept;
}

/** All ways to round the exact shares up or down that add up to `size`: the oracle of "as few moves as possible". */
function fairShares(list: readonly WeightedMember[], size: number): Map<number, number>[] {
  const total = list.reduce((sum, { weight }) => sum + weight, 0);
  const exact = list.map(({ nextHop, weight }) => ({
    nextHop,
    share: total ? (weight * size) / total : size / list.length,
  }));
  let partial = [new Map<number, number>()];
  for (const { nextHop, share } of exact) {
    const choices = Number.isInteger(share) ? [share] : [Math.floor(share), Math.ceil(share)];
    partial = partial.flatMap((shares) => choices.map((choice) => new Map([...shares, [nextHop, choice]])));
  }
  return partial.filter((shares) => [...shares.values()].reduce((sum, share) => sum + share, 0) === size);
}

describe('bucket shares', () => {
  test('follow the weights to within one bucket, and use every bucket', () => {
    fc.assert(
      fc.property(members, (list) => {
        const shares = bucketShares(list, SIZE);
        expect([...shares.values()].reduce((sum, share) => sum + share, 0)).toBe(SIZE);
        const total = list.reduce((sum, { weight }) => sum + weight, 0);
        for (const { nextHop, weight } of list) {
          const exact = total ? (weight * SIZE) / total : SIZE / list.length;
          expect(Math.abs((shares.get(nextHop) ?? 0) - exact)).toBeLessThan(1);
        }
      }),
    );
  });

  test('give members of weight 0 nothing, unless all have it', () => {
    const two = (first: number, second: number) =>
      bucketShares(
        [
          { nextHop: 1, weight: first },
          { nextHop: 2, weight: second },
        ],
        SIZE,
      );
    expect([...two(0, 5)]).toEqual([
      [1, 0],
      [2, SIZE],
    ]);
    expect([...two(0, 0).values()]).toEqual([SIZE / 2, SIZE / 2]);
  });

  test('give of equal remainders the odd bucket to who holds it now', () => {
    const equal = [1, 2, 3].map((nextHop) => ({ nextHop, weight: 1 }));
    const shares = bucketShares(
      equal,
      SIZE,
      new Map([
        [1, 21],
        [2, 21],
        [3, 22],
      ]),
    );
    expect(shares.get(3)).toBe(22);
  });
});

describe('bucket assignment', () => {
  test('ends in the shares with no more moves than these need, from any beginning', () => {
    const buckets = fc.uint32Array({ min: 0, max: 20, minLength: SIZE, maxLength: SIZE });
    fc.assert(
      fc.property(buckets, members, (before, list) => {
        const shares = bucketShares(list, SIZE, count(before));
        const after = assignBuckets(before, list);
        for (const [nextHop, held] of count(after)) expect(held).toBe(shares.get(nextHop));
        expect(moves(before, after)).toBe(fewestMoves(before, shares));
      }),
    );
  });

  test('after a change of equal members, moves no more buckets than the best of all fair outcomes', () => {
    const equalMembers = fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(equalMembers, equalMembers, (first, second) => {
        const list = (ids: number[]) => ids.map((nextHop) => ({ nextHop, weight: 1 }));
        const before = assignBuckets(new Uint32Array(SIZE), list(first));
        const after = assignBuckets(before, list(second));
        const best = Math.min(...fairShares(list(second), SIZE).map((shares) => fewestMoves(before, shares)));
        expect(moves(before, after)).toBe(best);
      }),
    );
  });

  test('moves nothing when equal remainders belong to unequal weights', () => {
    const list = [
      { nextHop: 1, weight: 11 },
      { nextHop: 2, weight: 21 },
    ]; // of 16 buckets 5.5 and 10.5
    const before = assignBuckets(new Uint32Array(16), list);
    expect(assignBuckets(before, list)).toEqual(before);
  });

  test('moves nothing when nothing changes', () => {
    fc.assert(
      fc.property(members, (list) => {
        const before = assignBuckets(new Uint32Array(SIZE), list);
        expect(assignBuckets(before, list)).toEqual(before);
      }),
      { numRuns: 1000 },
    );
  });

  test('takes only the lost member away from its flows', () => {
    const three = [1, 2, 3].map((nextHop) => ({ nextHop, weight: nextHop }));
    const before = assignBuckets(new Uint32Array(SIZE), three);
    const after = assignBuckets(before, three.slice(1));
    for (const [index, nextHop] of before.entries()) if (nextHop !== 1) expect(after[index]).toBe(nextHop);
  });
});
