/**
 * Routes that the kernel's FIB decides (connected and foreign ones): forwarded like the kernel would, or left to it.
 *
 *   in0 192.0.2.1/24 ---- [this namespace] ---- out0 198.51.100.1/24, 2001:db8:2::1/64
 *                                                neighbours: .2 known, .3 unknown
 */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addInterface, REDIRECT_OK, RouteKind, SETTINGS_FORWARD, v4, v6 } from '../helpers/bpf/little-router.js';
import { frameTable } from '../helpers/bpf/scapy.js';
import { TestRouter } from '../helpers/bpf/test-router.js';
import { enterOwnNetns, ifindexOf, ip } from '../helpers/own-netns.js';

const NEIGHBOUR = '02:00:00:00:bb:02';

let router: TestRouter;
let inIfindex: number;
let outIfindex: number;
let outMac: string;

const to4 = (address: string, rest = '') => `E/IP(src='192.0.2.9', dst='${address}'${rest})/UDP(sport=1, dport=2)`;
const to6 = (address: string) => `E/IPv6(src='2001:db8:1::9', dst='${address}')/UDP(sport=1, dport=2)`;
const out4 = `Ether(src='02:00:00:00:cc:01', dst='${NEIGHBOUR}')`;

const frame = frameTable({
  connected: to4('198.51.100.2'),
  connectedOut: `${out4}/IP(src='192.0.2.9', dst='198.51.100.2', ttl=63)/UDP(sport=1, dport=2)`,
  taggedOut: `${out4}/Dot1Q(vlan=77)/IP(src='192.0.2.9', dst='198.51.100.2', ttl=63)/UDP(sport=1, dport=2)`,
  connected6: to6('2001:db8:2::2'),
  connected6Out: `${out4}/IPv6(src='2001:db8:1::9', dst='2001:db8:2::2', hlim=63)/UDP(sport=1, dport=2)`,
  viaGateway: to4('203.0.113.5'),
  viaGatewayOut: `${out4}/IP(src='192.0.2.9', dst='203.0.113.5', ttl=63)/UDP(sport=1, dport=2)`,
  unknownNeighbour: to4('198.51.100.3'),
  expiring: to4('198.51.100.2', ', ttl=1'),
  unreachable: to4('203.0.113.64'),
  blackhole: to4('203.0.113.65'),
  prohibited: to4('203.0.113.66'),
  nowhere: to4('192.88.99.1'),
  ours: to4('198.51.100.1'),
  big: `${to4('203.0.113.5')}/Raw(b'x'*1472)`,
  tooBigForRoute: `${to4('203.0.113.68')}/Raw(b'x'*573)`,
  tooBigForEgress: `${to4('198.51.100.2')}/Raw(b'x'*1473)`,
});

function sysctl(path: string, value: number): void {
  writeFileSync(`/proc/sys/net/${path}`, `${value}`);
}

beforeAll(() => {
  enterOwnNetns();
  ip('link add in0 type veth peer name in1');
  ip('link add out0 address 02:00:00:00:cc:01 type veth peer name out1');
  for (const name of ['in0', 'in1', 'out0', 'out1']) ip(`link set ${name} up`);
  sysctl('ipv4/ip_forward', 1);
  sysctl('ipv6/conf/all/forwarding', 1);
  ip('address add 192.0.2.1/24 dev in0');
  ip('address add 198.51.100.1/24 dev out0');
  ip('address add 2001:db8:1::1/64 dev in0 nodad');
  ip('address add 2001:db8:2::1/64 dev out0 nodad');
  ip(`neigh add 198.51.100.2 lladdr ${NEIGHBOUR} dev out0 nud permanent`);
  ip(`neigh add 2001:db8:2::2 lladdr ${NEIGHBOUR} dev out0 nud permanent`);
  ip('route add 203.0.113.0/26 via 198.51.100.2');
  ip('route add unreachable 203.0.113.64/32');
  ip('route add blackhole 203.0.113.65/32');
  ip('route add prohibit 203.0.113.66/32');
  ip('route add 203.0.113.68/32 via 198.51.100.2 mtu lock 600');
  inIfindex = ifindexOf('in0');
  outIfindex = ifindexOf('out0');
  outMac = '02:00:00:00:cc:01';

  router = new TestRouter();
  router.settings(SETTINGS_FORWARD);
  addInterface(router, { ifindex: inIfindex, port: inIfindex, slot: 1 });
  router.set('tx_ports', 3, outIfindex);
  router.route(4, v4('0.0.0.0'), 0, RouteKind.fib);
  router.route(6, v6(), 0, RouteKind.fib);
});
afterAll(() => router.close());

function egress(fields: { flags?: number; mtu?: number; vlan_id?: number } = {}): void {
  const base = { port_slot: 3, flags: REDIRECT_OK, mtu: 1500, vlan_id: 0, inner_vlan_id: 0 };
  router.set('egress', outIfindex, { ...base, ...fields });
}

type FrameName = Parameters<typeof frame>[0];

function expectForwarded(sent: FrameName, out: FrameName): void {
  expect(router.run(frame(sent), inIfindex)).toEqual({
    verdict: 'REDIRECT',
    frame: frame(out),
    reasons: { '1:FORWARDED_FIB': 1 },
  });
}

function expectPassed(sent: FrameName, reason: string): void {
  expect(router.run(frame(sent), inIfindex)).toEqual({
    verdict: 'PASS',
    frame: frame(sent),
    reasons: { [`1:${reason}`]: 1 },
  });
}

describe('a route of the kernel', () => {
  it('to a connected neighbour is forwarded with the MACs that the kernel knows', () => {
    egress();
    expect(outMac).toBe('02:00:00:00:cc:01');
    expectForwarded('connected', 'connectedOut');
    expectForwarded('connected6', 'connected6Out');
  });

  it('via a gateway is forwarded', () => {
    egress();
    expectForwarded('viaGateway', 'viaGatewayOut');
  });

  it('by a VLAN device leaves with its tag', () => {
    egress({ vlan_id: 77 });
    expectForwarded('connected', 'taggedOut');
  });

  it.each([
    ['unknownNeighbour', 'NEIGHBOUR_UNRESOLVED'],
    ['expiring', 'TTL'],
    ['unreachable', 'STACK_ROUTE'],
    ['blackhole', 'STACK_ROUTE'],
    ['prohibited', 'STACK_ROUTE'],
    ['nowhere', 'STACK_ROUTE'],
    ['ours', 'STACK_ROUTE'],
    ['tooBigForRoute', 'OVER_MTU'],
    ['tooBigForEgress', 'OVER_MTU'],
  ] as const)('is left to the stack: %s, %s', (sent, reason) => {
    egress();
    expectPassed(sent, reason);
  });

  it('holds the packet against the MTU that user space has published', () => {
    egress({ mtu: 1400 });
    expectPassed('big', 'OVER_MTU');
  });

  it('by a device that takes no redirected frames is left to the stack', () => {
    egress({ flags: 0 });
    expectPassed('connected', 'EGRESS_NOT_XDP');
    router.delete('egress', outIfindex);
    expectPassed('connected', 'EGRESS_NOT_XDP');
  });

  it('is not used where the interface does not forward', () => {
    egress();
    sysctl('ipv4/conf/in0/forwarding', 0);
    try {
      expectPassed('connected', 'FORWARDING_OFF');
    } finally {
      sysctl('ipv4/conf/in0/forwarding', 1);
    }
  });
});
