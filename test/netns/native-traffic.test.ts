/**
 * The paced traffic source and its sink.
 *
 *     source [left] 192.0.2.1, 2001:db8::1 ------ 192.0.2.2, 2001:db8::2 [right] sink
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { native, type TrafficSink, type TrafficSource, type TrafficSourceOptions } from '../../src/native.js';
import { connectNetns, NamedNetns } from '../helpers/named-netns.js';
import { until } from '../helpers/poll.js';

const PACKETS_PER_SECOND = 5_000;
const PACKETS = 3_000;
const ADDRESSES = { 4: ['192.0.2.1', '192.0.2.2'], 6: ['2001:db8::1', '2001:db8::2'] } as const;

let left: NamedNetns;
let right: NamedNetns;
let port = 20_000;
const running: { stop(): unknown }[] = [];

beforeAll(() => {
  left = new NamedNetns('source');
  right = new NamedNetns('sink');
  connectNetns(left, 'left', [`${ADDRESSES[4][0]}/24`, `${ADDRESSES[6][0]}/64`], right, 'right', [
    `${ADDRESSES[4][1]}/24`,
    `${ADDRESSES[6][1]}/64`,
  ]);
  /* Resolving takes longer than the kernel's queue for it lasts, on a slow machine: then the first packets are lost. */
  for (const [, destination] of Object.values(ADDRESSES)) left.exec('ping', ['-c1', '-W10', destination]);
});
afterEach(() => running.splice(0).forEach((object) => object.stop()));
afterAll(() => {
  left?.remove();
  right?.remove();
});

function sourceOptions(family: 4 | 6): TrafficSourceOptions {
  const [source, destination] = ADDRESSES[family];
  return {
    netns: left.path,
    family,
    source,
    destination,
    port,
    packetsPerSecond: PACKETS_PER_SECOND,
    payloadBytes: 64,
    maxPackets: PACKETS,
  };
}

function start(
  family: 4 | 6,
  changes: Partial<TrafficSourceOptions> = {},
): { source: TrafficSource; sink: TrafficSink } {
  port++;
  const address = ADDRESSES[family][1];
  const sink = native.startTrafficSink({
    netns: right.path,
    family,
    address,
    port,
    maxPackets: changes.maxPackets ?? PACKETS,
  });
  running.push(sink);
  const source = native.startTrafficSource({ ...sourceOptions(family), ...changes });
  running.push(source);
  return { source, sink };
}

/** A source that can be stopped as a whole process; prints what it has to say when its input ends. */
const SOURCE_PROCESS = `
const native = require(${JSON.stringify(fileURLToPath(new URL('../../native/build/Release/detour_native.node', import.meta.url)))});
const source = native.startTrafficSource(JSON.parse(process.argv[1]));
process.stdin.on('end', () => {
  const { maxGapUs, skipped } = source.stop();
  console.log(JSON.stringify({ maxGapUs, skipped }));
}).resume();
`;

/** Sequence numbers that were sent and did not come. */
const lost = (transmitNs: BigInt64Array, receiveNs: BigInt64Array): number[] =>
  [...transmitNs.keys()].filter((i) => transmitNs[i] !== 0n && receiveNs[i] === 0n);

describe.each([4, 6] as const)('traffic over IPv%i', (family) => {
  test('arrives without loss, with times and interface', async () => {
    const { source, sink } = start(family);
    /* A slow machine leaves out most of what is due, so this is not about how many. */
    await until(() => source.sent === sink.received && source.sent >= PACKETS / 30, {
      timeoutMs: 30_000,
      what: 'all packets on the other side',
    });
    const { transmitNs, maxGapUs, skipped } = source.stop();
    await until(() => sink.received === source.sent, { what: 'the last packets' });
    const { receiveNs, ifindex, duplicates, overruns } = sink.stop();
    expect(lost(transmitNs, receiveNs)).toEqual([]);
    expect({ duplicates, overruns, sendErrors: source.sendErrors }).toEqual({
      duplicates: 0,
      overruns: 0,
      sendErrors: 0,
    });
    const sent = [...transmitNs.keys()].filter((i) => transmitNs[i] !== 0n);
    expect(sent.length).toBe(source.sent);
    const right_ = right.ifindexOf('right');
    for (const i of sent) {
      expect(ifindex[i]).toBe(right_);
      /* The receive stamp is the wall clock's, converted: allow its conversion a few microseconds. */
      expect(receiveNs[i]! - transmitNs[i]!).toBeGreaterThan(-20_000n);
    }
    /* Sequence numbers keep to the schedule, so a gap in them is a gap in time. */
    const first = sent[0]!;
    for (const i of sent) {
      const plannedNs = (BigInt(i - first) * 1_000_000_000n) / BigInt(PACKETS_PER_SECOND);
      expect(transmitNs[i]! - transmitNs[first]!).toBeGreaterThan(
        plannedNs - 1_000_000_000n / BigInt(PACKETS_PER_SECOND),
      );
    }
    expect(maxGapUs).toBeGreaterThanOrEqual(Math.floor(1e6 / PACKETS_PER_SECOND));
    expect(skipped).toBe(sent.at(-1)! + 1 - sent.length);
  });
});

