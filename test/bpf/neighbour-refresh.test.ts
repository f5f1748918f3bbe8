/**
 * Once in a while the kernel gets a packet to a neighbour that XDP forwards to, so that it does not forget to verify it.
 *
 *   in0 192.0.2.1/24 ---- [this namespace] ---- out0 198.51.100.1/24: neighbours .2 and .3, both known
 */
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { addInterface, RouteKind, SETTINGS_FORWARD, v4 } from '../helpers/bpf/little-router.js';
import { askFibForEverything, enterNetnsWithFib } from '../helpers/bpf/real-fib.js';
import { frameTable } from '../helpers/bpf/scapy.js';
import { TestRouter } from '../helpers/bpf/test-router.js';
import { native } from '../../src/native.js';
import { Limit } from '../../src/abi/index.js';
import { ip } from '../helpers/own-netns.js';
import { until } from '../helpers/poll.js';

const LONG_MS = 3_600_000;
const KEY: [bigint, bigint] = [0n, 0n];

let router: TestRouter;
let inIfindex: number;
let outIfindex: number;

const to4 = (address: string) => `E/IP(src='192.0.2.9', dst='${address}')/UDP(sport=1, dport=2)`;
const frame = frameTable({
  toTwo: to4('198.51.100.2'),
  toThree: to4('198.51.100.3'),
  viaTwo: to4('203.0.113.5'),
  viaTwoElsewhere: to4('203.0.113.6'),
  tooBig: `${to4('198.51.100.2')}/Raw(b'x'*1473)`,
  byGroup: to4('198.18.0.1'),
  to6: `E/IPv6(src='2001:db8:1::9', dst='2001:db8:2::2')/UDP(sport=1, dport=2)`,
});
type FrameName = Parameters<typeof frame>[0];

beforeAll(() => {
  ({ inIfindex, outIfindex } = enterNetnsWithFib());
  ip('neigh add 198.51.100.3 lladdr 02:00:00:00:bb:03 dev out0 nud permanent');
  ip('route add 203.0.113.0/24 via 198.51.100.2');
});

beforeEach(() => {
  router = new TestRouter();
  refreshEvery(LONG_MS);
  addInterface(router, { ifindex: inIfindex, port: inIfindex, slot: 1 });
  askFibForEverything(router, outIfindex);
  router.route(4, v4('198.18.0.0'), 15, RouteKind.group, 1);
});
afterEach(() => router.close());

const refreshEvery = (ms: number): void => router.settings(SETTINGS_FORWARD, KEY, 0x1234, ms);

const reasonOf = (name: FrameName): string => Object.keys(router.run(frame(name), inIfindex).reasons).join();

/** The times that the program has noted, in ns. */
function notedTimes(): bigint[] {
  const raw = new Uint8Array(Limit.MAX_NEIGHBOUR_SLOTS * 8);
  native.mapReadArray(router.object.map('neighbour_uses').fd, Limit.MAX_NEIGHBOUR_SLOTS, raw);
  return [...new BigUint64Array(raw.buffer)].filter((time) => time > 0n);
}

const pass = async (milliseconds: number): Promise<void> => {
  const end = performance.now() + milliseconds;
  await until(() => performance.now() > end, { what: 'time to pass' });
};

it('forwards by XDP until the time has come, then passes one packet, and forwards again', async () => {
  expect([reasonOf('toTwo'), reasonOf('toTwo'), reasonOf('toTwo')]).toEqual(Array(3).fill('1:FORWARDED_FIB'));
  const [first] = notedTimes();
  await pass(30);
  refreshEvery(20);
  const sent = frame('toTwo');
  expect(router.run(sent, inIfindex)).toEqual({
    verdict: 'PASS',
    frame: sent,
    reasons: { '1:NEIGHBOUR_REFRESH': 1 },
  });
  refreshEvery(LONG_MS);
  expect(notedTimes().at(-1)).toBeGreaterThan(first!);
  expect(reasonOf('toTwo')).toBe('1:FORWARDED_FIB');
});

it('keeps a time for each neighbour', async () => {
  reasonOf('toTwo');
  await pass(30);
  refreshEvery(20);
  expect(reasonOf('toThree')).toBe('1:FORWARDED_FIB'); // its first
  expect(reasonOf('toTwo')).toBe('1:NEIGHBOUR_REFRESH');
});

it('counts the gateway as the neighbour, wherever packets go by it', async () => {
  reasonOf('viaTwo');
  await pass(30);
  refreshEvery(20);
  expect(reasonOf('viaTwoElsewhere')).toBe('1:NEIGHBOUR_REFRESH');
});

it('does the same for IPv6', async () => {
  expect(reasonOf('to6')).toBe('1:FORWARDED_FIB');
  await pass(30);
  refreshEvery(20);
  expect(reasonOf('to6')).toBe('1:NEIGHBOUR_REFRESH');
});

it('does not take a packet that the stack gets anyway for one', async () => {
  reasonOf('toTwo');
  await pass(30);
  refreshEvery(20);
  expect(reasonOf('tooBig')).toBe('1:OVER_MTU');
  expect(reasonOf('toTwo')).toBe('1:NEIGHBOUR_REFRESH');
});

it('leaves groups alone: the kernel keeps their gateways resolved by itself', async () => {
  reasonOf('byGroup');
  await pass(30);
  refreshEvery(20);
  expect(reasonOf('byGroup')).toBe('1:FORWARDED');
  expect(notedTimes()).toEqual([]);
});
