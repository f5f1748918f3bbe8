/** Descriptors and threads of the addon: released on close, on a throw half way, and when an environment ends. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BpfObject } from '../../src/libbpf/index.js';
import { native, type FrameRelayOptions } from '../../src/native.js';
import { compileBpf, type CompiledBpf } from '../helpers/compile-bpf.js';
import { NamedNetns } from '../helpers/named-netns.js';
import { until } from '../helpers/poll.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const ADDON = fileURLToPath(new URL('../../native/build/Release/detour_native.node', import.meta.url));
const CYCLES = 200;
const SOURCE = `
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 8);
	 __type(key, __u32); __type(value, __u64); } words SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); } plain SEC(".maps");
SEC("xdp") int pass(struct xdp_md *context) { return XDP_PASS; }
`;

let compiled: CompiledBpf;
let object: BpfObject;
let netns: NamedNetns;

beforeAll(() => {
  compiled = compileBpf(SOURCE, 'lifetime');
  object = BpfObject.open(compiled.path).load();
  netns = new NamedNetns('life');
});
afterAll(() => {
  netns?.remove();
  object?.close();
  compiled?.remove();
});

interface Usage {
  descriptors: number;
  threads: number;
}
const usage = (): Usage => ({
  descriptors: readdirSync('/proc/self/fd').length,
  threads: readdirSync('/proc/self/task').length,
});

/** Threads may be fewer: one of an earlier test can still be on its way out when this one starts. */
function expectNoMoreThan(before: Usage): void {
  const { descriptors, threads } = usage();
  expect(descriptors).toBe(before.descriptors);
  expect(threads).toBeLessThanOrEqual(before.threads);
}

const cookieKey = new Uint8Array(16);
const nothing = (): void => undefined;
const mapFd = (name: string): number => object.map(name).fd;
const traffic = (): { family: 4; netns: string; port: number; maxPackets: number } => ({
  family: 4,
  netns: netns.path,
  port: 9,
  maxPackets: 100,
});

const relay = (ifindexes: number[]): FrameRelayOptions => ({
  ifindexes,
  ports: [6868, 6869],
  netns: netns.path,
  loss: 0,
  duplication: 0,
  reordering: 0,
  delayUs: 0,
  reorderDelayUs: 0,
  seed: 1,
});

const KINDS: Record<string, () => void> = {
  'ring buffer': () => native.openRingBuffer(mapFd('events'), nothing).close(),
  'mapped array': () => {
    const array = native.mapArray(mapFd('words'), 64, true);
    array.bytes.fill(0);
    array.close();
  },
  'netlink socket': () =>
    native.openNetlink({ protocol: 0, groups: [1], netns: netns.path, onMessages: nothing, onError: nothing }).close(),
  'carrier watch': () => {
    const watch = native.openCarrierWatch({
      livenessFd: mapFd('words'),
      realtimePriority: 1,
      routeProtocol: 68,
      netns: netns.path,
    });
    watch.watch([{ ifindex: 1, nextHop: 1 }]);
    watch.close();
    watch.close();
  },
  prober: () => native.createProber({ cookieKey, realtimePriority: 1, netns: netns.path }).close(),
  'ICMP receiver': () =>
    native
      .createIcmpReceiver({ ifindex: 1, ifname: 'lo', family: 6, cookieKey, netns: netns.path, onReply: nothing })
      .close(),
  'link socket': () =>
    native
      .openLinkSocket({
        family: 6,
        ifindex: 1,
        ifname: 'lo',
        port: 6868,
        peerPort: 6869,
        group: Uint8Array.of(0xff, 0x12, ...new Uint8Array(13), 1),
        maximumBytes: 100,
        netns: netns.path,
        onReadable: nothing,
        onError: nothing,
      })
      .close(),
  'frame relay': () => native.startFrameRelay(relay([1, 1])).close(),
  'traffic source': () =>
    void native
      .startTrafficSource({
        ...traffic(),
        source: '127.0.0.1',
        destination: '127.0.0.1',
        packetsPerSecond: 1000,
        payloadBytes: 16,
      })
      .stop(),
  'traffic sink': () => void native.startTrafficSink({ ...traffic(), address: '127.0.0.1' }).stop(),
};

