/**
 * Numbers for things, kept as long as the thing exists. A number is not given out again before a grace period, so that
 * no program that still works with the old meaning meets the new one (it runs for microseconds; the period is ample).
 */
export const GRACE_MS = 1000;

export interface SlotRange {
  first: number;
  /** Exclusive. */
  end: number;
}

export class SlotAllocator<K> {
  readonly #range: SlotRange;
  readonly #nowMs: () => number;
  readonly #slots = new Map<K, number>();
  readonly #taken = new Set<number>();
  /** In order of release. */
  #resting: { slot: number; freeAtMs: number }[] = [];

  /** @param nowMs a monotonic clock */
  constructor(range: SlotRange, nowMs: () => number) {
    this.#range = range;
    this.#nowMs = nowMs;
  }

  get(key: K): number | null {
    return this.#slots.get(key) ?? null;
  }

  /** Notes what an earlier process gave out. False: out of range or taken by another key. */
  adopt(key: K, slot: number): boolean {
    if (slot < this.#range.first || slot >= this.#range.end || this.#taken.has(slot)) return false;
    this.release(key);
    this.#slots.set(key, slot);
    this.#taken.add(slot);
    return true;
  }

  /** The key's slot, or the lowest free one; null: all are taken or resting. */
  allocate(key: K): number | null {
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    this.#wake();
    for (let slot = this.#range.first; slot < this.#range.end; slot++) {
      if (!this.#taken.has(slot)) {
        this.#slots.set(key, slot);
        this.#taken.add(slot);
        return slot;
      }
    }
    return null;
  }

  release(key: K): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#slots.delete(key);
    this.#resting.push({ slot, freeAtMs: this.#nowMs() + GRACE_MS });
  }

  /** Releases every key that is not in `keys`. */
  retain(keys: ReadonlySet<K>): void {
    for (const key of [...this.#slots.keys()]) if (!keys.has(key)) this.release(key);
  }

  #wake(): void {
    const now = this.#nowMs();
    while (this.#resting[0] && this.#resting[0].freeAtMs <= now) {
      const awake = this.#resting.shift();
      if (awake) this.#taken.delete(awake.slot);
    }
  }
}
