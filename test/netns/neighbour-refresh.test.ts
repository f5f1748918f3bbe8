/**
 * A client that only receives, and gets another MAC without a word (a failed-over pair, a replaced machine). The kernel
 * alone finds it again, because it verifies neighbours that it uses; so it must while XDP does the forwarding.
 *
 *   client [c0] ---- [lan0] this namespace, the router [wan0] ---- [f0] far
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InterfaceIntent } from '../../src/controller/ports.js';
import { openDataplane, type DataPlane } from '../../src/dataplane/index.js';
import { MacAddress } from '../../src/net/mac-address.js';
import { Prefix } from '../../src/net/prefix.js';
import { mountBpffs } from '../helpers/bpffs.js';
import { NamedNetns } from '../helpers/named-netns.js';
import { enterOwnNetns, ifindexOf, ip } from '../helpers/own-netns.js';
import { until } from '../helpers/poll.js';

const PASS_OBJECT = fileURLToPath(new URL('../../build/bpf/pass.bpf.o', import.meta.url));
const CLIENT = { 4: '10.1.0.2', 6: 'fd01::2' } as const;
/** Reachable for 0.5 to 1.5 s, verified 1 s after a use: an entry that nobody uses is stale after a few seconds. */
const NEIGHBOUR_TIMES = { base_reachable_time_ms: 1000, delay_first_probe_time: 1 };
/** 6 s of traffic: what the stack forwarded before the MAC was known is forgotten then. */
const DATAGRAMS_BEFORE = 300;

/** A line for every datagram. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 9))
while True:
    s.recv(64)
    print(flush=True)
`;
const SENDER = `
import socket, sys, time
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
while True:
    s.sendto(b'x', (sys.argv[1], 9))
    time.sleep(0.02)
`;

let client: NamedNetns;
let far: NamedNetns;
let bpffs: ReturnType<typeof mountBpffs>;
let plane: DataPlane;
const children: ChildProcess[] = [];

function macOf(name: string): MacAddress {
  const [link] = JSON.parse(ip(`-json link show dev ${name}`)) as [{ address: string }];
  return MacAddress.parse(link.address);
}

const iface = (name: string): InterfaceIntent => ({
  ifindex: ifindexOf(name),
  name,
  portIfindex: ifindexOf(name),
  vlanId: 0,
  innerVlanId: 0,
  mac: macOf(name),
  mtu: 1500,
  forward: { 4: true, 6: true },
  egress: true,
  rpFilter: 0,
});

function python(netns: NamedNetns, program: string, address: string): ChildProcess {
  const child = spawn('ip', ['netns', 'exec', netns.name, 'python3', '-c', program, address], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

/** `here` is the router's end; the other end needs NAPI to take redirected frames, and whole checksums to be believed. */
function connect(here: string, there: string, netns: NamedNetns, addresses: Record<'here' | 'there', string[]>): void {
  ip(`link add ${here} type veth peer name ${there} netns ${netns.name}`);
  netns.ip(`link set dev ${there} xdpdrv obj ${PASS_OBJECT} sec xdp.frags`);
  netns.exec('ethtool', ['-K', there, 'tx', 'off']);
  for (const address of addresses.here)
    ip(`address add ${address} dev ${here}${address.includes(':') ? ' nodad' : ''}`);
  for (const address of addresses.there) {
    netns.ip(`address add ${address} dev ${there}${address.includes(':') ? ' nodad' : ''}`);
  }
  ip(`link set ${here} up`);
  netns.ip(`link set ${there} up`);
}

beforeAll(async () => {
  enterOwnNetns();
  client = new NamedNetns('moved-client');
  far = new NamedNetns('moved-far');
  connect('lan0', 'c0', client, { here: ['10.1.0.1/24', 'fd01::1/64'], there: ['10.1.0.2/24', 'fd01::2/64'] });
  connect('wan0', 'f0', far, { here: ['10.2.0.2/24', 'fd02::2/64'], there: ['10.2.0.1/24', 'fd02::1/64'] });
  far.ip('route add default via 10.2.0.2');
  far.ip('-6 route add default via fd02::2');
  for (const key of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) writeFileSync(`/proc/sys/net/${key}`, '1');
  for (const family of ['ipv4', 'ipv6']) {
    for (const [name, value] of Object.entries(NEIGHBOUR_TIMES)) {
      writeFileSync(`/proc/sys/net/${family}/neigh/lan0/${name}`, `${value}`);
    }
  }
  bpffs = mountBpffs();
  plane = openDataplane({ pinPath: join(bpffs.path, 'detour'), xdpMode: 'auto', maxRoutes: 64 });
  const { problems } = await plane.apply({
    forward: true,
    ports: ['lan0', 'wan0'].map((name) => ({ ifindex: ifindexOf(name), name, redirectOk: true })),
    interfaces: [iface('lan0'), iface('wan0')],
    nextHops: [],
    groups: [],
    routes: ['10.0.0.0/8', 'fd00::/8'].map((prefix) => ({ prefix: Prefix.parse(prefix), target: { kind: 'fib' } })),
  });
  expect(problems).toEqual([]);
});

afterAll(async () => {
  for (const child of children) child.kill();
  await plane?.close({ keep: false });
  bpffs?.unmount();
  client?.remove();
  far?.remove();
});

const counted = (reason: string): bigint => plane.readReasonCounters().get(ifindexOf('wan0'))?.[reason] ?? 0n;

describe.each([4, 6] as const)('IPv%i', (family) => {
  const address = CLIENT[family];
  const newMac = `02:00:00:00:0${family}:99`;
  const macInUse = (): string => {
    const [entry] = JSON.parse(ip(`-json neigh show ${address} dev lan0`)) as { lladdr?: string }[];
    return entry?.lladdr ?? 'none';
  };

  it('finds a client that has moved without a word', async () => {
    let received = 0;
    python(client, RECEIVER, address).stdout!.on('data', (lines: Buffer) => (received += lines.length));
    python(far, SENDER, address);
    const forwardedBefore = counted('forwarded-fib');
    const arriving = (more: number): Promise<unknown> => {
      const wanted = received + more;
      return until(() => received >= wanted, { timeoutMs: 30_000, what: `${more} datagrams` });
    };
    await arriving(DATAGRAMS_BEFORE);
    expect(counted('forwarded-fib') - forwardedBefore).toBeGreaterThan(20n);

    client.ip(`link set c0 address ${newMac}`);
    expect(macInUse()).not.toBe(newMac);
    // Stale, used (4 s at most until a packet tells the kernel), 1 s later three probes of 1 s, then asked for anew.
    await until(() => macInUse() === newMac, { timeoutMs: 60_000, what: 'the new MAC', everyMs: 100 });
    await arriving(50);
    expect(counted('neighbour-refresh')).toBeGreaterThan(0n);
  });
});
