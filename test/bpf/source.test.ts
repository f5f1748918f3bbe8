/**
 * Whose packets are forwarded: IPv4 sources that the kernel would refuse are left to it.
 *
 *   in0 192.0.2.1/24 ---- [this namespace] ---- out0 198.51.100.1/24, 2001:db8:2::1/64
 */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addInterface,
  LOOSE_SOURCE,
  RouteKind,
  SETTINGS_FORWARD,
  STRICT_SOURCE,
  v4,
} from '../helpers/bpf/little-router.js';
import { askFibForEverything, enterNetnsWithFib } from '../helpers/bpf/real-fib.js';
import { frameTable } from '../helpers/bpf/scapy.js';
import { TestRouter } from '../helpers/bpf/test-router.js';
import { ip } from '../helpers/own-netns.js';

const FORWARD = 1 | 2;

let router: TestRouter;
let inIfindex: number;

const from4 = (source: string, to = '198.51.100.2') => `E/IP(src='${source}', dst='${to}')/UDP(sport=1, dport=2)`;

const frame = frameTable({
  client: from4('192.0.2.9'),
  clientByGroup: from4('192.0.2.9', '203.0.113.7'),
  own: from4('192.0.2.1'),
  ownByGroup: from4('198.51.100.1', '203.0.113.7'),
  ownNoSuchRoute: from4('192.0.2.1', '198.18.0.1'),
  broadcast: from4('192.0.2.255'),
  otherLink: from4('198.51.100.77'),
  unreachable: from4('10.1.0.9'),
  stackRoute: from4('10.2.0.9'),
  blackhole: from4('10.3.0.9'),
  nowhere: from4('172.20.0.9'),
  nowhereByGroup: from4('172.20.0.9', '203.0.113.7'),
  toThisMachine: from4('172.20.0.9', '192.0.2.1'),
  own6: `E/IPv6(src='2001:db8:1::1', dst='2001:db8:2::2')/UDP(sport=1, dport=2)`,
});
type FrameName = Parameters<typeof frame>[0];

beforeAll(() => {
  const ports = enterNetnsWithFib();
  inIfindex = ports.inIfindex;
  ip('route add unreachable 10.1.0.0/16');
  router = new TestRouter();
  router.settings(SETTINGS_FORWARD);
  askFibForEverything(router, ports.outIfindex);
  router.route(4, v4('203.0.113.0'), 24, RouteKind.group, 1);
  router.route(4, v4('192.0.2.1'), 32, RouteKind.local);
  router.route(4, v4('192.0.2.255'), 32, RouteKind.local);
  router.route(4, v4('198.51.100.1'), 32, RouteKind.local);
  router.route(4, v4('10.2.0.0'), 16, RouteKind.stack);
  router.route(4, v4('10.3.0.0'), 16, RouteKind.blackhole);
});
afterAll(() => router.close());

function expectReason(sent: FrameName, reason: string): void {
  const { verdict, reasons } = router.run(frame(sent), inIfindex);
  const expected = reason.startsWith('FORWARDED') ? 'REDIRECT' : 'PASS';
  expect({ verdict, reasons }).toEqual({ verdict: expected, reasons: { [`1:${reason}`]: 1 } });
}

const withFilter = (flag: number) => () =>
  addInterface(router, { ifindex: inIfindex, port: inIfindex, slot: 1, flags: FORWARD | flag });

describe('without rp_filter', () => {
  beforeAll(withFilter(0));

  it.each([
    ['client', 'FORWARDED_FIB'],
    ['clientByGroup', 'FORWARDED'],
    ['own', 'MARTIAN_SOURCE'],
    ['ownByGroup', 'MARTIAN_SOURCE'],
    ['ownNoSuchRoute', 'STACK_ROUTE'],
    ['broadcast', 'MARTIAN_SOURCE'],
    ['otherLink', 'FORWARDED_FIB'],
    ['unreachable', 'FORWARDED_FIB'],
    ['blackhole', 'FORWARDED_FIB'],
    ['nowhere', 'FORWARDED_FIB'],
    ['nowhereByGroup', 'FORWARDED'],
    ['own6', 'FORWARDED_FIB'],
  ] as const)('%s: %s', expectReason);

  it('leaves a source that only the stack knows the route of to the stack', () => {
    expectReason('stackRoute', 'MARTIAN_SOURCE');
  });
});

describe('with rp_filter 2 the kernel must know a way back to the source', () => {
  beforeAll(withFilter(LOOSE_SOURCE));

  it.each([
    ['client', 'FORWARDED_FIB'], // without a neighbour entry: a route is enough
    ['clientByGroup', 'FORWARDED'],
    ['own', 'RP_FILTER_LOOSE'],
    ['ownByGroup', 'RP_FILTER_LOOSE'],
    ['broadcast', 'RP_FILTER_LOOSE'],
    ['otherLink', 'FORWARDED_FIB'],
    ['unreachable', 'RP_FILTER_LOOSE'],
    ['nowhere', 'RP_FILTER_LOOSE'],
    ['nowhereByGroup', 'RP_FILTER_LOOSE'],
    ['toThisMachine', 'LOCAL'],
    ['own6', 'FORWARDED_FIB'],
  ] as const)('%s: %s', expectReason);

  it('cannot be asked by way of an interface that does not forward: left to the stack', () => {
    writeFileSync('/proc/sys/net/ipv4/conf/out0/forwarding', '0');
    try {
      expectReason('clientByGroup', 'FORWARDING_OFF');
    } finally {
      writeFileSync('/proc/sys/net/ipv4/conf/out0/forwarding', '1');
    }
  });
});

describe('with rp_filter 1 the stack forwards IPv4', () => {
  beforeAll(withFilter(STRICT_SOURCE));

  it.each([
    ['client', 'RP_FILTER_STRICT'],
    ['clientByGroup', 'RP_FILTER_STRICT'],
    ['toThisMachine', 'LOCAL'],
    ['own6', 'FORWARDED_FIB'],
  ] as const)('%s: %s', expectReason);
});