/** Each throws after something was opened already. */
const FAILING: Record<string, () => unknown> = {
  'netlink socket with a group that does not exist': () =>
    native.openNetlink({ protocol: 0, groups: [9999], onMessages: nothing, onError: nothing }),
  'ICMP receiver without its device': () =>
    native.createIcmpReceiver({
      ifindex: 4242,
      ifname: 'none',
      family: 4,
      cookieKey,
      netns: '/run/netns/none',
      onReply: nothing,
    }),
  'carrier watch in no namespace': () =>
    native.openCarrierWatch({
      livenessFd: mapFd('words'),
      realtimePriority: 0,
      routeProtocol: 68,
      netns: '/etc/hostname',
    }),
  'carrier watch over a map that is not memory': () =>
    native.openCarrierWatch({ livenessFd: mapFd('plain'), realtimePriority: 0, routeProtocol: 68 }),
  'frame relay of which one interface is missing': () => native.startFrameRelay(relay([1, 4242])),
  'prober in no namespace': () => native.createProber({ cookieKey, realtimePriority: 0, netns: '/etc/hostname' }),
  'traffic source with a foreign address': () =>
    native.startTrafficSource({
      ...traffic(),
      source: '192.0.2.1',
      destination: '127.0.0.1',
      packetsPerSecond: 1,
      payloadBytes: 16,
    }),
  'traffic sink with a foreign address': () => native.startTrafficSink({ ...traffic(), address: '192.0.2.1' }),
};

describe('open and close', () => {
  test.each(Object.entries(KINDS))(`of a %s, ${CYCLES} times, leaves nothing behind`, async (_, cycle) => {
    cycle();
    const before = usage();
    for (let i = 0; i < CYCLES; i++) cycle();
    await until(() => usage().threads <= before.threads, { what: 'the threads to be gone' });
    expectNoMoreThan(before);
  });

  test.each(Object.entries(FAILING))(`that fails, %s, ${CYCLES} times, leaves nothing behind`, (_, fail) => {
    expect(fail).toThrow();
    const before = usage();
    for (let i = 0; i < CYCLES; i++) expect(fail).toThrow();
    expectNoMoreThan(before);
  });

  test('of path sockets that fail leaves nothing behind', async () => {
    const attempt = (changes: object): Promise<string> =>
      native
        .openPathSocket({
          kind: 'tcp',
          family: 4,
          ifname: 'lo',
          mark: 0,
          source: Uint8Array.from([127, 0, 0, 1]),
          destination: Uint8Array.from([127, 0, 0, 1]),
          port: 1,
          scopeId: 0,
          timeoutMs: 1000,
          netns: netns.path,
          ...changes,
        })
        .then(
          () => 'connected',
          (error: unknown) => (error as { code: string }).code,
        );
    await attempt({});
    const before = usage();
    for (let i = 0; i < 50; i++) {
      expect(await attempt({})).toBe('ECONNREFUSED');
      expect(await attempt({ ifname: 'none' })).toBe('ENODEV');
    }
    expectNoMoreThan(before);
  });

  test('is not needed for what nobody refers to any more', async () => {
    const collect = (threads: number): Promise<boolean> =>
      until(
        () => {
          collectGarbage();
          return usage().threads === threads;
        },
        { what: 'the probers to be collected' },
      );
    await collect(usage().threads);
    await new Promise((resolve) => setImmediate(resolve));
    const before = usage();
    for (let i = 0; i < 10; i++) native.createProber({ cookieKey, realtimePriority: 0 });
    // One sends, one closes sockets.
    expect(usage().threads).toBe(before.threads + 2 * 10);
    await collect(before.threads);
    expect(usage().descriptors).toBeLessThanOrEqual(before.descriptors);
  });
});

