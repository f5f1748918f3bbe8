import { expect, test } from 'vitest';
import { BatchedReading, type Readable } from '../../../../src/gateway/link/reading.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

const MS = 1000;
const BATCH_MS = 20;
const CALM_BATCH_MS = 100;

/** Datagrams that wait; tells when they are read, as often as `waiting` goes up from 0. */
class Source implements Readable {
  waiting = 0;
  readonly reads: number[] = [];

  read(max: number): number {
    const count = Math.min(max, this.waiting);
    this.waiting -= count;
    this.reads.push(count);
    return count;
  }
}

function setUp() {
  const clock = new ManualClock();
  const reading = new BatchedReading(clock, { batchMs: BATCH_MS, calmBatchMs: CALM_BATCH_MS });
  const source = new Source();
  const arrive = (count: number): void => {
    const told = source.waiting > 0;
    source.waiting += count;
    if (!told) reading.readable(source);
  };
  return { clock, reading, source, arrive };
}

test('what comes within 20 ms is read together', () => {
  const { clock, source, arrive } = setUp();
  arrive(1);
  clock.advance(10 * MS);
  arrive(2);
  clock.advance(10 * MS - 1);
  expect(source.reads).toEqual([]);
  clock.advance(1);
  expect(source.reads).toEqual([3]);
  expect(clock.pending).toBe(0);
});

test('what is urgent is read at once, also what waits already', () => {
  const { clock, reading, source, arrive } = setUp();
  arrive(1);
  reading.setUrgent(true);
  expect(source.waiting).toBe(0);
  arrive(1);
  expect(source.waiting).toBe(0);
  reading.setUrgent(false);
  arrive(1);
  expect(source.waiting).toBe(1);
  clock.advance(BATCH_MS * MS);
  expect(source.waiting).toBe(0);
});

test('while it is calm more is read together, and no more of a flood', () => {
  const { clock, reading, source, arrive } = setUp();
  reading.setCalm(true);
  arrive(1);
  clock.advance(CALM_BATCH_MS * MS - 1);
  expect(source.waiting).toBe(1);
  clock.advance(1);
  expect(source.waiting).toBe(0);
  arrive(100_000);
  clock.advance(CALM_BATCH_MS * MS);
  expect(source.waiting).toBe(100_000 - 128);
  clock.advance(1_000 * MS);
  expect(source.waiting).toBe(100_000 - 51 * 128);
});

test('what waits while it is calm is read soon when it no longer is', () => {
  const { clock, reading, source, arrive } = setUp();
  reading.setCalm(true);
  arrive(1);
  clock.advance(10 * MS);
  reading.setCalm(false);
  clock.advance(BATCH_MS * MS - 1);
  expect(source.waiting).toBe(1);
  clock.advance(1);
  expect([source.reads, clock.pending]).toEqual([[1], 0]);
});

test('a flood is read by 128 datagrams in 20 ms, urgent or not', () => {
  for (const urgent of [false, true]) {
    const { clock, reading, source, arrive } = setUp();
    reading.setUrgent(urgent);
    arrive(100_000);
    clock.advance(BATCH_MS * MS);
    const before = source.waiting;
    clock.advance(1_000 * MS);
    expect(before - source.waiting).toBe(50 * 128);
  }
});

test('a source that floods does not keep another one waiting', () => {
  const { clock, reading, source, arrive } = setUp();
  const quiet = new Source();
  arrive(100_000);
  quiet.waiting = 1;
  reading.readable(quiet);
  clock.advance(BATCH_MS * MS);
  expect(quiet.waiting).toBe(0);
  expect(source.waiting).toBeGreaterThan(0);
});

test('an error while a message is handled does not stop the reading', () => {
  const { clock, reading, source, arrive } = setUp();
  const broken: Readable = {
    read: () => {
      reading.forget(broken);
      throw new Error('the machine');
    },
  };
  reading.readable(broken);
  arrive(1);
  expect(() => clock.advance(BATCH_MS * MS)).toThrow('the machine');
  clock.advance(BATCH_MS * MS);
  expect(source.waiting).toBe(0);
});

test('nothing is read after the end', () => {
  const { clock, reading, source, arrive } = setUp();
  arrive(1);
  reading.close();
  arrive(1);
  clock.advance(BATCH_MS * MS);
  expect([source.reads, clock.pending]).toEqual([[], 0]);
});
