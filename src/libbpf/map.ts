/** A BPF map in the kernel, typed by codecs that come from its BTF unless the caller brings better ones. */
import { closeSync, unlinkSync } from 'node:fs';
import { check, libbpf } from './bindings.js';
import { btfCodec, plainCodec, type Codec } from './codec.js';
import { BpfError } from './errors.js';
import { loadedBtf, mapInfo, type MapInfo } from './info.js';
import { getPinned, pinTo } from './pin.js';

/** enum bpf_map_type, the ones that matter to a reader of values. */
export const MapType = {
  HASH: 1,
  ARRAY: 2,
  PERCPU_HASH: 5,
  PERCPU_ARRAY: 6,
  LRU_HASH: 9,
  LRU_PERCPU_HASH: 10,
  LPM_TRIE: 11,
  DEVMAP: 14,
  PERCPU_CGROUP_STORAGE: 21,
  DEVMAP_HASH: 25,
  RINGBUF: 27,
} as const;

const PER_CPU_TYPES: readonly number[] = [
  MapType.PERCPU_HASH,
  MapType.PERCPU_ARRAY,
  MapType.LRU_PERCPU_HASH,
  MapType.PERCPU_CGROUP_STORAGE,
];

const UPDATE_FLAGS = { any: 0, create: 1, exist: 2 } as const;
const ENOENT = -2;

export interface MapCodecs<K, V> {
  key?: Codec<K>;
  /** Of one CPU's value where the map is per-CPU. */
  value?: Codec<V extends readonly (infer T)[] ? T | V : V>;
}

let possibleCpuCount = 0;

/** How many values a per-CPU map holds for a key; includes CPUs that are not online. */
export function possibleCpus(): number {
  possibleCpuCount ||= check(libbpf().libbpf_num_possible_cpus(), 'libbpf_num_possible_cpus');
  return possibleCpuCount;
}

/**
 * `V` of a per-CPU map is an array with one value for each possible CPU.
 * Every access is a system call through ffi (some 10 us): for bulk and hot access use the fd with something faster.
 */
export class BpfMap<K = unknown, V = unknown> implements Iterable<[K, V]> {
  readonly name: string;
  readonly perCpu: boolean;
  readonly type: number;
  readonly keySize: number;
  /** As declared: of one CPU. */
  readonly valueSize: number;
  readonly maxEntries: number;
  #fd: number;
  readonly #owned: boolean;
  readonly #keyCodec: Codec<unknown>;
  readonly #valueCodec: Codec<unknown>;
  // Scratch memory for the calls: nothing here is asynchronous.
  readonly #key: Buffer;
  readonly #value: Buffer;
  readonly #keyView: DataView;
  readonly #valueView: DataView;
  readonly #stride: number;

  /** @internal Use BpfObject.map() or BpfMap.openPinned(). `owned`: close() closes the descriptor. */
  constructor(fd: number, name: string, info: MapInfo, codecs: MapCodecs<K, V>, owned: boolean) {
    this.#fd = fd;
    this.#owned = owned;
    this.name = name;
    this.type = info.type;
    this.keySize = info.keySize;
    this.valueSize = info.valueSize;
    this.maxEntries = info.maxEntries;
    this.perCpu = PER_CPU_TYPES.includes(info.type);
    this.#keyCodec = (codecs.key as Codec<unknown> | undefined) ?? plainCodec(info.keySize);
    this.#valueCodec = (codecs.value as Codec<unknown> | undefined) ?? plainCodec(info.valueSize);
    this.#checkCodec('key', this.#keyCodec, info.keySize);
    this.#checkCodec('value', this.#valueCodec, info.valueSize);
    // The kernel rounds each CPU's value up to 8 bytes.
    this.#stride = this.perCpu ? Math.ceil(info.valueSize / 8) * 8 : info.valueSize;
    this.#key = Buffer.alloc(info.keySize);
    this.#value = Buffer.alloc(this.perCpu ? this.#stride * possibleCpus() : info.valueSize);
    this.#keyView = viewOf(this.#key);
    this.#valueView = viewOf(this.#value);
  }

