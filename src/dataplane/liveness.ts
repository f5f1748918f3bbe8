/** The liveness bitmap: one bit per next hop, one atomic instruction per change. The most urgent write there is. */
import type { MappedArray } from '../native.js';

export class LivenessBitmap {
  readonly #memory: MappedArray;
  readonly #nextHops: number;

  constructor(memory: MappedArray, nextHops: number) {
    this.#memory = memory;
    this.#nextHops = nextHops;
  }

  /** @returns true when the bit was different before. @throws RangeError for an id that does not exist */
  set(nextHop: number, alive: boolean): boolean {
    const { offset, bit } = this.#locate(nextHop);
    const before = alive ? this.#memory.or64(offset, bit) : this.#memory.and64(offset, ~bit & ALL_BITS);
    return ((before & bit) !== 0n) !== alive;
  }

  get(nextHop: number): boolean {
    const { offset, bit } = this.#locate(nextHop);
    return (this.#memory.load64(offset) & bit) !== 0n;
  }

  #locate(nextHop: number): { offset: number; bit: bigint } {
    if (!Number.isInteger(nextHop) || nextHop < 1 || nextHop >= this.#nextHops) {
      throw new RangeError(`next hop ${nextHop} is not from 1 to ${this.#nextHops - 1}`);
    }
    return { offset: (nextHop >>> 6) * 8, bit: 1n << BigInt(nextHop & 63) };
  }
}

const ALL_BITS = 0xffff_ffff_ffff_ffffn;
