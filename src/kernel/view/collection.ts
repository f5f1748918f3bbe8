/**
 * Records of one kind as the kernel reports them: by notifications one by one, and now and then all at once by a dump.
 *
 * A dump does not empty the collection: its records gather aside, notifications meanwhile change both sides (they and
 * the dump come through one socket, so in the order of what happened), and at its end the gathered side takes over.
 */
export class Collection<T extends object> {
  #live = new Map<string, T>();
  #gathered: Map<string, T> | null = null;
  #values: readonly T[] | null = null;

  get(key: string): T | undefined {
    return this.#live.get(key);
  }

  /** In the order in which the records came first; the same array until something changes. */
  values(): readonly T[] {
    return (this.#values ??= [...this.#live.values()]);
  }

  /** @returns whether that is news */
  set(key: string, value: T): boolean {
    this.#gathered?.set(key, value);
    const before = this.#live.get(key);
    if (before && sameRecord(before, value)) return false;
    this.#live.set(key, value);
    this.#values = null;
    return true;
  }

  /** @returns whether there was one */
  delete(key: string): boolean {
    this.#gathered?.delete(key);
    if (!this.#live.delete(key)) return false;
    this.#values = null;
    return true;
  }

  /** A dump begins, or begins again. */
  beginDump(): void {
    this.#gathered = new Map();
  }

  /** What the dump has gathered so far under this key. */
  gathered(key: string): T | undefined {
    return this.#gathered?.get(key);
  }

  addDumped(key: string, value: T): void {
    this.#gathered?.set(key, value);
  }

  abandonDump(): void {
    this.#gathered = null;
  }

  /** The dump is complete. Records that stay keep their place. @returns whether anything differs from before */
  finishDump(): boolean {
    const gathered = this.#gathered;
    if (!gathered) return false;
    this.#gathered = null;
    let changed = false;
    const next = new Map<string, T>();
    for (const [key, before] of this.#live) {
      const now = gathered.get(key);
      const same = now !== undefined && sameRecord(before, now);
      if (!same) changed = true;
      if (now !== undefined) next.set(key, same ? before : now);
      gathered.delete(key);
    }
    if (gathered.size > 0) changed = true;
    for (const [key, value] of gathered) next.set(key, value);
    if (!changed) return false;
    this.#live = next;
    this.#values = null;
    return true;
  }
}

/** Field by field; nested values (addresses, VLAN data, lists) by what they say as JSON. */
export function sameRecord<T extends object>(a: T, b: T): boolean {
  return (Object.keys(a) as (keyof T)[]).every((key) => {
    const x = a[key];
    const y = b[key];
    if (x === y) return true;
    return typeof x === 'object' && typeof y === 'object' && JSON.stringify(x) === JSON.stringify(y);
  });
}
