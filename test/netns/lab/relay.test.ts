/**
 * The relay in a switch between three machines.
 *
 *     one [eth0] 192.0.2.1 ---+
 *     two [eth0] 192.0.2.2 ---+-- switch (bridge, relay)
 *     three [eth0] 192.0.2.3 -+
 */
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { MULTICAST_GROUP, PORTS } from '../../../src/gateway/wire/types.js';
import { addSwitch, connectToSwitch } from '../../../src/lab/namespaces.js';
import { startRelay, type Relay, type RelayOptions } from '../../../src/lab/relay.js';
import { sh, tryStart } from '../../../src/lab/shell.js';
import { native, type LinkDatagram, type LinkSocket } from '../../../src/native.js';
import { IpAddress, type Family } from '../../../src/net/ip-address.js';
import { LinkRig, pairingWith } from '../../helpers/gateway/link-rig.js';
import { messagesOf, testKey } from '../../helpers/gateway/messages.js';
import { NamedNetns } from '../../helpers/named-netns.js';
import { until } from '../../helpers/poll.js';

const LAN = `dt-relay-lan-${process.pid}`;
const PORTS_OF_SWITCH = ['one', 'two', 'three'];
const MESSAGES = 1000;

let machines: NamedNetns[] = [];
const running: { close(): void }[] = [];

beforeAll(() => {
  addSwitch(LAN);
  machines = PORTS_OF_SWITCH.map((name, index) => {
    const machine = new NamedNetns(`relay-${name}`);
    connectToSwitch(LAN, machine.name, 'eth0', name);
    // As a NIC would find it: the sum is left to the device.
    machine.exec('ethtool', ['-K', 'eth0', 'tx', 'on']);
    machine.ip(`address add 192.0.2.${index + 1}/24 dev eth0`);
    machine.ip(`address add fe80::${index + 1}/64 dev eth0 nodad`);
    return machine;
  });
});
afterEach(() => running.splice(0).forEach((one) => one.close()));
afterAll(() => {
  for (const machine of machines) machine.remove();
  tryStart('ip', 'netns', 'del', LAN);
});

function relayWith(options: Partial<RelayOptions>): Relay {
  const relay = startRelay({ namespace: LAN, interfaces: PORTS_OF_SWITCH, ...options });
  running.push({ close: () => relay.stop() });
  return relay;
}

function socketOn(index: number, role: 'router' | 'node', family: Family): LinkSocket {
  const machine = machines[index]!;
  const socket = native.openLinkSocket({
    family,
    ifindex: machine.ifindexOf('eth0'),
    ifname: 'eth0',
    port: PORTS[role],
    peerPort: PORTS[role === 'router' ? 'node' : 'router'],
    group: group(family),
    maximumBytes: 100,
    receiveBufferBytes: 8 << 20,
    netns: machine.path,
    onReadable: () => undefined,
    onError: () => undefined,
  });
  running.push(socket);
  return socket;
}

const group = (family: Family): Uint8Array => IpAddress.parse(MULTICAST_GROUP[family]).bytes;
const unicast = (index: number, family: Family): Uint8Array =>
  IpAddress.parse(family === 4 ? `192.0.2.${index + 1}` : `fe80::${index + 1}`).bytes;

/** So many have come between two ports, and nothing of them is held back any more. */
function hasRelayed(relay: Relay, count: number): boolean {
  const { received, sent, lost, duplicated } = relay.statistics();
  return received === count && sent === received - lost + duplicated;
}

/** Numbered messages, as they came out. All have come when the relay has sent what it had to send. */
async function through(
  options: Partial<RelayOptions>,
  family: Family = 6,
): Promise<{ numbers: number[]; relay: Relay }> {
  const relay = relayWith({ interfaces: ['one', 'two'], ...options });
  const node = socketOn(0, 'node', family);
  const router = socketOn(1, 'router', family);
  for (let i = 0; i < MESSAGES; i++) node.send(group(family), Buffer.from(String(i)));
  await until(() => hasRelayed(relay, MESSAGES));
  const datagrams: LinkDatagram[] = [];
  await until(() => datagrams.push(...router.receive(4000)) === relay.statistics().sent);
  expect(datagrams.every(({ hopLimit }) => hopLimit === 255)).toBe(true);
  return { numbers: datagrams.map(({ bytes }) => Number(bytes.toString())), relay };
}

