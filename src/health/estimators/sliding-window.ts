/**
 * Loss, latency and jitter over the last N samples of one target, in constant time and memory per sample.
 *
 * Round trips are kept as whole microseconds: sums of integers stay exact however long the window slides (sums of
 * fractions would drift).
 */
import type { WindowStatistics } from '../../engine/types.js';

/** Marks a lost sample in `#rttUs`, and a reply without a later one in `#stepUs`. */
const NONE = -1;

export class SlidingWindow {
  /** Round trip by slot; NONE = lost. */
  readonly #rttUs: Float64Array;
  /** By slot of a reply: difference to the *next* reply, so that it leaves the window together with the older one. */
  readonly #stepUs: Float64Array;
  #next = 0;
  #samples = 0;
  #replies = 0;
  #rttSumUs = 0;
  #steps = 0;
  #stepSumUs = 0;
  /** Slot of the latest reply that is still in the window. */
  #latestReply = NONE;

  /** @param capacity samples in the window, at least 1 */
  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new RangeError(`a window holds 1 or more samples, not ${capacity}`);
    this.#rttUs = new Float64Array(capacity).fill(NONE);
    this.#stepUs = new Float64Array(capacity).fill(NONE);
  }

  get capacity(): number {
    return this.#rttUs.length;
  }

  /** @param rttUs round trip; rounded to whole microseconds */
  addReply(rttUs: number): void {
    const slot = this.#makeRoom();
    const rounded = Math.max(0, Math.round(rttUs));
    this.#rttUs[slot] = rounded;
    this.#replies++;
    this.#rttSumUs += rounded;
    if (this.#latestReply !== NONE) {
      const step = Math.abs(rounded - this.#rttUs[this.#latestReply]!);
      this.#stepUs[this.#latestReply] = step;
      this.#stepSumUs += step;
      this.#steps++;
    }
    this.#latestReply = slot;
  }

  addLoss(): void {
    this.#makeRoom();
  }

  statistics(): WindowStatistics {
    return {
      samples: this.#samples,
      lossPercent: this.#samples === 0 ? 0 : (100 * (this.#samples - this.#replies)) / this.#samples,
      latencyUs: this.#replies === 0 ? null : this.#rttSumUs / this.#replies,
      jitterUs: this.#steps === 0 ? null : this.#stepSumUs / this.#steps,
    };
  }

  /** Forgets the oldest sample if the window is full; the returned slot is an empty one. */
  #makeRoom(): number {
    const slot = this.#next;
    this.#next = slot + 1 === this.#rttUs.length ? 0 : slot + 1;
    if (this.#samples < this.#rttUs.length) {
      this.#samples++;
    } else {
      this.#forget(slot);
    }
    return slot;
  }

  #forget(slot: number): void {
    const rttUs = this.#rttUs[slot]!;
    if (rttUs === NONE) return;
    this.#rttUs[slot] = NONE;
    this.#replies--;
    this.#rttSumUs -= rttUs;
    const step = this.#stepUs[slot]!;
    if (step !== NONE) {
      this.#stepUs[slot] = NONE;
      this.#stepSumUs -= step;
      this.#steps--;
    }
    if (this.#latestReply === slot) this.#latestReply = NONE;
  }
}
