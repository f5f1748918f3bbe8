/** What goes wrong in a part of the channel must not keep the machine from going on: it is told, once. */
import { messageOf } from '../../../errors.js';
import type { Log } from '../../log.js';

export class Faults {
  readonly #log: Log;
  readonly #told = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param what for people; told again only after it has worked in between */
  guard(what: string, act: () => void): void {
    try {
      act();
      this.#told.delete(what);
    } catch (error) {
      if (this.#told.has(what)) return;
      this.#told.add(what);
      this.#log('warn', `gateway nodes: ${what}: ${messageOf(error)}`);
    }
  }
}
