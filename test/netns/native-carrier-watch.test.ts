/**
 * The carrier watch clears liveness bits by itself: every test blocks JavaScript's event loop until it has.
 *
 *   here [cw0] ===veth=== [cw1] there      next hops 1 and 70; 2 by a VLAN device above it (its index: that of lo)
 *        [cx0] ===veth=== [cx1] there      next hop 3
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BpfObject } from '../../src/libbpf/index.js';
import { native, type CarrierWatch, type MappedArray } from '../../src/native.js';
import { compileBpf, type CompiledBpf } from '../helpers/compile-bpf.js';
import { NamedNetns } from '../helpers/named-netns.js';
import { until } from '../helpers/poll.js';

const SOURCE = `
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 2);
	 __type(key, __u32); __type(value, __u64); } liveness SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } plain SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 2);
	 __type(key, __u32); __type(value, __u32); } narrow SEC(".maps");
SEC("xdp") int pass(struct xdp_md *context) { return XDP_PASS; }
`;
const ALL = 0xffff_ffff_ffff_ffffn;
const bit = (nextHop: number): bigint => 1n << BigInt(nextHop % 64);

/** PTRACE_SEIZE, PTRACE_INTERRUPT, and a wait with __WALL; the thread goes on when its tracer has ended. */
const HOLD = `
import ctypes, os, subprocess, sys
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long] * 4
thread = int(sys.argv[1])
for request in (0x4206, 0x4207):
    if ptrace(request, thread, 0, 0) != 0:
        sys.exit("ptrace: " + os.strerror(ctypes.get_errno()))
os.waitpid(thread, 0x40000000)
for command in sys.argv[2:]:
    subprocess.run(command.split(), check=True)
`;

let compiled: CompiledBpf;
let object: BpfObject;
let words: MappedArray;
let here: NamedNetns;
let there: NamedNetns;
let watch: CarrierWatch;
const children: ChildProcess[] = [];

beforeAll(() => {
  compiled = compileBpf(SOURCE, 'watch');
  object = BpfObject.open(compiled.path).load();
  words = native.mapArray(object.map('liveness').fd, 16, true);
});
afterAll(() => {
  words?.close();
  object?.close();
  compiled?.remove();
});

beforeEach(async () => {
  here = new NamedNetns('cw-here');
  there = new NamedNetns('cw-there');
  for (const [a, b] of [
    ['cw0', 'cw1'],
    ['cx0', 'cx1'],
  ] as const) {
    here.ip(`link add ${a} type veth peer name ${b} netns ${there.name}`);
    there.ip(`link set ${b} up`);
    here.ip(`link set ${a} up`);
  }
  // The last words about these links have been said before anybody watches.
  const settled = (): boolean =>
    ['cw0', 'cx0'].every((name) => here.ip(`-oneline link show dev ${name}`).includes('state UP'));
  await until(settled, { what: 'the links to be up' });
  watch = native.openCarrierWatch({
    livenessFd: object.map('liveness').fd,
    realtimePriority: 40,
    routeProtocol: 68,
    netns: here.path,
  });
  words.store64(0, ALL);
  words.store64(8, ALL);
});
afterEach(async () => {
  watch?.close();
  for (const child of children.splice(0)) if (child.exitCode === null) await once(child, 'exit');
  here?.remove();
  there?.remove();
});

function watchAll(): void {
  watch.watch([
    { ifindex: here.ifindexOf('cw0'), nextHop: 1 },
    { ifindex: here.ifindexOf('cw0'), nextHop: 70 },
    { ifindex: here.ifindexOf('cw0'), nextHop: 2 },
    { ifindex: here.ifindexOf('lo'), nextHop: 2 },
    { ifindex: here.ifindexOf('cx0'), nextHop: 3 },
  ]);
}

/** Starts `ip` and does not let the event loop turn before `expected` next hops are dead, and no others. */
function deadAfter(netns: NamedNetns, command: string, expected: readonly number[]): void {
  children.push(spawn('ip', ['-n', netns.name, ...command.split(' ')], { stdio: 'ignore' }));
  const wanted = [ALL, ALL];
  for (const nextHop of expected) wanted[nextHop >>> 6]! &= ~bit(nextHop);
  const deadline = performance.now() + 10_000;
  const now = (): bigint[] => [words.load64(0), words.load64(8)];
  while (performance.now() < deadline) if (now().every((word, index) => word === wanted[index])) return;
  expect(now()).toEqual(wanted);
}

/** Runs the commands while the thread of that name, one of ours, does not: a tracer holds it. */
function whileStopped(name: string, commands: readonly string[]): void {
  const task = '/proc/self/task';
  const isIt = (id: string): boolean => readFileSync(`${task}/${id}/comm`, 'utf8').trim() === name;
  const [id] = readdirSync(task).filter(isIt);
  execFileSync('python3', ['-c', HOLD, id!, ...commands], { timeout: 30_000 });
}

describe('with the event loop blocked, the bits of', () => {
  test('a link whose far end goes down are cleared, and those of what is above it; no others', () => {
    watchAll();
    deadAfter(there, 'link set cw1 down', [1, 70, 2]);
    expect(watch.statistics()).toMatchObject({ cleared: 3, overruns: 0, error: null });
  });

  test('a link that is set down itself are cleared', () => {
    watchAll();
    deadAfter(here, 'link set cx0 down', [3]);
    expect(watch.statistics().cleared).toBe(1);
  });

  test('a link that is deleted are cleared', () => {
    watchAll();
    deadAfter(here, 'link del cx0', [3]);
  });

  test('a link in an operational state that lets no frame leave are cleared', () => {
    watchAll();
    // As with 802.1X: up and with carrier, but dormant.
    deadAfter(here, 'link set cx0 state dormant mode dormant', [3]);
  });
});

