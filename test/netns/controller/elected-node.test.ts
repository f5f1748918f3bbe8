/**
 * The controller on real planes with a neighbour that is elected: translation, hairpin, and the way back, without the
 * protocol (a channel that elects on the spot). The router is this process's own namespace.
 *
 *                            +-- wan0 10.0.0.2 -- (cable) -- 10.0.0.1 gw0 198.18.0.1 ---- 198.18.0.2 --+
 *   client -- (switch) -- lan0 10.9.0.1                                                      far 203.0.113.9
 *   10.9.0.9     |                                                                           |
 *                +---------- 10.9.0.2 node 198.18.1.1 (masquerades) ---------- 198.18.1.2 ---+
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Controller } from '../../../src/controller/controller.js';
import { openDataplane, unloadDataplane } from '../../../src/dataplane/index.js';
import { createTelemetry } from '../../../src/health/index.js';
import { createGatewayEdges } from '../../../src/kernel/edges/index.js';
import { createKernelFib } from '../../../src/kernel/index.js';
import { native } from '../../../src/native.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { systemClock } from '../../../src/system-clock.js';
import { mountBpffs } from '../../helpers/bpffs.js';
import { configOf } from '../../helpers/config.js';
import { FakeGatewayChannel, phone } from '../../helpers/fake-gateway.js';
import { NamedNetns } from '../../helpers/named-netns.js';
import { enterOwnNetns, ifindexOf, ip } from '../../helpers/own-netns.js';
import { until } from '../../helpers/poll.js';

const FAR = '203.0.113.9';
const spaces: NamedNetns[] = [];
const space = (label: string): NamedNetns => {
  const made = new NamedNetns(label);
  spaces.push(made);
  return made;
};

let gw0: NamedNetns;
let node: NamedNetns;
let client: NamedNetns;
let far: NamedNetns;
let cable: NamedNetns;
let bpffs: ReturnType<typeof mountBpffs>;
let controller: Controller;
let channel: FakeGatewayChannel;
const directory = mkdtempSync(join(tmpdir(), `dt-elected-${process.pid}-`));
const pins = (): string => join(bpffs.path, 'plane');

function wire(a: NamedNetns, nameA: string, addressA: string, b: NamedNetns, nameB: string, addressB: string): void {
  a.ip(`link add ${nameA} type veth peer name ${nameB} netns ${b.name}`);
  for (const [end, name, address] of [
    [a, nameA, addressA],
    [b, nameB, addressB],
  ] as const) {
    if (address !== '') end.ip(`address add ${address} dev ${name}`);
    end.ip(`link set ${name} up`);
    end.exec('ethtool', ['-K', name, 'tx', 'off']);
  }
}

function bridge(where: NamedNetns, ports: string[]): void {
  where.ip('link add br0 type bridge');
  where.ip('link set br0 up');
  for (const port of ports) {
    where.ip(`link set ${port} master br0`);
    where.ip(`link set ${port} up`);
  }
}

beforeAll(async () => {
  enterOwnNetns();
  bpffs = mountBpffs();
  [gw0, node, client, far] = ['gw0', 'node', 'client', 'far'].map(space) as [
    NamedNetns,
    NamedNetns,
    NamedNetns,
    NamedNetns,
  ];
  const lan = space('lan');
  // Between the two, so that a cut takes only the router's carrier.
  cable = space('cable');
  ip(`link add wan0 type veth peer name p0 netns ${cable.name}`);
  ip(`link add lan0 type veth peer name p0 netns ${lan.name}`);
  wire(gw0, 'eth0', '10.0.0.1/24', cable, 'p1', '');
  wire(client, 'eth0', '10.9.0.9/24', lan, 'p1', '');
  wire(node, 'eth0', '10.9.0.2/24', lan, 'p2', '');
  bridge(cable, ['p0', 'p1']);
  bridge(lan, ['p0', 'p1', 'p2']);
  for (const [name, address] of [
    ['wan0', '10.0.0.2/24'],
    ['lan0', '10.9.0.1/24'],
  ]) {
    ip(`address add ${address} dev ${name}`);
    ip(`link set ${name} up`);
  }
  wire(gw0, 'out', '198.18.0.1/24', far, 'eth0', '198.18.0.2/24');
  wire(node, 'out', '198.18.1.1/24', far, 'eth1', '198.18.1.2/24');
  far.ip(`address add ${FAR}/32 dev lo`);
  for (const net of ['10.0.0.0/24', '10.9.0.0/24']) far.ip(`route add ${net} via 198.18.0.1`);
  gw0.ip('route add 10.9.0.0/24 via 10.0.0.2');
  gw0.ip(`route add ${FAR} via 198.18.0.2`);
  node.ip(`route add ${FAR} via 198.18.1.2`);
  client.ip('route add default via 10.9.0.1');
  for (const one of [gw0, node]) one.exec('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  execFileSync('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  node.exec('nft', ['add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; }']);
  node.exec('nft', ['add rule ip nat post oifname out masquerade']);
  await startController();
});

afterAll(async () => {
  await controller.close();
  unloadDataplane(pins());
  bpffs.unmount();
  for (const one of spaces) one.remove();
  rmSync(directory, { recursive: true, force: true });
});

async function startController(): Promise<void> {
  const config = configOf(`
uplinks:
  fibre:
    interface: wan0
    gateway: 10.0.0.1
    hold_down_ms: 0
    damping: {enabled: false}
    probes: [{type: icmp, targets: [${FAR}], interval_ms: 10, fail_after: 3, recover_after: 2}]
interfaces: [lan0]
gateways: {interfaces: [lan0]}
dataplane: {pin_path: ${pins()}}
`);
  const plane = openDataplane(config.dataplane);
  const fib = await createKernelFib(config.kernel);
  const telemetry = createTelemetry({ native, replies: plane.replies, clock: systemClock, random: Math.random });
  const edges = createGatewayEdges({ stateDirectory: directory, view: () => fib.view() });
  channel = new FakeGatewayChannel();
  channel.node = phone({
    ifindex: ifindexOf('lan0'),
    ifname: 'lan0',
    gateways: { 4: IpAddress.parse('10.9.0.2') },
  });
  channel.offer = [
    {
      state: 'offered',
      rank: 1,
      interface: 'lan0',
      offer: { families: [{ family: 4, translation: 'masquerade', gateway: '10.9.0.2' }] },
    } as never,
  ];
  channel.heard = [{ ifindex: ifindexOf('lan0'), address: IpAddress.parse('10.9.0.2') }];
  controller = new Controller(config, { plane, fib, telemetry, clock: systemClock, gateways: channel, edges });
  await controller.start();
}

const active = (): string => controller.groups()[0]?.active.join() ?? '';
const carried = (by: string): Promise<true> => until(() => active() === by, { what: `traffic on ${by}` });

/** The client's pings to far, one every 5 ms, until `stop`. */
function pinging(): { sent: () => number; stop: () => Promise<{ lost: number }> } {
  const args = ['netns', 'exec', client.name, 'ping', '-D', '-i', '0.005', '-W', '1', FAR];
  const child: ChildProcess = spawn('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout!.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise((resolve) => child.once('close', resolve));
  return {
    sent: () => text.split('icmp_seq=').length - 1,
    stop: async () => {
      child.kill('SIGINT');
      await ended;
      const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(text) ?? [];
      return { lost: Number(sent) - Number(received) };
    },
  };
}

const reaches = (): boolean => {
  try {
    client.exec('ping', ['-c', '1', '-W', '1', FAR]);
    return true;
  } catch {
    return false;
  }
};

describe('a client behind the router', () => {
  it('is carried by the uplink first', async () => {
    await carried('fibre');
    await until(reaches, { what: 'an answer by the uplink' });
    expect(channel.current).toEqual([]);
  });

  it('is carried by the neighbour on its own LAN when the uplink is cut, and the router stays reachable', async () => {
    const traffic = pinging();
    await until(() => traffic.sent() > 20, { what: 'traffic' });
    cable.ip('link set p0 down');
    await carried('gw-phone');
    const then = traffic.sent();
    await until(() => traffic.sent() > then + 20, { what: 'traffic by the neighbour' });
    await traffic.stop();
    client.exec('ping', ['-c', '1', '-W', '2', '10.9.0.1']);
    expect(execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' })).toContain('inet detour-edge');
  });

  it('comes back to the uplink without a packet lost, and nothing of the neighbour is left', async () => {
    const traffic = pinging();
    await until(() => traffic.sent() > 20, { what: 'traffic' });
    cable.ip('link set p0 up');
    await carried('fibre');
    await until(() => channel.current.length === 0, { what: 'the neighbour released' });
    const then = traffic.sent();
    await until(() => traffic.sent() > then + 20, { what: 'traffic by the uplink' });
    expect((await traffic.stop()).lost).toBe(0);
    expect(controller.config.uplinks.map(({ name }) => name)).toEqual(['fibre']);
    channel.offer = [];
    controller.reconfigure(controller.configured);
    await until(() => !execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).includes('detour-edge'), {
      what: 'no table of edges',
    });
    expect(ip('rule show')).not.toContain(' lookup 6801');
  });

  it('is carried by a neighbour when the uplink is silent beyond its gateway', async () => {
    gw0.ip('link set out down');
    await carried('gw-phone');
    await until(reaches, { what: 'an answer by the neighbour' });
    gw0.ip('link set out up');
    gw0.ip(`route replace ${FAR} via 198.18.0.2`);
    await carried('fibre');
    await until(() => channel.current.length === 0, { what: 'the neighbour released' });
  });
});
