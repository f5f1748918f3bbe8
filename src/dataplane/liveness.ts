/** The liveness bitmap: one bit per next hop, one atomic instruction per change. The most urgent write there is. */
import type { MappedArray } from '../native.js';

export class LivenessBitmap {
  readonly #memory: MappedArray;
  readonly #nextHops: number;
  /** Next hops that we set last, not cleared. */
  readonly #alive = new Set<number>();
  /** Of those, the ones that somebody else had cleared when `restore` looked last. */
  #missing = new Set<number>();

  constructor(memory: MappedArray, nextHops: number) {
    this.#memory = memory;
    this.#nextHops = nextHops;
  }

  /** @returns true when the bit was different before. @throws RangeError for an id that does not exist */
  set(nextHop: number, alive: boolean): boolean {
    const { offset, bit } = this.#locate(nextHop);
    const before = alive ? this.#memory.or64(offset, bit) : this.#memory.and64(offset, ~bit & ALL_BITS);
    if (alive) this.#alive.add(nextHop);
    else this.#alive.delete(nextHop);
    return ((before & bit) !== 0n) !== alive;
  }

  get(nextHop: number): boolean {
    const { offset, bit } = this.#locate(nextHop);
    return (this.#memory.load64(offset) & bit) !== 0n;
  }

  /**
   * Sets again what others have cleared against the controller's last word. Only what was missing at the call before,
   * too: when the watch over links has just cleared a bit, the controller is about to read why, and will agree.
   * @returns bits set
   */
  restore(): number {
    const missing = [...this.#alive].filter((nextHop) => !this.get(nextHop));
    const overdue = missing.filter((nextHop) => this.#missing.has(nextHop));
    this.#missing = new Set(missing);
    for (const nextHop of overdue) this.set(nextHop, true);
    return overdue.length;
  }

  #locate(nextHop: number): { offset: number; bit: bigint } {
    if (!Number.isInteger(nextHop) || nextHop < 1 || nextHop >= this.#nextHops) {
      throw new RangeError(`next hop ${nextHop} is not from 1 to ${this.#nextHops - 1}`);
    }
    return { offset: (nextHop >>> 6) * 8, bit: 1n << BigInt(nextHop & 63) };
  }
}

const ALL_BITS = 0xffff_ffff_ffff_ffffn;
