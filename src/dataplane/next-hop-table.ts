/**
 * `next_hops` and `next_hop_slots`. A row is never changed while a program may read it: a new row is written, one
 * 32-bit store switches to it, and the old row rests for the grace period.
 */
import { nextHopCodec, NextHopFlag, type NextHop } from '../abi/index.js';
import type { InterfaceIntent, NextHopIntent, PortIntent } from '../controller/ports.js';
import { encoded, sameBytes, type KernelMap, type MappedU32Array } from './kernel-map.js';
import type { PortTable } from './port-table.js';
import { SlotAllocator } from './slot-allocator.js';

const MAX_U16 = 0xffff;
const NO_MAC = new Uint8Array(6);

export interface NextHopSurroundings {
  interfaces: readonly InterfaceIntent[];
  ports: readonly PortIntent[];
  portTable: PortTable;
}

export class NextHopTable {
  readonly #rows: KernelMap;
  readonly #slots: MappedU32Array;
  readonly #allocator: SlotAllocator<number>;
  readonly #onChange: { appeared(id: number): void; gone(id: number): void };

  /**
   * @param onChange `appeared`: before an id is used for the first time; `gone`: when it is withdrawn
   */
  constructor(
    rows: KernelMap,
    slots: MappedU32Array,
    nowMs: () => number,
    onChange: { appeared(id: number): void; gone(id: number): void },
  ) {
    this.#rows = rows;
    this.#slots = slots;
    this.#onChange = onChange;
    this.#allocator = new SlotAllocator({ first: 1, end: rows.maxEntries }, nowMs);
    for (const id of this.publishedIds()) this.#allocator.adopt(id, slots.get(id));
  }

  /** Ids that name a row now. */
  publishedIds(): number[] {
    const ids: number[] = [];
    for (let id = 1; id < this.#slots.length; id++) if (this.#slots.get(id) !== 0) ids.push(id);
    return ids;
  }

  /** Names a row now. */
  isPublished(id: number): boolean {
    return id >= 1 && id < this.#slots.length && this.#slots.get(id) !== 0;
  }

  publish(nextHops: readonly NextHopIntent[], around: NextHopSurroundings): string[] {
    const problems: string[] = [];
    const published = this.publishedIds();
    const rows = this.#rows.readArray(Math.max(0, ...published.map((id) => this.#slots.get(id))) + 1);
    for (const intent of nextHops) {
      if (intent.id < 1 || intent.id >= this.#slots.length) {
        problems.push(`next hop ${intent.id}: the id is not from 1 to ${this.#slots.length - 1}`);
        continue;
      }
      const wanted = encoded(nextHopCodec, nextHopRow(intent, around));
      if (!this.#isCurrent(intent.id, wanted, rows)) this.#replace(intent.id, wanted, problems);
    }
    return problems;
  }

  /** Whether an id that names a row now leads to another interface than it is wanted to. */
  meansOtherwise(nextHops: readonly NextHopIntent[]): boolean {
    const wanted = new Map(nextHops.map(({ id, ifindex }) => [id, ifindex]));
    const published = this.publishedIds();
    const rows = this.#rows.readArray(Math.max(0, ...published.map((id) => this.#slots.get(id))) + 1);
    const view = new DataView(rows.buffer, rows.byteOffset, rows.length);
    return published.some((id) => {
      const { ifindex } = nextHopCodec.decode(view, this.#slots.get(id) * nextHopCodec.size);
      return wanted.has(id) && wanted.get(id) !== ifindex;
    });
  }

  /** Withdraws ids that are no longer wanted; after no group names them any more. */
  retire(nextHops: readonly NextHopIntent[]): void {
    const wanted = new Set(nextHops.map(({ id }) => id));
    for (const id of this.publishedIds().filter((each) => !wanted.has(each))) {
      this.#onChange.gone(id);
      this.#slots.set(id, 0);
    }
    this.#allocator.retain(wanted);
  }

  #isCurrent(id: number, wanted: Uint8Array, rows: Uint8Array): boolean {
    const row = this.#slots.get(id);
    // A row that is not the allocator's is a foreign change, or two ids on one row.
    if (row === 0 || row !== this.#allocator.get(id)) return false;
    return sameBytes(rows.subarray(row * wanted.length, (row + 1) * wanted.length), wanted);
  }

  #replace(id: number, value: Uint8Array, problems: string[]): void {
    this.#allocator.release(id);
    const row = this.#allocator.allocate(id);
    if (row === null) {
      problems.push(`next hop ${id}: no free row of ${this.#rows.maxEntries - 1} until the next attempt`);
      return;
    }
    if (this.#slots.get(id) === 0) this.#onChange.appeared(id);
    this.#rows.updateElement(row, value);
    this.#slots.set(id, row);
  }
}

/** Without an interface in the data plane, or without a MAC, the flags tell the program to leave it to the stack. */
function nextHopRow(intent: NextHopIntent, { interfaces, ports, portTable }: NextHopSurroundings): NextHop {
  const via = interfaces.find(({ ifindex }) => ifindex === intent.ifindex);
  const port = ports.find(({ ifindex }) => ifindex === via?.portIfindex);
  const portSlot = via ? portTable.slotOf(via.portIfindex) : 0;
  const redirectOk = portSlot !== 0 && intent.redirectOk && port?.redirectOk === true;
  const fragmentsOk = redirectOk && port.redirectFragmentsOk === true;
  return {
    ifindex: intent.ifindex,
    portSlot,
    flags:
      (intent.gatewayMac && via ? NextHopFlag.RESOLVED : 0) |
      (redirectOk ? NextHopFlag.REDIRECT_OK : 0) |
      (fragmentsOk ? NextHopFlag.REDIRECT_FRAGMENTS_OK : 0),
    mtu: Math.min(via?.mtu ?? 0, MAX_U16),
    vlanId: via?.vlanId ?? 0,
    innerVlanId: via?.innerVlanId ?? 0,
    sourceMac: via?.mac.bytes ?? NO_MAC,
    destinationMac: intent.gatewayMac?.bytes ?? NO_MAC,
  };
}
