/**
 * Through which routers this machine leaves itself: serving one of them would be a loop. A router is known by the
 * addresses that it was heard from; who leaves through one of these leaves through it.
 */
import type { IpAddress } from '../../../net/ip-address.js';
import type { Origin } from '../../link/types.js';
import type { MachineId } from '../../wire/types.js';

/** Of one router: both families, and what it had before. */
const ADDRESSES_KEPT = 8;

export class KnownRouters {
  readonly #addresses = new Map<MachineId, string[]>();

  note(router: MachineId, { address }: Origin): void {
    const text = address.toString();
    const known = this.#addresses.get(router) ?? [];
    if (known[0] === text) return;
    this.#addresses.set(router, [text, ...known.filter((other) => other !== text)].slice(0, ADDRESSES_KEPT));
  }

  /** @param gateways of this machine's ways out */
  through(gateways: readonly IpAddress[]): MachineId[] {
    const texts = new Set(gateways.map(String));
    return [...this.#addresses].filter(([, known]) => known.some((text) => texts.has(text))).map(([id]) => id);
  }
}
