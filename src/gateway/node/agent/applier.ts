/** Carries out what shall be in force: one at a time, always the newest; what was overtaken meanwhile is left out. */
import { messageOf } from '../../../errors.js';
import type { ArmedLease } from '../types.js';

export interface Wanted {
  version: number;
  leases: readonly ArmedLease[];
}

export class Applier {
  readonly #apply: (wanted: Wanted) => Promise<void>;
  readonly #done: (version: number, problem: string | null) => void;
  #next: Wanted | null = null;
  #running = false;

  /** @param done is told of each one that was carried out: `problem` is null, or what `apply` threw */
  constructor(apply: (wanted: Wanted) => Promise<void>, done: (version: number, problem: string | null) => void) {
    this.#apply = apply;
    this.#done = done;
  }

  request(wanted: Wanted): void {
    this.#next = wanted;
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#next) {
      const wanted = this.#next;
      this.#next = null;
      let problem: string | null = null;
      try {
        await this.#apply(wanted);
      } catch (error) {
        problem = messageOf(error);
      }
      this.#done(wanted.version, problem);
    }
    this.#running = false;
  }
}
