/** `tx_ports`: the devices that frames may be redirected to, each in a slot of its own. */
import type { PortIntent } from '../controller/ports.js';
import { difference, u32Key, u32Of, type KernelMap, type KeyText } from './kernel-map.js';
import { SlotAllocator } from './slot-allocator.js';

export class PortTable {
  readonly #map: KernelMap;
  readonly #slots: SlotAllocator<number>;
  #obsolete: KeyText[] = [];

  constructor(map: KernelMap, nowMs: () => number) {
    this.#map = map;
    // Slot 0 is what an interface without a port has; no device is there.
    this.#slots = new SlotAllocator({ first: 1, end: map.maxEntries }, nowMs);
    for (const [key, value] of map.readAll())
      this.#slots.adopt(u32Of(Buffer.from(value).toString('latin1')), u32Of(key));
  }

  /** Port slot of a device, or 0. */
  slotOf(ifindex: number): number {
    return this.#slots.get(ifindex) ?? 0;
  }

  /** Adds devices. The kernel forgets a device that goes away by itself, so the map is read each time. */
  publish(ports: readonly PortIntent[]): string[] {
    const problems: string[] = [];
    const wanted = new Map<KeyText, Uint8Array>();
    for (const { ifindex, name } of ports.filter(({ redirectOk }) => redirectOk)) {
      const slot = this.#slots.allocate(ifindex);
      if (slot === null) problems.push(`${name}: all ${this.#map.maxEntries - 1} ports of tx_ports are in use`);
      else wanted.set(u32Key(slot), Buffer.from(u32Key(ifindex), 'latin1'));
    }
    const { updates, deletes } = difference(this.#map.readAll(), wanted);
    this.#obsolete = deletes;
    for (const update of updates) {
      try {
        this.#map.update([update]);
      } catch (error) {
        problems.push(`tx_ports: ifindex ${u32Of(Buffer.from(update[1]).toString('latin1'))}: ${String(error)}`);
      }
    }
    return problems;
  }

  /** Removes what `publish` found superfluous; after nothing refers to it any more. */
  retire(ports: readonly PortIntent[]): void {
    this.#map.delete(this.#obsolete);
    this.#obsolete = [];
    this.#slots.retain(new Set(ports.filter(({ redirectOk }) => redirectOk).map(({ ifindex }) => ifindex)));
  }
}