  /** Opens a map pinned in a bpffs; codecs come from the BTF the map was created with. @throws BpfError */
  static openPinned<K = unknown, V = unknown>(path: string, codecs: MapCodecs<K, V> = {}): BpfMap<K, V> {
    const fd = getPinned(path, 'map');
    try {
      const info = mapInfo(fd);
      return new BpfMap<K, V>(fd, info.name, info, { ...codecsOfLoadedMap<K, V>(info), ...codecs }, true);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** @throws BpfError after close(). */
  get fd(): number {
    if (this.#fd < 0) throw new BpfError({ call: 'BpfMap', subject: `map ${this.name}`, advice: 'it is closed' });
    return this.#fd;
  }

  /** Type, sizes, flags and ids as the kernel has them. */
  info(): MapInfo {
    return mapInfo(this.fd);
  }

  /** The value, or null when the key is not in the map. */
  get(key: K): V | null {
    this.#encodeKey(key);
    return this.#lookup();
  }

  has(key: K): boolean {
    return this.get(key) !== null;
  }

  /**
   * @param mode 'create': only if absent (EEXIST otherwise); 'exist': only if present (ENOENT otherwise).
   * @throws BpfError; RangeError or TypeError naming the field that does not fit.
   */
  set(key: K, value: V, mode: keyof typeof UPDATE_FLAGS = 'any'): void {
    this.#encodeKey(key);
    this.#encodeValue(value);
    const result = libbpf().bpf_map_update_elem(this.fd, this.#key, this.#value, UPDATE_FLAGS[mode]);
    check(result, 'bpf_map_update_elem', `map ${this.name}`);
  }

  /** True when the key was there. */
  delete(key: K): boolean {
    this.#encodeKey(key);
    const result = libbpf().bpf_map_delete_elem(this.fd, this.#key);
    if (result === ENOENT) return false;
    check(result, 'bpf_map_delete_elem', `map ${this.name}`);
    return true;
  }

  /**
   * All keys. The key just yielded may be deleted meanwhile. When others delete at the same time the kernel may start
   * again from the beginning: keys can then come twice, and the walk ends after twice the map's size at the latest.
   */
  *keys(): Generator<K> {
    // One key ahead of the caller: the successor of a key that the caller deletes could not be found any more.
    let ahead = this.#keyAfter(null);
    for (let left = this.maxEntries * 2; ahead && left > 0; left--) {
      const key = this.#keyCodec.decode(viewOf(ahead), 0) as K;
      ahead = this.#keyAfter(ahead);
      yield key;
    }
  }

  *entries(): Generator<[K, V]> {
    for (const key of this.keys()) {
      const value = this.get(key);
      if (value !== null) yield [key, value];
    }
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return this.entries();
  }

  /** Pins the map; `path` must be on a bpffs and not exist. @throws BpfError */
  pin(path: string): void {
    pinTo(this.fd, path, `map ${this.name}`);
  }

  /** Removes a pin; the map lives on while anything else holds it. @throws NodeJS.ErrnoException */
  unpin(path: string): void {
    unlinkSync(path);
  }

  /** Closes the descriptor of a map from openPinned(); one from an object is closed with the object. */
  close(): void {
    if (this.#fd >= 0 && this.#owned) closeSync(this.#fd);
    this.#fd = -1;
  }

  #checkCodec(what: string, codec: Codec<unknown>, size: number): void {
    if (codec.size !== size) {
      throw new BpfError({
        call: 'BpfMap',
        subject: `map ${this.name}`,
        advice: `its ${what} has ${size} bytes, the codec ${codec.size}`,
      });
    }
  }

  #encodeKey(key: K): void {
    this.#keyCodec.encode(this.#keyView, 0, key);
  }

  #encodeValue(value: V): void {
    if (!this.perCpu) return this.#valueCodec.encode(this.#valueView, 0, value);
    const values = value as unknown[];
    if (!Array.isArray(values) || values.length !== possibleCpus()) {
      throw new RangeError(`map ${this.name} is per-CPU: expected an array of ${possibleCpus()} values`);
    }
    this.#value.fill(0);
    values.forEach((each, cpu) => this.#valueCodec.encode(this.#valueView, cpu * this.#stride, each));
  }

  #lookup(): V | null {
    const result = libbpf().bpf_map_lookup_elem(this.fd, this.#key, this.#value);
    if (result === ENOENT) return null;
    check(result, 'bpf_map_lookup_elem', `map ${this.name}`);
    if (!this.perCpu) return this.#valueCodec.decode(this.#valueView, 0) as V;
    return Array.from({ length: possibleCpus() }, (_, cpu) =>
      this.#valueCodec.decode(this.#valueView, cpu * this.#stride),
    ) as V;
  }

  #keyAfter(key: Buffer | null): Buffer | null {
    const next = Buffer.alloc(this.keySize);
    const result = libbpf().bpf_map_get_next_key(this.fd, key, next);
    if (result === ENOENT) return null;
    check(result, 'bpf_map_get_next_key', `map ${this.name}`);
    return next;
  }
}

function codecsOfLoadedMap<K, V>(info: MapInfo): MapCodecs<K, V> {
  if (info.btfId === 0) return {};
  const btf = loadedBtf(info.btfId);
  return {
    ...(info.btfKeyTypeId ? { key: btfCodec(btf, info.btfKeyTypeId) as Codec<K> } : {}),
    ...(info.btfValueTypeId ? { value: btfCodec(btf, info.btfValueTypeId) as never } : {}),
  };
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