describe('the watch', () => {
  test('looks at its links when messages were lost, for that of a dead one may be among them', () => {
    watch.close();
    // Room for the first message only.
    watch = native.openCarrierWatch({
      livenessFd: object.map('liveness').fd,
      realtimePriority: 40,
      routeProtocol: 68,
      receiveBufferBytes: 1,
      netns: here.path,
    });
    watchAll();
    const unheard = [...'abcdefgh'].map((name) => `ip -n ${here.name} link set lo alias ${name}`);
    whileStopped('detour-links', [...unheard, `ip -n ${here.name} link set cw0 down`]);
    deadAfter(here, 'link show lo', [1, 70, 2]);
    expect(watch.statistics()).toMatchObject({ cleared: 3, error: null });
    expect(watch.statistics().overruns).toBeGreaterThan(0);
  });

  test('looks at its links when a route of ours goes, as the kernel tells of that first; not at others’ routes', async () => {
    // Nobody watches when the messages come that say so.
    there.ip('link set cx1 down');
    await until(() => here.ip('-oneline link show dev cx0').includes('state DOWN'), { what: 'the link to be down' });
    for (const [prefix, protocol] of [
      ['2001:db8:1::/64', 'static'],
      ['2001:db8:2::/64', '68'],
    ] as const)
      here.ip(`-6 route add ${prefix} dev lo proto ${protocol}`);
    const { messages } = watch.statistics();
    watchAll();
    here.ip('-6 route delete 2001:db8:1::/64');
    deadAfter(here, '-6 route delete 2001:db8:2::/64', [3]);
    expect(watch.statistics()).toMatchObject({ messages: messages + 1, cleared: 1 });
  });

  test('leaves alone what is not in the table, and what is no longer', async () => {
    watchAll();
    watch.watch([{ ifindex: here.ifindexOf('cx0'), nextHop: 4 }]);
    there.ip('link set cw1 down');
    deadAfter(there, 'link set cx1 down', [4]);
    // Messages keep their order: that of cw0 came before.
    expect(watch.statistics().cleared).toBe(1);
    watch.watch([]);
    const { messages } = watch.statistics();
    there.ip('link set cx1 up');
    here.ip('link set cx0 down');
    await until(() => watch.statistics().messages > messages, { what: 'the message' });
    expect(watch.statistics().cleared).toBe(1);
  });

  test('never sets a bit: a link that comes back stays dead', async () => {
    watchAll();
    deadAfter(there, 'link set cx1 down', [3]);
    const { messages } = watch.statistics();
    there.ip('link set cx1 up');
    await until(() => here.ip('-oneline link show dev cx0').includes('state UP'), { what: 'the link to be up' });
    await until(() => watch.statistics().messages > messages, { what: 'the message' });
    expect(words.load64(0)).toBe(ALL & ~bit(3));
  });

  test('refuses a table with a mistake in it whole, names the mistake, and keeps the one it has', () => {
    watch.watch([{ ifindex: here.ifindexOf('cx0'), nextHop: 3 }]);
    const ifindex = here.ifindexOf('cw0');
    expect(() =>
      watch.watch([
        { ifindex, nextHop: 1 },
        { ifindex: 0, nextHop: 1 },
      ]),
    ).toThrow('entries[1].ifindex must be an integer from 1 to 2147483647');
    expect(() => watch.watch([{ ifindex, nextHop: 128 }])).toThrow(
      'entries[0].nextHop must be an integer from 1 to 127',
    );
    expect(() => watch.watch({} as never)).toThrow('entries must be an array');
    there.ip('link set cw1 down');
    deadAfter(there, 'link set cx1 down', [3]);
  });

  test('outlives the descriptor of the map, and stops when it is closed in the middle of a table', () => {
    const own = BpfObject.open(compiled.path).load();
    const memory = native.mapArray(own.map('liveness').fd, 16, true);
    const other = native.openCarrierWatch({
      livenessFd: own.map('liveness').fd,
      realtimePriority: 0,
      routeProtocol: 68,
      netns: here.path,
    });
    expect(other.realtime).toBe(false);
    own.close();
    memory.store64(0, ALL);
    other.watch([{ ifindex: here.ifindexOf('cx0'), nextHop: 5 }]);
    watch.watch([{ ifindex: here.ifindexOf('cx0'), nextHop: 3 }]);
    deadAfter(here, 'link set cx0 down', [3]);
    const deadline = performance.now() + 10_000;
    while (memory.load64(0) === ALL && performance.now() < deadline);
    expect(memory.load64(0)).toBe(ALL & ~bit(5));
    const trap = {
      nextHop: 1,
      get ifindex() {
        other.close();
        return 1;
      },
    };
    expect(() => other.watch([trap, trap])).toThrow('EBADF: Bad file descriptor, object is closed');
    other.close();
    memory.close();
  });

  test.each(['plain', 'narrow'])('refuses a map that is no liveness map (%s)', (name) => {
    expect(() =>
      native.openCarrierWatch({ livenessFd: object.map(name).fd, realtimePriority: 0, routeProtocol: 68 }),
    ).toThrow('livenessFd must be of an array map of u64 with BPF_F_MMAPABLE');
  });

  test('runs in real time where it is allowed', () => {
    expect(watch.realtime).toBe(true);
  });
});
