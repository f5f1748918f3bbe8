/**
 * Allocates session ids 1..limit-1 (0 is never used), going round so that an id that was freed rests as long as
 * possible: replies to its former user may still be under way (its epoch protects against those that are not).
 */
export class SessionIds {
  readonly #used = new Set<number>();
  #last = 0;

  /** @param limit number of rows of the map, row 0 included */
  constructor(private readonly limit: number) {}

  /** null: all are in use. */
  allocate(): number | null {
    if (this.#used.size >= this.limit - 1) return null;
    do {
      this.#last = this.#last + 1 >= this.limit ? 1 : this.#last + 1;
    } while (this.#used.has(this.#last));
    this.#used.add(this.#last);
    return this.#last;
  }

  release(id: number): void {
    this.#used.delete(id);
  }
}
