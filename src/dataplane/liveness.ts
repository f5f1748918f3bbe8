/** The liveness bitmap: one bit per next hop, one atomic instruction per change. The most urgent write there is. */
import type { MappedArray } from '../native.js';

/**
 * The watch over links clears bits before the controller knows why. For so long, the controller's repeating what it said
 * before is not taken as news; afterwards its word counts, whoever cleared the bit. Longer than an event loop is late,
 * shorter than anybody waits for a repair.
 */
const WATCH_HAS_THE_WORD_MS = 1000;

export class LivenessBitmap {
  readonly #memory: MappedArray;
  readonly #nextHops: number;
  readonly #nowMs: () => number;
  /** Next hops that the controller called alive last. */
  readonly #alive = new Set<number>();
  /** Of those, the ones whose bit was found cleared by somebody else, and when (ms). */
  readonly #missedMs = new Map<number, number>();

  constructor(memory: MappedArray, nextHops: number, nowMs: () => number) {
    this.#memory = memory;
    this.#nextHops = nextHops;
    this.#nowMs = nowMs;
  }

  /** @returns true when the bit was different before, and was changed. @throws RangeError for an id that does not exist */
  set(nextHop: number, alive: boolean): boolean {
    const { offset, bit } = this.#locate(nextHop);
    if (alive && this.#isTooSoon(nextHop)) return false;
    const before = alive ? this.#memory.or64(offset, bit) : this.#memory.and64(offset, ~bit & ALL_BITS);
    if (alive) this.#alive.add(nextHop);
    else this.#alive.delete(nextHop);
    this.#missedMs.delete(nextHop);
    return ((before & bit) !== 0n) !== alive;
  }

  get(nextHop: number): boolean {
    const { offset, bit } = this.#locate(nextHop);
    return (this.#memory.load64(offset) & bit) !== 0n;
  }

  /** "Alive" said again of a bit that was set and is no more, and not missed for long. */
  #isTooSoon(nextHop: number): boolean {
    if (!this.#alive.has(nextHop) || this.get(nextHop)) return false;
    const sinceMs = this.#missedMs.get(nextHop) ?? this.#nowMs();
    this.#missedMs.set(nextHop, sinceMs);
    return this.#nowMs() - sinceMs < WATCH_HAS_THE_WORD_MS;
  }

  #locate(nextHop: number): { offset: number; bit: bigint } {
    if (!Number.isInteger(nextHop) || nextHop < 1 || nextHop >= this.#nextHops) {
      throw new RangeError(`next hop ${nextHop} is not from 1 to ${this.#nextHops - 1}`);
    }
    return { offset: (nextHop >>> 6) * 8, bit: 1n << BigInt(nextHop & 63) };
  }
}

const ALL_BITS = 0xffff_ffff_ffff_ffffn;
