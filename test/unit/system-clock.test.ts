/** The controller's clock keeps its word: whoever looks at the time when called back finds that it has come. */
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/system-clock.js';

describe('the system clock', () => {
  it('never calls back before the time that was asked for', async () => {
    const early: number[] = [];
    const startUs = systemClock.nowUs();
    // Times that are no whole milliseconds away, armed at moments that are none either.
    const waits = Array.from({ length: 2000 }, (_, index) => startUs + 1000 + index * 37);
    await Promise.all(
      waits.map(
        (atUs) =>
          new Promise<void>((resolve) => {
            systemClock.at(atUs, () => {
              const lateUs = systemClock.nowUs() - atUs;
              if (lateUs < 0) early.push(lateUs);
              resolve();
            });
          }),
      ),
    );
    expect(early).toEqual([]);
  });

  it('calls back at once for a time that has passed', async () => {
    await new Promise<void>((resolve) => systemClock.at(systemClock.nowUs() - 1, resolve));
  });

  it('does not call back what was cancelled', async () => {
    let called = 0;
    systemClock.at(systemClock.nowUs() + 2000, () => called++)();
    await new Promise<void>((resolve) => systemClock.at(systemClock.nowUs() + 4000, resolve));
    expect(called).toBe(0);
  });
});