describe.each([4, 6] as const)('messages over IPv%i', (family) => {
  test('pass a relay that does no harm: each once, in order, by multicast and by unicast', async () => {
    const { numbers } = await through({}, family);
    expect(numbers).toEqual(Array.from({ length: MESSAGES }, (_, i) => i));
    const [node, router] = running.slice(-2) as [LinkSocket, LinkSocket];
    router.send(unicast(0, family), Buffer.from('answer'));
    const answer = await until(() => node.receive(1)[0]);
    expect([answer.bytes.toString(), answer.hopLimit]).toEqual(['answer', 255]);
  });

  test('are lost, each by itself', async () => {
    const { numbers, relay } = await through({ lossPercent: 30 }, family);
    expect(numbers).toHaveLength(MESSAGES - relay.statistics().lost);
    expect(relay.statistics().lost).toBeGreaterThan(0.22 * MESSAGES);
    expect(relay.statistics().lost).toBeLessThan(0.38 * MESSAGES);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test('come twice', async () => {
    const { numbers, relay } = await through({ duplicatePercent: 20 }, family);
    expect(new Set(numbers).size).toBe(MESSAGES);
    expect(numbers.length - MESSAGES).toBe(relay.statistics().duplicated);
    expect(relay.statistics().duplicated).toBeGreaterThan(0.12 * MESSAGES);
  });

  test('overtake each other, but none gets lost', async () => {
    const { numbers } = await through({ reorderPercent: 20, reorderDelayMs: 50 }, family);
    expect(numbers).not.toEqual(Array.from({ length: MESSAGES }, (_, i) => i));
    expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: MESSAGES }, (_, i) => i));
  });
});

test('the same seed harms the same messages, another one others', async () => {
  const harmed = async (seed: number): Promise<number[]> => {
    const { numbers, relay } = await through({ lossPercent: 50, seed });
    relay.stop();
    running.splice(0).forEach((one) => one.close());
    return numbers;
  };
  const first = await harmed(7);
  expect(await harmed(7)).toEqual(first);
  expect(await harmed(8)).not.toEqual(first);
});

test('every message is held back by the delay', async () => {
  const relay = relayWith({ delayMs: 80 });
  const router = socketOn(1, 'router', 6);
  const startedMs = performance.now();
  socketOn(0, 'node', 6).send(group(6), Buffer.from('x'));
  await until(() => router.receive(1).length === 1, { everyMs: 1 });
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(80);
  await until(() => relay.statistics().sent === 2);
});

test('everybody else on the switch hears a multicast, but only its receiver a unicast', async () => {
  const relay = relayWith({});
  const node = socketOn(0, 'node', 6);
  const routers = [1, 2].map((index) => socketOn(index, 'router', 6));
  node.send(group(6), Buffer.from('to all'));
  for (const router of routers) await until(() => router.receive(1).length === 1);
  routers[1]!.send(unicast(0, 6), Buffer.from('to one'));
  await until(() => node.receive(1).length === 1);
  await until(() => relay.statistics().sent === 3);
  expect(relay.statistics().received).toBe(2);
});

test('other traffic does not notice: no message gets through, no ping is lost', async () => {
  const relay = relayWith({ lossPercent: 100 });
  const node = socketOn(0, 'node', 6);
  const router = socketOn(1, 'router', 6);
  node.send(group(6), Buffer.from('lost'));
  for (const to of ['192.0.2.2', 'fe80::2%eth0']) {
    expect(machines[0]!.exec('ping', ['-c20', '-i0.01', '-W5', to])).toContain(' 0% packet loss');
  }
  await until(() => relay.statistics().received === 1);
  expect(relay.statistics()).toMatchObject({ lost: 2, sent: 0 });
  expect(router.receive(1)).toEqual([]);
});

test('links take each message once, however it is repeated and overtaken', async () => {
  const relay = relayWith({ interfaces: ['one', 'two'], duplicatePercent: 100, reorderPercent: 50, lossPercent: 10 });
  const pairings = [pairingWith('peer', [testKey('pairing')])];
  const node = new LinkRig('node', machines[0]!, { pairings }).speakOn('eth0');
  const router = new LinkRig('router', machines[1]!, { pairings }).speakOn('eth0');
  running.push(node.link, router.link);
  for (let i = 0; i < 15; i++) node.send('peer', fc.sample(messagesOf.advertise, { numRuns: 1, seed: i })[0]!);
  await until(() => hasRelayed(relay, 15));
  await until(() => router.link.statistics().received === relay.statistics().sent);
  const orders = router.received.map(({ header }) => header.order);
  expect(orders.length).toBeGreaterThan(0);
  expect(orders).toEqual([...new Set(orders)].sort((a, b) => Number(a - b)));
  expect(router.discarded()).toEqual({ order: relay.statistics().sent - orders.length });
});

test('after the end the bridge forwards messages again, and no rule is left', async () => {
  const relay = relayWith({ lossPercent: 100 });
  relay.stop();
  relay.stop();
  expect(sh('ip', 'netns', 'exec', LAN, 'nft', 'list', 'ruleset')).toBe('');
  const router = socketOn(1, 'router', 4);
  socketOn(0, 'node', 4).send(group(4), Buffer.from('x'));
  await until(() => router.receive(1).length === 1);
});

test('a relay that cannot be made leaves nothing', () => {
  expect(() => relayWith({ interfaces: ['one'] })).toThrow('2 to 64');
  expect(() => relayWith({ interfaces: ['one', 'nowhere'] })).toThrow('nowhere');
  expect(() => relayWith({ lossPercent: 101 })).toThrow('options.loss');
  expect(sh('ip', 'netns', 'exec', LAN, 'nft', 'list', 'ruleset')).toBe('');
});
