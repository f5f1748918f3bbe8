/** What is told of discarded messages: the first of each reason at once, then a sum each minute; section 8. Pure. */
import type { DiscardReason } from '../wire/types.js';
import type { DiscardBurst, Origin } from './types.js';

export const SUM_INTERVAL_US = 60_000_000;

/**
 * Every node that serves several routers sends each message once for each of them, so messages for another receiver are
 * nobody's fault. They are counted, but there is nothing to tell.
 */
const ORDINARY: ReadonlySet<DiscardReason> = new Set<DiscardReason>(['receiver']);

interface Burst {
  sumDueUs: number;
  /** Since the last time that something was told. */
  count: number;
  /** undefined: none since then; null: several. */
  origin: Origin | null | undefined;
}

export class Bursts {
  readonly #running = new Map<DiscardReason, Burst>();

  /** @returns what to tell now: a burst begins */
  note(reason: DiscardReason, origin: Origin, nowUs: number): DiscardBurst | null {
    if (ORDINARY.has(reason)) return null;
    const burst = this.#running.get(reason);
    if (!burst) {
      this.#running.set(reason, { sumDueUs: nowUs + SUM_INTERVAL_US, count: 0, origin: undefined });
      return { reason, count: 1, origin };
    }
    burst.count++;
    burst.origin = burst.origin === undefined || isSame(burst.origin, origin) ? origin : null;
    return null;
  }

  /** @returns the sums that are due. A minute without a discarded message ends a burst. */
  tick(nowUs: number): DiscardBurst[] {
    const sums: DiscardBurst[] = [];
    for (const [reason, { sumDueUs, count, origin }] of this.#running) {
      if (nowUs < sumDueUs) continue;
      if (count === 0) {
        this.#running.delete(reason);
        continue;
      }
      sums.push({ reason, count, origin: origin ?? null });
      this.#running.set(reason, { sumDueUs: nowUs + SUM_INTERVAL_US, count: 0, origin: undefined });
    }
    return sums;
  }

  /** When tick() is to be called next; null: no burst lasts. */
  get dueUs(): number | null {
    if (this.#running.size === 0) return null;
    return Math.min(...[...this.#running.values()].map(({ sumDueUs }) => sumDueUs));
  }
}

const isSame = (one: Origin | null, other: Origin): boolean =>
  one !== null && one.ifindex === other.ifindex && one.address.equals(other.address);