describe('a closed object', () => {
  test('is collected, callbacks and all', async () => {
    const closed = Array.from({ length: 5 }, () => {
      const socket = native.openNetlink({ protocol: 0, onMessages: () => socket.close(), onError: nothing });
      socket.close();
      return new WeakRef(socket);
    });
    await until(
      () => {
        collectGarbage();
        return closed.every((reference) => reference.deref() === undefined);
      },
      { what: 'the sockets to be collected' },
    );
  });
});

/** Opens one of everything but a ring buffer and closes nothing; a connection is under way as well. */
const OPEN_ALL = `
const native = require(${JSON.stringify(ADDON)});
const nothing = () => {};
const cookieKey = new Uint8Array(16);
const netns = ${'NETNS'};
const livenessFd = ${'LIVENESS_FD'};
globalThis.words = native.mapArray(livenessFd, 64, true);
globalThis.watch = native.openCarrierWatch({ livenessFd, realtimePriority: 1, routeProtocol: 68, netns });
watch.watch([{ ifindex: 1, nextHop: 1 }]);
native.openNetlink({ protocol: 0, groups: [1], netns, onMessages: nothing, onError: nothing });
globalThis.prober = native.createProber({ cookieKey, realtimePriority: 1, netns });
native.createIcmpReceiver({ ifindex: 1, ifname: 'lo', family: 4, cookieKey, netns, onReply: nothing });
const traffic = { family: 4, netns, port: 9, maxPackets: 1000 };
globalThis.sink = native.startTrafficSink({ ...traffic, address: '127.0.0.1' });
globalThis.source = native.startTrafficSource({ ...traffic, source: '127.0.0.1', destination: '127.0.0.1',
  packetsPerSecond: 100, payloadBytes: 16 });
native.openPathSocket({ kind: 'tcp', family: 4, ifname: 'dead', mark: 0, source: Uint8Array.from([192, 0, 2, 1]),
  destination: Uint8Array.from([192, 0, 2, 2]), port: 9, scopeId: 0, timeoutMs: 600000, netns })
  .then(() => { throw new Error('connected?'); });
`;

describe('the end of an environment', () => {
  /** Where a child finds the map `words`: the first descriptor after its standard ones. */
  const CHILD_FD = 3;
  const script = (ending: string, livenessFd: number): string =>
    OPEN_ALL.replace('NETNS', JSON.stringify(netns.path)).replace('LIVENESS_FD', String(livenessFd)) + ending;

  beforeAll(() => {
    netns.ip('link add dead type veth peer name deader');
    netns.ip('link set deader up');
    netns.ip('link set dead up');
    netns.ip('address add 192.0.2.1/24 dev dead');
    netns.ip('neighbour add 192.0.2.2 lladdr 02:00:00:00:00:99 nud permanent dev dead');
  });

  test.each([
    ['process.exit(7)', 7],
    ['setImmediate(() => process.exit(7))', 7],
    ['setImmediate(() => { throw new Error("on purpose"); })', 1],
  ])('by %s closes everything without a crash', (ending, status) => {
    const result = spawnSync(process.execPath, ['-e', script(ending, CHILD_FD)], {
      encoding: 'utf8',
      timeout: 30_000,
      stdio: ['ignore', 'pipe', 'pipe', mapFd('words')],
    });
    expect({ status: result.status, signal: result.signal }).toEqual({ status, signal: null });
  });

  test('of a worker, ended or terminated at any moment, gives everything back', async () => {
    const run = async (ending: string, terminate: boolean): Promise<void> => {
      const worker = new Worker(script(ending, mapFd('words')), { eval: true });
      const exited = new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
      if (terminate) {
        await new Promise((resolve) => worker.once('message', resolve));
        await worker.terminate();
      }
      await exited;
    };
    const message = `require('node:worker_threads').parentPort.postMessage('open');`;
    await run('process.exit(0)', false);
    const before = usage();
    for (let i = 0; i < 10; i++) {
      await run('process.exit(0)', false);
      await run(message, true);
    }
    await until(() => usage().threads <= before.threads, { what: 'the threads to be gone' });
    await until(() => usage().descriptors <= before.descriptors, { what: 'the descriptors to be gone' });
  });
});
