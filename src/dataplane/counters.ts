/** Per-CPU counters, read in one call and summed up. */
import { counterCodec, Limit, reasonName } from '../abi/index.js';
import type { TrafficCounter } from '../controller/ports.js';
import { possibleCpus } from '../libbpf/index.js';
import { u32Key, type KernelMap } from './kernel-map.js';
import type { BatchAddon } from './kernel-map.js';

const COUNT_BYTES = 8; // a u64

/** A per-CPU array: for every element one value per possible CPU, each rounded up to 8 bytes. */
class PerCpuArray {
  readonly #map: KernelMap;
  readonly #native: BatchAddon;
  readonly #elementBytes: number;

  constructor(map: KernelMap, native: BatchAddon) {
    this.#map = map;
    this.#native = native;
    this.#elementBytes = Math.ceil(map.valueSize / 8) * 8 * possibleCpus();
  }

  read(count: number): { view: DataView; elementBytes: number } {
    const bytes = new Uint8Array(count * this.#elementBytes);
    if (count > 0) this.#native.mapReadArray(this.#map.fd, count, bytes);
    return { view: new DataView(bytes.buffer), elementBytes: this.#elementBytes };
  }

  zero(first: number, count: number): void {
    const nothing = new Uint8Array(this.#elementBytes);
    this.#map.update(Array.from({ length: count }, (_, index) => [u32Key(first + index), nothing] as const));
  }
}

export class NextHopCounters {
  readonly #array: PerCpuArray;

  constructor(map: KernelMap, native: BatchAddon) {
    this.#array = new PerCpuArray(map, native);
  }

  read(ids: readonly number[]): Map<number, TrafficCounter> {
    const { view, elementBytes } = this.#array.read(Math.max(0, ...ids) + 1);
    return new Map(
      ids.map((id) => {
        const sum = { packets: 0n, bytes: 0n };
        for (let at = id * elementBytes; at < (id + 1) * elementBytes; at += counterCodec.size) {
          const each = counterCodec.decode(view, at);
          sum.packets += each.packets;
          sum.bytes += each.bytes;
        }
        return [id, sum];
      }),
    );
  }

  reset(id: number): void {
    this.#array.zero(id, 1);
  }
}

export class ReasonCounters {
  readonly #array: PerCpuArray;

  constructor(map: KernelMap, native: BatchAddon) {
    this.#array = new PerCpuArray(map, native);
  }

  /** @param slots interface rows by ifindex. @returns packets by reason name, without those that never happened */
  read(slots: ReadonlyMap<number, number>): Map<number, Record<string, bigint>> {
    const { view, elementBytes } = this.#array.read((Math.max(0, ...slots.values()) + 1) * Limit.MAX_REASONS);
    const rows = new Map<number, Record<string, bigint>>();
    for (const [ifindex, slot] of slots) {
      const row: Record<string, bigint> = {};
      for (let reason = 0; reason < Limit.MAX_REASONS; reason++) {
        const element = (slot * Limit.MAX_REASONS + reason) * elementBytes;
        let packets = 0n;
        for (let at = element; at < element + elementBytes; at += COUNT_BYTES) packets += view.getBigUint64(at, true);
        if (packets > 0n) row[reasonName(reason)] = packets;
      }
      rows.set(ifindex, row);
    }
    return rows;
  }

  reset(slot: number): void {
    this.#array.zero(slot * Limit.MAX_REASONS, Limit.MAX_REASONS);
  }
}
