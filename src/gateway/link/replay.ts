/** The greatest order of each sender that has been authenticated; section 4.3. Pure. */
import type { MachineId, Order } from '../wire/types.js';

/** Holds one number for each pairing and sender: only who has the pairing's key makes an entry. */
export class ReplayGuard {
  readonly #greatest = new Map<string, Map<MachineId, Order>>();

  /** True if nothing as late as this has been accepted from that sender. Asked before a hash is computed. */
  isFresh(pairing: string, sender: MachineId, order: Order): boolean {
    const greatest = this.#greatest.get(pairing)?.get(sender);
    return greatest === undefined || order > greatest;
  }

  /** The message was authentic: neither it nor anything before it is accepted again. Also what an earlier run has kept. */
  note(pairing: string, sender: MachineId, order: Order): void {
    if (!this.isFresh(pairing, sender, order)) return;
    const senders = this.#greatest.get(pairing) ?? new Map<MachineId, Order>();
    senders.set(sender, order);
    this.#greatest.set(pairing, senders);
  }

  /** Forgets the pairings that are no more. */
  retain(pairings: ReadonlySet<string>): void {
    for (const pairing of this.#greatest.keys()) if (!pairings.has(pairing)) this.#greatest.delete(pairing);
  }
}
