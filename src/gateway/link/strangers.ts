/** Nodes that advertise without a pairing, for people to see; section 4.4. Nothing else depends on them. Pure. */
import type { MachineId } from '../wire/types.js';
import type { Origin, Stranger } from './types.js';

export const MAXIMUM_STRANGERS = 64;
/** Longer than the hold time of an offer with the longest interval, 3.5 times 60 s. */
const KEPT_US = 300_000_000;

export class Strangers {
  /** Who was heard last is last. */
  readonly #heard = new Map<MachineId, Stranger>();

  note(id: MachineId, name: string | null, origin: Origin, nowUs: number): void {
    const firstSeenUs = this.#heard.get(id)?.firstSeenUs ?? nowUs;
    this.#heard.delete(id);
    this.#heard.set(id, { id, name, origin, firstSeenUs, lastSeenUs: nowUs });
    if (this.#heard.size <= MAXIMUM_STRANGERS) return;
    const [oldest] = this.#heard.keys();
    if (oldest !== undefined) this.#heard.delete(oldest);
  }

  /** It has been paired. */
  forget(id: MachineId): void {
    this.#heard.delete(id);
  }

  /** Who was heard last comes first. */
  list(nowUs: number): Stranger[] {
    return [...this.#heard.values()].filter(({ lastSeenUs }) => nowUs - lastSeenUs <= KEPT_US).reverse();
  }
}
