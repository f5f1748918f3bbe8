/** Which id comes next: never 0, never one in use, and one that was freed as late as possible. */
import { describe, expect, it } from 'vitest';
import { SessionIds } from '../../../src/health/icmp/session-ids.js';

describe('session ids', () => {
  it('start at 1 and end below the limit', () => {
    const ids = new SessionIds(4);
    expect([1, 2, 3, 4].map(() => ids.allocate())).toEqual([1, 2, 3, null]);
  });

  it('go round before one is used again', () => {
    const ids = new SessionIds(5);
    const first = ids.allocate()!;
    ids.release(first);
    expect([1, 2, 3, 4, 5].map(() => ids.allocate())).toEqual([2, 3, 4, 1, null]);
  });

  it('are given again after their release', () => {
    const ids = new SessionIds(3);
    ids.allocate();
    ids.allocate();
    ids.release(2);
    expect(ids.allocate()).toBe(2);
  });
});
