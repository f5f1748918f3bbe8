/** Slots: stable, lowest first, rested before they are used again. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GRACE_MS, SlotAllocator } from '../../../src/dataplane/slot-allocator.js';

test('a key keeps its slot, and new keys get the lowest free one', () => {
  const slots = new SlotAllocator<string>({ first: 1, end: 4 }, () => 0);
  expect([slots.allocate('a'), slots.allocate('b'), slots.allocate('a')]).toEqual([1, 2, 1]);
  expect([slots.allocate('c'), slots.allocate('d')]).toEqual([3, null]);
});

test('a released slot rests for the grace period', () => {
  let now = 0;
  const slots = new SlotAllocator<string>({ first: 0, end: 2 }, () => now);
  slots.allocate('a');
  slots.release('a');
  expect(slots.allocate('b')).toBe(1);
  now = GRACE_MS - 1;
  expect(slots.allocate('c')).toBeNull();
  now = GRACE_MS;
  expect(slots.allocate('c')).toBe(0);
});

test('the grace period is a second or more', () => {
  expect(GRACE_MS).toBeGreaterThanOrEqual(1000);
});

test('adopted slots are not given to others; what does not fit is refused', () => {
  const slots = new SlotAllocator<string>({ first: 1, end: 4 }, () => 0);
  expect(slots.adopt('a', 1)).toBe(true);
  expect([slots.adopt('b', 1), slots.adopt('b', 0), slots.adopt('b', 4)]).toEqual([false, false, false]);
  expect([slots.allocate('b'), slots.get('a')]).toEqual([2, 1]);
});

test('no two keys ever hold one slot, and none comes back before its time', () => {
  const step = fc.record({ key: fc.integer({ min: 0, max: 9 }), release: fc.boolean(), waitMs: fc.nat(600) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let now = 0;
      const slots = new SlotAllocator<number>({ first: 1, end: 6 }, () => now);
      const held = new Map<number, number>();
      const releasedAt = new Map<number, number>();
      for (const { key, release, waitMs } of steps) {
        now += waitMs;
        const before = held.get(key);
        if (release) {
          if (before !== undefined) releasedAt.set(before, now);
          held.delete(key);
          slots.release(key);
          continue;
        }
        const slot = slots.allocate(key);
        if (before !== undefined) expect(slot).toBe(before);
        if (slot === null || before !== undefined) continue;
        expect([...held.values()]).not.toContain(slot);
        expect(now - (releasedAt.get(slot) ?? -Infinity)).toBeGreaterThanOrEqual(GRACE_MS);
        held.set(key, slot);
      }
    }),
  );
});
