/** One BPF map as the reconcilers see it: read whole, written in batches, every write counted. */
import type { BpfMap } from '../libbpf/index.js';
import type { MappedArray, NativeAddon } from '../native.js';

/** Key bytes as a string (latin1), so that they can be compared and looked up. */
export type KeyText = string;

export const keyText = (key: Uint8Array): KeyText =>
  Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');

function keyBytes(text: KeyText): Buffer {
  return Buffer.from(text, 'latin1');
}

export function u32Key(value: number): KeyText {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(value);
  return keyText(key);
}

export const u32Of = (key: KeyText): number => keyBytes(key).readUInt32LE();

/** Encodes one structure of src/abi into bytes of its own. */
export function encoded<T>(
  codec: { size: number; encode(view: DataView, offset: number, value: T): void },
  value: T,
): Uint8Array {
  const bytes = new Uint8Array(codec.size);
  codec.encode(new DataView(bytes.buffer), 0, value);
  return bytes;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Counts the elements that one `apply` writes, over all maps. */
export class WriteCounter {
  count = 0;
}

export type BatchAddon = Pick<NativeAddon, 'mapUpdateBatch' | 'mapDeleteBatch' | 'mapReadArray' | 'mapReadAll'>;

export class KernelMap {
  readonly name: string;
  readonly fd: number;
  readonly maxEntries: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly #native: BatchAddon;
  readonly #counter: WriteCounter;

  constructor(map: BpfMap, native: BatchAddon, counter: WriteCounter) {
    this.name = map.name;
    this.fd = map.fd;
    this.maxEntries = map.maxEntries;
    this.keySize = map.keySize;
    this.valueSize = map.valueSize;
    this.#native = native;
    this.#counter = counter;
  }

  /** Hash, LPM and device maps. @throws NativeError */
  readAll(): Map<KeyText, Uint8Array> {
    const { keys, values, count } = this.#native.mapReadAll(this.fd, this.keySize, this.valueSize, this.maxEntries);
    const entries = new Map<KeyText, Uint8Array>();
    for (let index = 0; index < count; index++) {
      const key = keys.subarray(index * this.keySize, (index + 1) * this.keySize);
      entries.set(keyText(key), values.subarray(index * this.valueSize, (index + 1) * this.valueSize));
    }
    return entries;
  }

  /** The first `count` elements of an array map (not a per-CPU one). */
  readArray(count: number): Uint8Array {
    const values = new Uint8Array(count * this.valueSize);
    if (count > 0) this.#native.mapReadArray(this.fd, count, values);
    return values;
  }

  /** @throws NativeError; some of the entries may have been written. */
  update(entries: readonly (readonly [KeyText, Uint8Array])[]): void {
    if (entries.length === 0) return;
    const keys = Buffer.alloc(entries.length * this.keySize);
    const values = Buffer.alloc(entries.reduce((size, [, value]) => size + value.length, 0));
    let offset = 0;
    for (const [index, [key, value]] of entries.entries()) {
      keys.write(key, index * this.keySize, 'latin1');
      values.set(value, offset);
      offset += value.length;
    }
    this.#native.mapUpdateBatch(this.fd, keys, values, entries.length, 0);
    this.#counter.count += entries.length;
  }

  updateElement(index: number, value: Uint8Array): void {
    this.update([[u32Key(index), value]]);
  }

  /** Keys that are not there are passed over. @throws NativeError */
  delete(keys: readonly KeyText[]): void {
    if (keys.length === 0) return;
    this.#counter.count += this.#native.mapDeleteBatch(this.fd, Buffer.from(keys.join(''), 'latin1'), keys.length);
  }
}

/** How to get from `actual` to `wanted`. */
export function difference(
  actual: ReadonlyMap<KeyText, Uint8Array>,
  wanted: ReadonlyMap<KeyText, Uint8Array>,
): { updates: [KeyText, Uint8Array][]; deletes: KeyText[] } {
  const updates: [KeyText, Uint8Array][] = [];
  for (const [key, value] of wanted) {
    const present = actual.get(key);
    if (!present || !sameBytes(present, value)) updates.push([key, value]);
  }
  return { updates, deletes: [...actual.keys()].filter((key) => !wanted.has(key)) };
}

/** Elements of an mmapped array lie 8 bytes apart, whatever their size (kernel/bpf/arraymap.c: round_up). */
export const MAPPED_STRIDE_BYTES = 8;

/** An mmapped array of u32: reads are plain loads, stores are atomic and counted. */
export class MappedU32Array {
  readonly length: number;
  readonly #memory: MappedArray;
  readonly #counter: WriteCounter;

  constructor(memory: MappedArray, length: number, counter: WriteCounter) {
    this.#memory = memory;
    this.length = length;
    this.#counter = counter;
  }

  get(index: number): number {
    return this.#memory.load32(index * MAPPED_STRIDE_BYTES);
  }

  set(index: number, value: number): void {
    this.#memory.store32(index * MAPPED_STRIDE_BYTES, value);
    this.#counter.count++;
  }

  /** A copy of `count` elements from `first`. */
  copy(first: number, count: number): Uint32Array {
    return Uint32Array.from({ length: count }, (_, index) => this.get(first + index));
  }
}
