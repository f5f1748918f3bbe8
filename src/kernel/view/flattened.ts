/** One list out of several lists of records; made anew only if one of them is another array than last time. */
export class Flattened<T, R> {
  readonly #take: (record: T) => readonly R[];
  #sources: readonly (readonly T[])[] = [];
  #result: readonly R[] = [];

  constructor(take: (record: T) => readonly R[]) {
    this.#take = take;
  }

  of(sources: readonly (readonly T[])[]): readonly R[] {
    const same = sources.length === this.#sources.length && sources.every((one, index) => one === this.#sources[index]);
    if (same) return this.#result;
    this.#sources = sources;
    this.#result = sources.flatMap((records) => records.flatMap(this.#take));
    return this.#result;
  }
}
