/**
 * What the data plane publishes is what the program reads: frames go through the loaded program (BPF_PROG_TEST_RUN) as
 * if they came in by dt0, and leave by dt2 towards next hops 1 and 2 (one tier) or 3 (the next tier).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ForwardingIntent, InterfaceIntent, ProbeReply } from '../../src/controller/ports.js';
import { openDataplane, unloadDataplane, type DataPlane } from '../../src/dataplane/index.js';
import { native } from '../../src/native.js';
import { MacAddress } from '../../src/net/mac-address.js';
import { Prefix } from '../../src/net/prefix.js';
import { echoReply, probePayload } from '../helpers/bpf/probe-frames.js';
import { frameTable, scapyFrames } from '../helpers/bpf/scapy.js';
import { mountBpffs } from '../helpers/bpffs.js';
import { enterOwnNetns, ifindexOf, ip } from '../helpers/own-netns.js';
import { until } from '../helpers/poll.js';

const UDP_SOURCE_PORT_OFFSET = 34;
const XDP_DROP = 1;
const XDP_PASS = 2;
const XDP_REDIRECT = 4;
const OUR_MAC = MacAddress.parse('02:00:00:00:00:01');
const gatewayMac = (id: number) => MacAddress.parse(`02:00:00:00:aa:0${id}`);

const frame = frameTable({
  ipv4: `E/IP(src='203.0.113.9', dst='198.51.100.7')/UDP(sport=1000, dport=2000)`,
  ipv6: `E/IPv6(src='2001:db8:1::9', dst='2001:db8:2::7')/UDP(sport=1000, dport=2000)`,
  blackhole: `E/IP(src='203.0.113.9', dst='192.0.2.7')/UDP()`,
  unknown: `E/IP(src='203.0.113.9', dst='10.0.0.1')/UDP()`,
});

let bpffs: ReturnType<typeof mountBpffs>;
let plane: DataPlane;
let pinPath: string;
let nowMs: number;

const iface = (name: string): InterfaceIntent => ({
  ifindex: ifindexOf(name),
  name,
  portIfindex: ifindexOf(name),
  vlanId: 0,
  innerVlanId: 0,
  mac: OUR_MAC,
  mtu: 1500,
  forward: { 4: true, 6: true },
  egress: true,
  rpFilter: 0,
});

function intent(overrides: Partial<ForwardingIntent> = {}): ForwardingIntent {
  const nextHops = [1, 2, 3].map((id) => ({
    id,
    ifindex: ifindexOf('dt2'),
    gatewayMac: gatewayMac(id),
    redirectOk: true,
  }));
  const best = [
    { nextHop: 1, weight: 1 },
    { nextHop: 2, weight: 1 },
  ];
  return {
    forward: true,
    ports: ['dt0', 'dt2'].map((name) => ({ ifindex: ifindexOf(name), name, redirectOk: true })),
    interfaces: [iface('dt0'), iface('dt2')],
    nextHops,
    groups: [{ id: 1, tiers: [best, [{ nextHop: 3, weight: 1 }]] }],
    routes: [
      { prefix: Prefix.parse('198.51.100.0/24'), target: { kind: 'group', group: 1 } },
      { prefix: Prefix.parse('2001:db8:2::/48'), target: { kind: 'group', group: 1 } },
      { prefix: Prefix.parse('192.0.2.0/24'), target: { kind: 'blackhole' } },
    ],
    ...overrides,
  };
}

function send(packet: Buffer, from = 'dt0') {
  const context = { ingressIfindex: ifindexOf(from), rxQueueIndex: 0 };
  const { verdict, frame: out } = native.programTestRun(plane.programFd, packet, context, 1);
  return { verdict, destination: MacAddress.fromBytes(out.subarray(0, 6)).toString(), source: out.subarray(6, 12) };
}

const alive = (...ids: number[]) =>
  plane.setLiveness([1, 2, 3].map((nextHop) => ({ nextHop, alive: ids.includes(nextHop) })));

const reasonsOf = (name: string) => plane.readReasonCounters().get(ifindexOf(name));

beforeAll(() => {
  enterOwnNetns();
  for (const [a, b] of [
    ['dt0', 'dt1'],
    ['dt2', 'dt3'],
  ]) {
    // The far ends stay down: no frame of the kernel's own (neighbour discovery) comes in and is counted.
    ip(`link add ${a} type veth peer name ${b}`);
    ip(`link set ${a} up`);
  }
  bpffs = mountBpffs();
});

beforeEach(async ({ task }) => {
  nowMs = 0;
  pinPath = join(bpffs.path, task.id.replaceAll(/\W/g, ''));
  plane = openDataplane({ pinPath, xdpMode: 'auto', maxRoutes: 64, nowMs: () => nowMs });
  expect((await plane.apply(intent())).problems).toEqual([]);
});

afterEach(async () => {
  await plane.close({ keep: false });
  unloadDataplane(pinPath);
});

afterAll(() => bpffs.unmount());

describe('forwarding', () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    test(`sends an ${family} flow to one live member, then to its alternates as bits are cleared`, () => {
      alive(1, 2, 3);
      const first = send(frame(family));
      expect(first.verdict).toBe(XDP_REDIRECT);
      expect(Buffer.compare(first.source, OUR_MAC.bytes)).toBe(0);
      const chosen = first.destination === gatewayMac(1).toString() ? 1 : 2;
      expect(first.destination).toBe(gatewayMac(chosen).toString());

      alive(3 - chosen, 3);
      expect(send(frame(family)).destination).toBe(gatewayMac(3 - chosen).toString());
      alive(3);
      expect(send(frame(family)).destination).toBe(gatewayMac(3).toString());
      alive();
      expect(send(frame(family)).verdict).toBe(XDP_PASS);
      expect(reasonsOf('dt0')).toEqual({ forwarded: 3n, rerouted: 2n, 'no-live-member': 1n });
    });
  }

  test('spreads flows over the members by weight', async () => {
    alive(1, 2, 3);
    const weighted = [
      { nextHop: 1, weight: 3 },
      { nextHop: 2, weight: 1 },
    ];
    await plane.apply(intent({ groups: [{ id: 1, tiers: [weighted] }] }));
    const flows = Array.from({ length: 800 }, (_, index) => {
      const flow = Buffer.from(frame('ipv4'));
      flow.writeUInt16BE(1024 + index, UDP_SOURCE_PORT_OFFSET);
      return flow;
    });
    const byFirst = flows.filter((flow) => send(flow).destination === gatewayMac(1).toString()).length;
    // 800 flows at 3:1: 600 expected, standard deviation 12.
    expect(byFirst).toBeGreaterThan(600 - 6 * 12);
    expect(byFirst).toBeLessThan(600 + 6 * 12);
    const counters = plane.readNextHopCounters();
    expect(counters.get(1)?.packets).toBe(BigInt(byFirst));
    expect(counters.get(2)?.packets).toBe(BigInt(800 - byFirst));
    expect(counters.get(2)?.bytes).toBe(BigInt((800 - byFirst) * flows[0]!.length));
  });

  test('drops into a blackhole, and leaves what it has no route for to the stack', () => {
    expect(send(frame('blackhole')).verdict).toBe(XDP_DROP);
    expect(send(frame('unknown')).verdict).toBe(XDP_PASS);
    expect(reasonsOf('dt0')).toEqual({ blackhole: 1n, 'no-route': 1n });
  });

  test('stops in observe mode and goes on after it', async () => {
    alive(1, 2, 3);
    await plane.apply(intent({ forward: false }));
    expect(send(frame('ipv4')).verdict).toBe(XDP_PASS);
    await plane.apply(intent());
    expect(send(frame('ipv4')).verdict).toBe(XDP_REDIRECT);
    expect(reasonsOf('dt0')).toEqual({ 'forwarding-off': 1n, forwarded: 1n });
  });

  test('leaves a next hop without MAC, or on a device that takes no redirects, to the stack', async () => {
    alive(3);
    const via = (change: object) =>
      intent({ nextHops: intent().nextHops.map((hop) => (hop.id === 3 ? { ...hop, ...change } : hop)) });
    await plane.apply(via({ gatewayMac: null }));
    expect(send(frame('ipv4')).verdict).toBe(XDP_PASS);
    await plane.apply(via({ redirectOk: false }));
    expect(send(frame('ipv4')).verdict).toBe(XDP_PASS);
    await plane.apply(via({ ifindex: 4242 }));
    expect(send(frame('ipv4')).verdict).toBe(XDP_PASS);
    expect(reasonsOf('dt0')).toEqual({ 'neighbour-unresolved': 1n, 'egress-not-xdp': 2n });
  });
});

describe('an interface', () => {
  const onlyKernelRoutes = (change: (name: string) => Partial<InterfaceIntent>) =>
    intent({
      interfaces: ['dt0', 'dt2'].map((name) => ({ ...iface(name), ...change(name) })),
      routes: [{ prefix: Prefix.parse('0.0.0.0/0'), target: { kind: 'fib' } }],
    });

  beforeAll(() => {
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    ip('route add 198.51.100.0/24 dev dt2');
    ip(`neigh add 198.51.100.7 lladdr 02:00:00:00:bb:07 dev dt2 nud permanent`);
  });

  test('whose packets must leave by the stack is no egress for the kernel’s routes', async () => {
    await plane.apply(onlyKernelRoutes(() => ({})));
    expect(send(frame('ipv4')).verdict).toBe(XDP_REDIRECT);
    await plane.apply(onlyKernelRoutes((name) => ({ egress: name !== 'dt2' })));
    expect(send(frame('ipv4')).verdict).toBe(XDP_PASS);
    expect(reasonsOf('dt0')).toEqual({ 'forwarded-fib': 1n, 'egress-not-xdp': 1n });
  });

  test('has its sources validated as its rp_filter says; a mode that is not known is strict', async () => {
    for (const rpFilter of [0, 1, 2, 3]) {
      await plane.apply(onlyKernelRoutes((name) => ({ rpFilter: name === 'dt0' ? rpFilter : 0 })));
      expect(send(frame('ipv4')).verdict).toBe(rpFilter === 0 ? XDP_REDIRECT : XDP_PASS);
    }
    expect(reasonsOf('dt0')).toEqual({ 'forwarded-fib': 1n, 'rp-filter-strict': 2n, 'rp-filter-loose': 1n });
  });
});

describe('counters', () => {
  test('of an unknown interface are kept under 0', async () => {
    await plane.apply(intent({ interfaces: [iface('dt2')] }));
    send(frame('ipv4'));
    expect(plane.readReasonCounters().get(0)).toEqual({ 'unknown-interface': 1n });
    expect(reasonsOf('dt0')).toBeUndefined();
  });

  test('begin at zero for a new owner of a row or an id', async () => {
    alive(1, 2, 3);
    send(frame('ipv4'));
    send(frame('unknown'));
    await plane.apply({ ...intent(), interfaces: [], nextHops: [], groups: [], routes: [] });
    nowMs += 1000;
    await plane.apply(intent());
    expect(reasonsOf('dt0')).toEqual({});
    expect([...plane.readNextHopCounters().values()].every(({ packets, bytes }) => packets + bytes === 0n)).toBe(true);
  });
});

describe('probe replies', () => {
  const sent = { session: 9, epoch: 4, sequence: 70_000, transmitNs: 1234n };

  function replyFrame(): Buffer {
    const unsigned = probePayload({ ...sent, cookie: 0n });
    const cookie = native.sipHash(plane.replies.cookieKey, unsigned.subarray(0, 24));
    const icmp = echoReply(4, probePayload({ ...sent, cookie }));
    return scapyFrames([`E/IP(src='192.0.2.1', dst='192.0.2.2')/${icmp}`])[0]!;
  }

  function drain(): ProbeReply[] {
    const replies: ProbeReply[] = [];
    const count = plane.replies.drain((reply) => replies.push(reply));
    expect(count).toBe(replies.length);
    return replies;
  }

  test('are consumed, timed and handed over, with the path that they came by', () => {
    const reply = replyFrame();
    plane.replies.setSession(9, { ifindex: ifindexOf('dt0'), epoch: 4, wake: false });
    const before = native.monotonicNs();
    expect(send(reply).verdict).toBe(XDP_DROP);
    expect(send(reply, 'dt2').verdict).toBe(XDP_DROP);
    const [first, second, ...rest] = drain();
    expect(first).toMatchObject({ ...sent, wrongPath: false });
    expect(first!.receiveNs >= before && first!.receiveNs <= native.monotonicNs()).toBe(true);
    expect(second).toMatchObject({ ...sent, wrongPath: true });
    expect(rest).toEqual([]);
  });

  test('of another epoch or an ended session are nobody’s', () => {
    const reply = replyFrame();
    plane.replies.setSession(9, { ifindex: ifindexOf('dt0'), epoch: 5, wake: false });
    send(reply);
    plane.replies.setSession(9, null);
    send(reply);
    expect(drain()).toEqual([]);
    expect(reasonsOf('dt0')).toEqual({ 'probe-stale': 2n });
  });

  test('wake their listener where the session asks for it', async () => {
    let woken = 0;
    plane.replies.onWake(() => {
      woken++;
      drain();
    });
    plane.replies.setSession(9, { ifindex: ifindexOf('dt0'), epoch: 4, wake: true });
    send(replyFrame());
    await until(() => woken > 0, { what: 'the wake-up' });
  });

  test('end with the process that asked: a restart clears the sessions, and keeps the key', async () => {
    plane.replies.setSession(9, { ifindex: ifindexOf('dt0'), epoch: 4, wake: false });
    const reply = replyFrame();
    await plane.close({ keep: true });
    plane = openDataplane({ pinPath, xdpMode: 'auto', maxRoutes: 64 });
    send(reply);
    expect(drain()).toEqual([]);
    expect(reasonsOf('dt0')).toBeUndefined(); // not applied yet: no interface is known by name
    await plane.apply(intent());
    expect(reasonsOf('dt0')).toEqual({ 'probe-stale': 1n });
  });
});