describe('traffic', () => {
  test('that is cut off is missing in the middle, and only there', async () => {
    /* A minute's worth: on a slow machine the commands below take seconds. */
    const { source, sink } = start(4, { packetsPerSecond: 1_000, maxPackets: 60_000 });
    await until(() => sink.received >= 100, { what: 'the first packets' });
    right.exec('nft', [
      'add table ip cut; add chain ip cut in { type filter hook prerouting priority -300; policy drop; }',
    ]);
    const before = source.sent;
    await until(() => source.sent >= before + 100, { what: 'packets into the void' });
    right.exec('nft', ['delete table ip cut']);
    const arrived = sink.received;
    await until(() => sink.received >= arrived + 100, { what: 'packets afterwards' });
    const { transmitNs } = source.stop();
    await until(() => sink.takeCounts().length === 0, { what: 'silence' });
    const { receiveNs } = sink.stop();
    const missing = lost(transmitNs, receiveNs);
    expect(missing.length).toBeGreaterThanOrEqual(99);
    const received = [...receiveNs.keys()].filter((i) => receiveNs[i] !== 0n);
    const inside = received.filter((i) => i > missing[0]! && i < missing.at(-1)!);
    expect(inside).toEqual([]);
    expect(source.sendErrors).toBe(0);
  });

  test('leaves out what was due while its source stood still, and says so', async () => {
    const stallNs = 200_000_000n;
    const sink = native.startTrafficSink({
      netns: right.path,
      family: 4,
      address: ADDRESSES[4][1],
      port: ++port,
      maxPackets: 1_000_000,
    });
    running.push(sink);
    const source = spawn(
      process.execPath,
      ['-e', SOURCE_PROCESS, JSON.stringify({ ...sourceOptions(4), maxPackets: 1_000_000 })],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    try {
      await until(() => sink.received >= 100, { what: 'the first packets' });
      source.kill('SIGSTOP');
      await until(() => sink.takeCounts().length === 0, { what: 'silence' });
      const stoppedNs = native.monotonicNs();
      await until(() => native.monotonicNs() - stoppedNs > stallNs, { what: 'the length of the stall' });
      const before = sink.received;
      source.kill('SIGCONT');
      await until(() => sink.received > before + 100, { what: 'packets after the stall' });
      const answer = once(createInterface(source.stdout), 'line') as Promise<[string]>;
      source.stdin.end();
      const { maxGapUs, skipped } = JSON.parse((await answer)[0]) as { maxGapUs: number; skipped: number };
      const due = Number((stallNs * BigInt(PACKETS_PER_SECOND)) / 1_000_000_000n);
      expect(skipped).toBeGreaterThanOrEqual(due);
      expect(maxGapUs * 1000).toBeGreaterThan(Number(stallNs));
      const { receiveNs } = sink.stop();
      const received = [...receiveNs.keys()].filter((i) => receiveNs[i] !== 0n);
      const jumps = received.map((sequence, i) => sequence - (received[i - 1] ?? sequence));
      expect(Math.max(...jumps)).toBeGreaterThanOrEqual(due);
    } finally {
      source.kill('SIGKILL');
    }
  });

  test('is counted by ingress interface since the last look', async () => {
    const { source, sink } = start(4);
    await until(() => source.sent >= 200 && sink.received >= 200, { what: 'some packets' });
    source.stop();
    await until(() => sink.received === source.sent, { what: 'the last packets' });
    const counts = sink.takeCounts();
    expect(counts).toEqual([{ ifindex: right.ifindexOf('right'), packets: source.sent }]);
    expect(sink.takeCounts()).toEqual([]);
  });

  test('that cannot be sent is counted and is no loss of the path', async () => {
    const { source, sink } = start(4, { destination: '203.0.113.9' });
    await until(() => source.sendErrors >= 10, { what: 'errors' });
    const { transmitNs } = source.stop();
    expect(source.sent).toBe(0);
    expect([...transmitNs].every((ns) => ns === 0n)).toBe(true);
    expect(sink.stop().receiveNs.every((ns) => ns === 0n)).toBe(true);
  });

  test('can be stopped twice and gives the same answer', () => {
    const { source, sink } = start(4, { packetsPerSecond: 1 });
    expect(source.stop()).toEqual(source.stop());
    expect(sink.stop()).toEqual(sink.stop());
  });

  test('names the option that is wrong', () => {
    expect(() => start(4, { payloadBytes: 15 })).toThrow('options.payloadBytes must be an integer from 16');
    expect(() => start(4, { packetsPerSecond: 0 })).toThrow('options.packetsPerSecond must be');
    expect(() => start(4, { source: '2001:db8::1' })).toThrow('options.source must be an IPv4 address');
    expect(() => start(4, { maxPackets: 2 ** 31 })).toThrow('options.maxPackets must be');
    expect(() => start(4, { source: '192.0.2.99' })).toThrow(expect.objectContaining({ code: 'EADDRNOTAVAIL' }));
    expect(() => start(4, { netns: '/run/netns/none' })).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});
