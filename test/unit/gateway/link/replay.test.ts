import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ReplayGuard } from '../../../../src/gateway/link/replay.js';

const SENDERS = ['aa', 'bb'] as const;
const arrival = fc.record({
  pairing: fc.constantFrom('one', 'two'),
  sender: fc.constantFrom(...SENDERS),
  order: fc.bigInt({ min: 0n, max: 20n }),
});

test('nothing is accepted twice, and nothing that is older than what was accepted', () => {
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 100 }), (arrivals) => {
      const guard = new ReplayGuard();
      const accepted = new Map<string, bigint[]>();
      for (const { pairing, sender, order } of arrivals) {
        if (!guard.isFresh(pairing, sender, order)) continue;
        guard.note(pairing, sender, order);
        const orders = accepted.get(`${pairing} ${sender}`) ?? [];
        expect(orders.every((earlier) => earlier < order)).toBe(true);
        accepted.set(`${pairing} ${sender}`, [...orders, order]);
      }
      // The newest of each was taken: nobody's orders stand in the way of another's.
      for (const { pairing, sender, order } of arrivals) {
        expect(accepted.get(`${pairing} ${sender}`)!.at(-1)).toBeGreaterThanOrEqual(order);
      }
    }),
  );
});

test('asking changes nothing, and an older order takes nothing back', () => {
  const guard = new ReplayGuard();
  expect([guard.isFresh('one', 'aa', 5n), guard.isFresh('one', 'aa', 5n)]).toEqual([true, true]);
  guard.note('one', 'aa', 5n);
  guard.note('one', 'aa', 3n);
  expect([guard.isFresh('one', 'aa', 5n), guard.isFresh('one', 'aa', 6n)]).toEqual([false, true]);
});

test('pairings that are no more are forgotten, the others are not', () => {
  const guard = new ReplayGuard();
  guard.note('one', 'aa', 5n);
  guard.note('two', 'bb', 5n);
  guard.retain(new Set(['two']));
  expect(guard.isFresh('one', 'aa', 5n)).toBe(true);
  expect(guard.isFresh('two', 'bb', 5n)).toBe(false);
});
