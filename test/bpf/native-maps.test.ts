/** Mapped arrays and batched map access of the addon, against maps that a program reads and writes. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BpfObject, possibleCpus } from '../../src/libbpf/index.js';
import { native } from '../../src/native.js';
import { compileBpf, type CompiledBpf } from '../helpers/compile-bpf.js';

const SOURCE = `
struct trie_key { __u32 prefix_length; __u8 address[4]; };
struct pair { __u64 low; __u64 high; };

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 600);
	 __type(key, __u32); __type(value, __u64); } words SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 8); __type(key, __u32); __type(value, __u32); } plain SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 20000); __type(key, __u32); __type(value, __u64); } hash SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(map_flags, BPF_F_NO_PREALLOC); __uint(max_entries, 64);
	 __type(key, struct trie_key); __type(value, __u32); } trie SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, struct pair); } percpu SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_DEVMAP); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32); } devices SEC(".maps");

/* Sets bit 1 of word 0 and answers with bit 0 of word 1; counts itself per CPU. */
SEC("xdp") int touch(struct xdp_md *context)
{
	__u32 zero = 0, one = 1;
	__u64 *first = bpf_map_lookup_elem(&words, &zero), *second = bpf_map_lookup_elem(&words, &one);
	struct pair *mine = bpf_map_lookup_elem(&percpu, &one);
	if (!first || !second || !mine)
		return XDP_ABORTED;
	__sync_fetch_and_or(first, 2);
	mine->high++;
	return *second & 1 ? XDP_PASS : XDP_DROP;
}
`;
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const XDP_DROP = 1;
const XDP_PASS = 2;

let compiled: CompiledBpf;
let object: BpfObject;
const fd = (map: string): number => object.map(map).fd;
const touch = (): number => native.programTestRun(object.program('touch').fd, new Uint8Array(64), null, 1).verdict;

beforeAll(() => {
  compiled = compileBpf(SOURCE, 'maps');
  object = BpfObject.open(compiled.path).load();
});
afterAll(() => {
  object?.close();
  compiled?.remove();
});

describe('a mapped array', () => {
  test('shares its words with the program, in both directions', () => {
    const words = native.mapArray(fd('words'), 4800, true);
    words.store64(0, 4n);
    words.store64(8, 0n);
    expect(touch()).toBe(XDP_DROP);
    expect(words.load64(0)).toBe(6n);
    words.store32(8, 1);
    expect(touch()).toBe(XDP_PASS);
    words.close();
  });

  test('reads, modifies and writes atomically, answering the word before', () => {
    const words = native.mapArray(fd('words'), 4800, true);
    words.store64(16, 0xf0f0_0000_0000_000fn);
    expect(words.or64(16, 0x0f00n)).toBe(0xf0f0_0000_0000_000fn);
    expect(words.and64(16, 0xffff_0000_0000_ff00n)).toBe(0xf0f0_0000_0000_0f0fn);
    expect(words.load64(16)).toBe(0xf0f0_0000_0000_0f00n);
    words.store64(24, 0xffff_ffff_ffff_ffffn);
    expect(words.load32(28)).toBe(0xffff_ffff);
    words.close();
  });

  test('is memory: bytes and words see the same, and close() takes it away', () => {
    const words = native.mapArray(fd('words'), 4800, true);
    const { bytes } = words;
    expect(words.bytes).toBe(bytes);
    bytes.set([1, 2, 3, 4], 32);
    expect(words.load32(32)).toBe(0x04030201);
    expect(bytes.length).toBe(4800);
    words.close();
    words.close();
    expect(bytes.length).toBe(0);
    expect(() => words.bytes).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => words.load32(0)).toThrow('EBADF');
  });

  test('mapped read-only gives copies and refuses stores', () => {
    const writer = native.mapArray(fd('words'), 4800, true);
    const reader = native.mapArray(fd('words'), 4800, false);
    writer.store32(40, 5);
    const copy = reader.bytes;
    expect(copy[40]).toBe(5);
    copy[40] = 9;
    expect(writer.load32(40)).toBe(5);
    expect(() => reader.store32(40, 1)).toThrow(expect.objectContaining({ code: 'EACCES' }));
    expect(() => reader.or64(40, 1n)).toThrow(expect.objectContaining({ code: 'EACCES' }));
    writer.close();
    reader.close();
  });

  test('outlives its object as long as somebody holds the bytes', async () => {
    const bytes = ((): Uint8Array => {
      const words = native.mapArray(fd('words'), 4096, true);
      words.store32(48, 77);
      return words.bytes;
    })();
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
    expect(bytes[48]).toBe(77);
  });

  test.each([
    ['an offset that is not aligned', (w: ReturnType<typeof native.mapArray>) => w.load32(2)],
    ['a 64-bit offset that is not aligned', (w: ReturnType<typeof native.mapArray>) => w.store64(4, 0n)],
    ['an offset behind the end', (w: ReturnType<typeof native.mapArray>) => w.load64(4800)],
    ['a negative offset', (w: ReturnType<typeof native.mapArray>) => w.load32(-4)],
    ['an offset that is no integer', (w: ReturnType<typeof native.mapArray>) => w.load32(0.5)],
    ['a value that is too large', (w: ReturnType<typeof native.mapArray>) => w.store32(0, 2 ** 32)],
    ['a bigint that is too large', (w: ReturnType<typeof native.mapArray>) => w.store64(0, 2n ** 64n)],
    ['a negative bigint', (w: ReturnType<typeof native.mapArray>) => w.or64(0, -1n)],
  ])('refuses %s', (_, action) => {
    const words = native.mapArray(fd('words'), 4800, true);
    expect(() => action(words)).toThrow(TypeError);
    words.close();
  });

  test('refuses more than the map has, and maps that are no mappable arrays', () => {
    expect(() => native.mapArray(fd('words'), 4801, true)).toThrow("byteLength must be at most the map's 4800");
    expect(() => native.mapArray(fd('plain'), 8, true)).toThrow('BPF_F_MMAPABLE');
    expect(() => native.mapArray(fd('hash'), 8, true)).toThrow('BPF_F_MMAPABLE');
  });
});

/** Little-endian u32s as bytes. */
const u32 = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
const u64 = (...values: bigint[]): Uint8Array => new Uint8Array(BigUint64Array.from(values).buffer);

describe('batched access', () => {
  test('writes and reads an array', () => {
    expect(native.mapUpdateBatch(fd('plain'), u32(0, 1, 2, 3), u32(10, 11, 12, 13), 4, 0)).toBe(4);
    const values = new Uint8Array(5 * 4);
    native.mapReadArray(fd('plain'), 5, values);
    expect(values).toEqual(u32(10, 11, 12, 13, 0));
    const all = new Uint8Array(8 * 4);
    native.mapReadArray(fd('plain'), 8, all);
    expect(all.subarray(0, 16)).toEqual(u32(10, 11, 12, 13));
  });

  test('reads all CPUs of a per-CPU array', () => {
    for (let i = 0; i < 5; i++) touch();
    const stride = possibleCpus() * 16;
    const values = new Uint8Array(4 * stride);
    native.mapReadArray(fd('percpu'), 4, values);
    const view = new BigUint64Array(values.buffer);
    let total = 0n;
    for (let cpu = 0; cpu < possibleCpus(); cpu++) total += view[(stride + cpu * 16) / 8 + 1]!;
    expect(total).toBeGreaterThanOrEqual(5n);
    expect(view[0]).toBe(0n);
  });

  test('writes, reads and deletes ten thousand entries of a hash', () => {
    const count = 10_000;
    const keys = u32(...Array.from({ length: count }, (_, i) => i * 7));
    const values = u64(...Array.from({ length: count }, (_, i) => BigInt(i)));
    expect(native.mapUpdateBatch(fd('hash'), keys, values, count, 0)).toBe(count);

    const all = native.mapReadAll(fd('hash'), 4, 8, 20_000);
    expect(all.count).toBe(count);
    const readKeys = new Uint32Array(all.keys.buffer);
    const readValues = new BigUint64Array(all.values.buffer);
    expect([...readKeys].every((key, i) => readValues[i] === BigInt(key / 7))).toBe(true);
    expect(new Set(readKeys).size).toBe(count);

    expect(() => native.mapReadAll(fd('hash'), 4, 8, count - 1)).toThrow(expect.objectContaining({ code: 'E2BIG' }));
    expect(native.mapDeleteBatch(fd('hash'), keys, count)).toBe(count);
    expect(native.mapReadAll(fd('hash'), 4, 8, 20_000).count).toBe(0);
  });

  test('passes over keys that are not there when it deletes', () => {
    native.mapUpdateBatch(fd('hash'), u32(1, 3, 5), u64(1n, 3n, 5n), 3, 0);
    expect(native.mapDeleteBatch(fd('hash'), u32(0, 1, 2, 3, 4, 5, 6), 7)).toBe(3);
    expect(native.mapReadAll(fd('hash'), 4, 8, 10).count).toBe(0);
  });

  test('works on a trie of prefixes', () => {
    const key = (length: number, ...address: number[]): number[] => [length, 0, 0, 0, ...address];
    const keys = Uint8Array.from([key(8, 10, 0, 0, 0), key(24, 192, 0, 2, 0), key(0, 0, 0, 0, 0)].flat());
    expect(native.mapUpdateBatch(fd('trie'), keys, u32(1, 2, 3), 3, 0)).toBe(3);
    const all = native.mapReadAll(fd('trie'), 8, 4, 64);
    expect(all.count).toBe(3);
    const read = Array.from({ length: 3 }, (_, i) => `${all.keys[i * 8]}:${new Uint32Array(all.values.buffer)[i]}`);
    expect(read.sort()).toEqual(['0:3', '24:2', '8:1']);
    expect(native.mapDeleteBatch(fd('trie'), keys, 3)).toBe(3);
  });

  test('goes one by one where the map type has no batches', () => {
    expect(native.mapUpdateBatch(fd('devices'), u32(2), u32(1), 1, 0)).toBe(1);
    const all = native.mapReadAll(fd('devices'), 4, 4, 4);
    expect(all.count).toBe(1);
    expect([...all.keys, ...all.values]).toEqual([...u32(2), ...u32(1)]);
    expect(native.mapDeleteBatch(fd('devices'), u32(2), 1)).toBe(1);
  });

  test('names the system call that failed', () => {
    const BPF_NOEXIST = 1;
    expect(() => native.mapUpdateBatch(fd('plain'), u32(0), u32(1), 1, BPF_NOEXIST)).toThrow(
      expect.objectContaining({ code: 'EEXIST', syscall: 'BPF_MAP_UPDATE_ELEM' }),
    );
    expect(() => native.mapUpdateBatch(fd('plain'), u32(8), u32(1), 1, 0)).toThrow(
      expect.objectContaining({ code: 'E2BIG', syscall: 'BPF_MAP_UPDATE_BATCH' }),
    );
  });

  test('refuses buffers that do not have exactly the size of what they hold', () => {
    expect(() => native.mapUpdateBatch(fd('plain'), u32(0, 1), u32(1), 2, 0)).toThrow(
      'values must have 8 bytes, not 4',
    );
    expect(() => native.mapUpdateBatch(fd('plain'), u32(0), u32(1, 2), 2, 0)).toThrow('keys must have 8 bytes, not 4');
    expect(() => native.mapDeleteBatch(fd('hash'), new Uint8Array(7), 2)).toThrow('keys must have 8 bytes, not 7');
    expect(() => native.mapReadArray(fd('plain'), 2, new Uint8Array(7))).toThrow('values must have 8 bytes, not 7');
    expect(() => native.mapReadArray(fd('plain'), 9, new Uint8Array(36))).toThrow("count must be at most the map's 8");
    expect(() => native.mapReadArray(fd('percpu'), 1, new Uint8Array(16 * possibleCpus() - 1))).toThrow(TypeError);
    expect(() => native.mapReadArray(fd('hash'), 1, new Uint8Array(8))).toThrow('array');
    expect(() => native.mapReadAll(fd('hash'), 8, 8, 10)).toThrow("keySize must be the map's 4");
    expect(() => native.mapReadAll(fd('hash'), 4, 4, 10)).toThrow("valueSize must be the map's 8");
  });
});
