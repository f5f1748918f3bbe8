/** The addon's ring buffer against a program that submits records. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BpfObject } from '../../src/libbpf/index.js';
import { native, type RingBuffer } from '../../src/native.js';
import { compileBpf, type CompiledBpf } from '../helpers/compile-bpf.js';
import { until } from '../helpers/poll.js';

/** Every run submits one record: the first 16 bytes of the frame. A frame that begins with 0xff is discarded. */
const SOURCE = `
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } other SEC(".maps");

struct record { __u8 bytes[13]; };

SEC("xdp") int emit(struct xdp_md *context)
{
	__u8 *data = (void *)(long)context->data, *end = (void *)(long)context->data_end;
	struct record *record;
	if (data + sizeof(*record) > end)
		return XDP_ABORTED;
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record)
		return XDP_DROP;
	for (int i = 0; i < sizeof(*record); i++)
		record->bytes[i] = data[i];
	if (data[0] == 0xff)
		bpf_ringbuf_discard(record, 0);
	else
		bpf_ringbuf_submit(record, 0);
	return XDP_PASS;
}
`;
const RECORD_BYTES = 13;
/** u32 length, u32 zero, 13 bytes, padded to 8. */
const DRAINED_BYTES = 24;

let compiled: CompiledBpf;
let object: BpfObject;
let ring: RingBuffer | undefined;

beforeAll(() => {
  compiled = compileBpf(SOURCE, 'ring');
  object = BpfObject.open(compiled.path).load();
});
afterAll(() => {
  object?.close();
  compiled?.remove();
});
afterEach(() => {
  ring?.close();
  ring = undefined;
});

function emit(first: number): number {
  const frame = new Uint8Array(64).fill(first);
  return native.programTestRun(object.program('emit').fd, frame, null, 1).verdict;
}

/** First byte of every record; asserts the framing. */
function firstBytes(drained: Uint8Array): number[] {
  const view = new DataView(drained.buffer, drained.byteOffset, drained.byteLength);
  const result: number[] = [];
  for (let at = 0; at < drained.length; at += DRAINED_BYTES) {
    expect(view.getUint32(at, true)).toBe(RECORD_BYTES);
    expect(view.getUint32(at + 4, true)).toBe(0);
    expect(drained.subarray(at + 8 + RECORD_BYTES, at + DRAINED_BYTES)).toEqual(new Uint8Array(3));
    result.push(drained[at + 8]!);
  }
  return result;
}

/** A ring buffer whose records are collected whenever it wakes the event loop. */
function openCollecting(into = new Uint8Array(4096)): { seen: number[]; wakeups: () => number } {
  const seen: number[] = [];
  let wakeups = 0;
  ring = native.openRingBuffer(object.map('events').fd, () => {
    wakeups++;
    for (let size = ring!.drain(into); size > 0; size = ring!.drain(into)) {
      seen.push(...firstBytes(into.subarray(0, size)));
    }
  });
  return { seen, wakeups: () => wakeups };
}

describe('a ring buffer', () => {
  test('wakes the event loop for a record and hands it over in order', async () => {
    const { seen } = openCollecting();
    emit(1);
    await until(() => seen.length === 1, { what: 'the first record' });
    emit(2);
    emit(3);
    await until(() => seen.length === 3, { what: 'two more records' });
    expect(seen).toEqual([1, 2, 3]);
  });

  test('does not wake the event loop while nothing happens', async () => {
    const { seen, wakeups } = openCollecting();
    emit(1);
    await until(() => seen.length === 1, { what: 'the record' });
    const before = wakeups();
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(wakeups()).toBe(before);
  });

  test('passes over discarded records', async () => {
    const { seen } = openCollecting();
    emit(0xff);
    emit(7);
    await until(() => seen.length > 0, { what: 'the record behind the discarded one' });
    expect(seen).toEqual([7]);
  });

  test('keeps what does not fit for the next drain', async () => {
    ring = native.openRingBuffer(object.map('events').fd, () => undefined);
    [4, 5, 6].forEach(emit);
    const into = new Uint8Array(2 * DRAINED_BYTES + 8);
    expect(ring.drain(into)).toBe(2 * DRAINED_BYTES);
    expect(firstBytes(into.subarray(0, 2 * DRAINED_BYTES))).toEqual([4, 5]);
    expect(() => ring!.drain(new Uint8Array(DRAINED_BYTES - 1))).toThrow('into must have at least 24 bytes');
    expect(ring.drain(into)).toBe(DRAINED_BYTES);
    expect(firstBytes(into.subarray(0, DRAINED_BYTES))).toEqual([6]);
    expect(ring.drain(into)).toBe(0);
  });

  test('goes round its end many times without losing or splitting a record', async () => {
    const { seen } = openCollecting();
    const sent: number[] = [];
    for (let i = 0; i < 1000; i++) {
      sent.push(i % 255);
      expect(emit(i % 255)).toBe(2);
      if (i % 100 === 99) await until(() => seen.length === sent.length, { what: 'a hundred more records' });
    }
    expect(seen).toEqual(sent);
  });

  test('is silent after close, which may come from its own callback and twice', async () => {
    let wakeups = 0;
    const closing = native.openRingBuffer(object.map('events').fd, () => {
      wakeups++;
      closing.drain(new Uint8Array(4096));
      closing.close();
      closing.close();
    });
    emit(1);
    await until(() => wakeups > 0, { what: 'the wake-up' });
    expect(() => closing.drain(new Uint8Array(64))).toThrow('EBADF');
    const { seen } = openCollecting();
    emit(2);
    await until(() => seen.length === 1, { what: 'the next consumer' });
    expect(wakeups).toBe(1);
  });

  test('refuses what is no ring buffer, and says which argument is wrong', () => {
    const open = (fd: unknown, callback: unknown) => () => native.openRingBuffer(fd as number, callback as () => void);
    expect(open(object.map('other').fd, () => undefined)).toThrow('mapFd must be of a map of type ringbuf');
    expect(open(object.program('emit').fd, () => undefined)).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: expect.stringContaining('not a map') as unknown }),
    );
    expect(open(99999, () => undefined)).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(open(-1, () => undefined)).toThrow('mapFd must be an integer');
    expect(open(object.map('events').fd, 5)).toThrow('onReadable must be a function');
  });
});
