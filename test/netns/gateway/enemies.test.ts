/**
 * Enemies on the LAN of a real router and a real node agent, while the node is elected and carries traffic. The second node
 * of the lab is the enemy's machine: it stands on the same switch.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readResidentMb } from '../../../src/bench/process-usage.js';
import { newKey, openPairings, parseKeyLine } from '../../../src/gateway/pairing/index.js';
import type { NodeCondition } from '../../../src/gateway/node/types.js';
import type { Pairing, PairingKey } from '../../../src/gateway/pairing/types.js';
import {
  decode,
  encode,
  MAXIMUM_MESSAGE_BYTES,
  MULTICAST_GROUP,
  PORTS,
  SENT_BY,
} from '../../../src/gateway/wire/index.js';
import type { Header, Lease, Message } from '../../../src/gateway/wire/index.js';
import { FloodProcess } from '../../../src/lab/flood-process.js';
import { PacketCapture } from '../../../src/lab/packet-capture.js';
import { udpPayload } from '../../../src/lab/protocol-watch.js';
import { lineName } from '../../../src/lab/rescue-config.js';
import { gatewayUplink, nodeName, RescueRig } from '../../../src/lab/rescue-rig.js';
import { sh } from '../../../src/lab/shell.js';
import { eventsAfter, newestEvent, type StoryContext } from '../../../src/lab/story-parts.js';
import { LabStream } from '../../../src/lab/stream.js';
import { LAN_INTERFACE, NODE_LAN_INTERFACE, namespacePath } from '../../../src/lab/topology.js';
import { native, type LinkSocket } from '../../../src/native.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { PlayedNode } from '../../helpers/gateway/played-node.js';
import { SLOWNESS, until } from '../../helpers/poll.js';

const PHONE = nodeName(0);
const LIAR = nodeName(1);
const UPLINK = gatewayUplink(0);
const WAIT = { timeoutMs: 30_000, everyMs: 50 };
const PACKETS_PER_SECOND = 200;
/** Longer than a busy machine may take to look. */
const REST_MS = 3000;
const SETTINGS = `  lease_ms: 4000\n  switch_after_ms: 2000\n  rest_ms: ${REST_MS}\n`;

interface Gateway {
  name: string;
  id: string;
  state: string;
  cause: string;
  why: string;
  rank: number | null;
  restMs: number | null;
  lease: { leftMs: number } | null;
}
interface Gateways {
  id: string;
  gateways: Gateway[];
  unpaired: unknown[];
  discarded: Record<string, number>;
}

let rig: RescueRig;
let context: StoryContext;
let untouched: string;
/** Payloads as they passed the phone's interface. */
const captured: Buffer[] = [];
/** Ids of the router and the phone. */
const genuine = new Set<Buffer>();
let capture: PacketCapture;
const cleanUp: (() => unknown)[] = [];

async function get<T>(path: string): Promise<T> {
  return (await rig.controller.call('GET', path)).body as T;
}
const gateways = (): Promise<Gateways> => get<Gateways>('/v1/gateways');
const phone = (): Promise<Gateway> => get<Gateway>(`/v1/gateways/${PHONE}`);
const discarded = async (reason: string): Promise<number> => (await gateways()).discarded[reason] ?? 0;

/** The first of a burst is in the agent's log. */
const agentTold = (reason: string): boolean => rig.agent().output.includes(`discarded: ${reason}\n`);

/** What XDP did with messages that came in from the LAN. */
async function guarded(): Promise<Record<string, number>> {
  const { interfaces } = await get<{ interfaces: { name: string; reasons: Record<string, string> }[] }>(
    '/v1/interfaces',
  );
  const { reasons } = interfaces.find(({ name }) => name === LAN_INTERFACE)!;
  return Object.fromEntries(Object.entries(reasons).map(([reason, count]) => [reason, Number(count)]));
}

async function activeIs(uplink: string): Promise<void> {
  const what = `traffic through ${uplink}`;
  await until(
    async () => {
      const { groups } = await get<{ groups: { families: unknown[] }[] }>('/v1/groups');
      return JSON.stringify(groups).includes(`"active":["${uplink}"]`);
    },
    { ...WAIT, what },
  );
}

const phoneIs = (state: string): Promise<unknown> =>
  until(async () => (await phone()).state === state, { ...WAIT, what: `${PHONE} ${state}` });

/** A lease that is renewed under attack: it has more left than before, twice. */
async function renewals(): Promise<void> {
  for (let count = 0; count < 2; count++) {
    let left = (await phone()).lease?.leftMs ?? 0;
    await until(
      async () => {
        const now = (await phone()).lease?.leftMs ?? 0;
        const grown = now > left;
        left = now;
        return grown;
      },
      { ...WAIT, everyMs: 10, what: 'a renewal' },
    );
  }
}

/** Runs an attack while a stream flows: nothing of the stream is lost, and nobody changes state or path. */
async function carriesOn(attack: () => Promise<unknown>): Promise<void> {
  const before = await newestEvent(context);
  const stream = new LabStream({
    names: rig.lab.names,
    family: 4,
    packetsPerSecond: PACKETS_PER_SECOND,
    maxSeconds: 100 * SLOWNESS,
  });
  const stop = (): unknown => stream.stop();
  cleanUp.push(stop);
  await until(() => stream.received > 0, { ...WAIT, what: 'the stream' });
  await attack();
  const end = native.monotonicNs();
  const sent = stream.sent;
  await until(() => stream.sent > sent + PACKETS_PER_SECOND, { ...WAIT, what: 'the end of the stream' });
  cleanUp.splice(cleanUp.indexOf(stop), 1);
  const { transmitNs, receiveNs, ifindex } = stream.stop();
  const carried = [...transmitNs.keys()].filter((n) => transmitNs[n]! > 0n && transmitNs[n]! < end);
  const paths = rig.lab.pathByIfindex();
  expect(carried.length).toBeGreaterThan(0);
  const lost = carried.filter((n) => receiveNs[n] === 0n).length;
  expect({ lost, of: carried.length }).toEqual({ lost: 0, of: carried.length });
  // Gateways come first: 0 is the line.
  expect(new Set(carried.map((n) => paths.get(ifindex[n]!)))).toEqual(new Set([1]));
  const told = (await eventsAfter(context, before)).map(({ record }) => record);
  expect(told.filter(({ kind, gateway }) => kind === 'group' || (kind === 'gateway' && gateway === PHONE))).toEqual([]);
  expect((await phone()).state).toBe('elected');
}

/** A socket of the enemy's. */
function enemySocket(role: 'router' | 'node'): LinkSocket {
  const { namespace } = rig.lab.nodes[1]!;
  const socket = native.openLinkSocket({
    family: 6,
    ifindex: ifindexOf(namespace),
    ifname: NODE_LAN_INTERFACE,
    port: PORTS[role],
    peerPort: PORTS[role === 'router' ? 'node' : 'router'],
    group: IpAddress.parse(MULTICAST_GROUP[6]).bytes,
    maximumBytes: MAXIMUM_MESSAGE_BYTES,
    netns: namespacePath(namespace),
    onReadable: () => undefined,
    onError: () => undefined,
  });
  cleanUp.push(() => socket.close());
  return socket;
}

function ifindexOf(namespace: string): number {
  const links = sh('ip', '-n', namespace, '-j', 'link', 'show', NODE_LAN_INTERFACE);
  return (JSON.parse(links) as { ifindex: number }[])[0]!.ifindex;
}

const sendAll = (socket: LinkSocket, messages: readonly Uint8Array[]): void => {
  for (const message of messages) socket.send(IpAddress.parse(MULTICAST_GROUP[6]).bytes, message);
};

const seen = (): { header: Header; message: Message; bytes: Buffer }[] =>
  captured.flatMap((bytes) => {
    const decoded = decode(bytes);
    return decoded.ok ? [{ header: decoded.header, message: decoded.message, bytes }] : [];
  });
const capturedFrom = (role: 'router' | 'node'): Buffer[] =>
  seen().flatMap(({ message, bytes }) => (SENT_BY[message.type] === role ? [bytes] : []));

/** The newest RENEW that was heard: with all that a forger needs but the key. */
function heardRenewal(): { header: Header; lease: Lease } {
  const renewal = seen().findLast(({ message }) => message.type === 'renew');
  if (renewal?.message.type !== 'renew') throw new Error('no RENEW was captured');
  return { header: renewal.header, lease: renewal.message.lease };
}

/** The newest message of the phone: of one machine, unlike those of the flood. */
const phoneHeader = (): Header => seen().findLast(({ message }) => message.type === 'status')!.header;

/** RELEASE of the lease that runs and ELECT of another one, as the router would say it next. */
function forgedOrders(key: PairingKey): Uint8Array[] {
  const { header, lease } = heardRenewal();
  const echo = phoneHeader().order;
  const want = { families: [4, 6] as (4 | 6)[], wayBack: 'router' as const };
  const later = (by: bigint): Header => ({ ...header, order: header.order + (by << 20n) });
  const reason = { code: 'operator' as const, text: '' };
  const other = { ...lease, number: lease.number ^ 2n };
  return [
    encode(later(1n), { type: 'release', lease, echo, reason }, key),
    encode(later(2n), { type: 'elect', lease: other, echo, want, clients: [], path: [header.sender] }, key),
  ];
}

const pairingOnRouter = (): Pairing => {
  const store = openPairings({ stateDirectory: rig.routerState, side: 'nodes' });
  const pairing = store.find(PHONE)!;
  store.close();
  return pairing;
};

beforeAll(async () => {
  rig = new RescueRig({ tag: `en${process.pid}`, nodes: ['lan', 'lan'] });
  rig.writeConfig({ extra: SETTINGS });
  rig.writeNodeConfig();
  rig.pair();
  context = { controller: await rig.startController(), family: 4, say: () => undefined };
  const node = rig.lab.nodes[0]!;
  const filter = Object.values(PORTS)
    .map((port) => `udp port ${port}`)
    .join(' or ');
  capture = await PacketCapture.start({ namespace: node.namespace, name: NODE_LAN_INTERFACE }, filter, ({ frame }) => {
    const payload = udpPayload(frame);
    // Not the flood's.
    if (payload && [...genuine].some((id) => payload.includes(id))) captured.push(Buffer.from(payload));
  });
  rig.startAgent();
  await phoneIs('offered');
  for (const { id } of [await gateways(), await phone()]) genuine.add(Buffer.from(id, 'hex'));
  untouched = node.fingerprint();
  // Once there and back, so that a genuine RELEASE is there to be replayed.
  rig.lab.cutLink(0);
  await activeIs(UPLINK);
  rig.lab.restoreLink(0);
  await activeIs(lineName(0));
  await phoneIs('offered');
  rig.lab.cutLink(0);
  await activeIs(UPLINK);
  await phoneIs('elected');
});
afterEach(async () => {
  for (const undo of cleanUp.splice(0).reverse()) await undo();
});
afterAll(async () => {
  capture?.stop();
  await rig?.destroy();
});

describe('while a node is elected and carries', () => {
  it('a flood of made-up nodes changes nothing, is counted, told once, and costs bounded memory', async () => {
    const before = { guard: await guarded(), gateways: await gateways(), events: await newestEvent(context) };
    const residentMb = readResidentMb(rig.controller.pid);
    const startedMs = performance.now();
    await carriesOn(async () => {
      const where = { namespace: rig.lab.nodes[1]!.namespace, name: NODE_LAN_INTERFACE };
      const floods = await Promise.all(
        ['unpaired', 'random'].map(async (keyId) => {
          const flood = await FloodProcess.start(where, {
            keyId,
            messagesPerSecond: 10_000,
            maxSeconds: 60 * SLOWNESS,
          });
          cleanUp.push(() => flood.stop());
          return flood;
        }),
      );
      await until(() => floods.every(({ sent }) => sent > 20_000), { ...WAIT, what: '40,000 messages' });
      await renewals();
      for (const flood of floods) await flood.stop();
    });
    const after = { guard: await guarded(), gateways: await gateways() };
    const rate = Object.keys(after.guard).find((reason) => /gateway.?rate/i.test(reason))!;
    expect(after.guard[rate]! - (before.guard[rate] ?? 0)).toBeGreaterThan(20_000);
    expect(after.gateways.discarded['key']).toBeGreaterThan(before.gateways.discarded['key'] ?? 0);
    expect(after.gateways.unpaired.length).toBeLessThanOrEqual(64);
    const bursts = (await eventsAfter(context, before.events))
      .map(({ record }) => record as unknown as { kind: string; reason: string })
      .filter(({ kind }) => kind === 'gateway-discards')
      .map(({ reason }) => reason);
    // The first at once, then a sum each minute.
    const most = 1 + Math.floor((performance.now() - startedMs) / 60_000);
    for (const reason of new Set(bursts)) {
      expect([reason, bursts.filter((other) => other === reason).length <= most]).toEqual([reason, true]);
    }
    expect(bursts).toContain('key');
    expect(readResidentMb(rig.controller.pid) - residentMb).toBeLessThan(64);
  });

  it("a flood from the phone's own address does not keep its answers away", async () => {
    const { namespace } = rig.lab.nodes[0]!;
    const shown = sh('ip', '-n', namespace, '-6', 'addr', 'show', 'dev', NODE_LAN_INTERFACE, 'scope', 'link');
    const source = /inet6 (\S+)\//.exec(shown)![1]!;
    const before = await discarded('auth');
    await carriesOn(async () => {
      const flood = await FloodProcess.start(
        { namespace: rig.lab.nodes[1]!.namespace, name: NODE_LAN_INTERFACE },
        {
          source,
          sourceBits: 0,
          sender: (await phone()).id,
          keyId: pairingOnRouter().keys.at(-1)!.id,
          messagesPerSecond: 4000,
          maxSeconds: 60 * SLOWNESS,
        },
      );
      cleanUp.push(() => flood.stop());
      // Longer than two leases.
      await until(() => flood.sent > 40_000, { ...WAIT, what: '40,000 messages' });
      await renewals();
      await flood.stop();
    });
    expect(await discarded('auth')).toBeGreaterThan(before);
  });

  it('a rogue router with keys of its own elects and releases nobody', async () => {
    await until(() => seen().some(({ message }) => message.type === 'renew'), { ...WAIT, what: 'a RENEW' });
    const strange = newKey(0);
    const real = pairingOnRouter().keys.at(-1)!;
    await carriesOn(async () => {
      const socket = enemySocket('router');
      sendAll(socket, forgedOrders(strange));
      // The genuine id, which everybody can hear, and another key.
      sendAll(socket, forgedOrders({ ...strange, id: real.id }));
      await until(() => ['key', 'auth'].every(agentTold), {
        ...WAIT,
        what: 'the agent to tell of a strange key and a false code',
      });
      await renewals();
    });
  });

  it('what was heard and is said again, or said back, is believed by nobody', async () => {
    const before = { order: await discarded('order'), role: await discarded('role') };
    await carriesOn(async () => {
      const [asRouter, asNode] = [enemySocket('router'), enemySocket('node')];
      const [fromRouter, fromNode] = [capturedFrom('router'), capturedFrom('node')];
      const types = new Set(seen().map(({ message }) => message.type));
      for (const type of ['elect', 'renew', 'release', 'accept', 'status', 'released'] as const)
        expect(types).toContain(type);
      // Within the rate that one source has.
      for (const [socket, messages] of [
        [asRouter, fromRouter],
        [asNode, fromNode],
        [asRouter, fromNode],
        [asNode, fromRouter],
      ] as const) {
        sendAll(socket, messages.slice(-8));
        sendAll(socket, messages.filter((bytes) => /^(release|withdraw|refuse)/.test(typeOf(bytes))).slice(0, 4));
      }
      await until(async () => (await discarded('order')) > before.order && (await discarded('role')) > before.role, {
        ...WAIT,
        what: 'replays and reflections to be counted',
      });
      for (const reason of ['order', 'role'])
        await until(() => agentTold(reason), {
          ...WAIT,
          what: `the agent to tell of ${reason}`,
        });
      await renewals();
    });
  });

  it('a message with the right key that has passed a router is not believed', async () => {
    const { namespace } = rig.lab.nodes[1]!;
    const inside = (...command: string[]): string => sh('ip', 'netns', 'exec', namespace, ...command);
    inside(
      'nft',
      'add table inet far; add chain inet far out { type filter hook postrouting priority 0; }; add rule inet far out ip6 hoplimit set 254',
    );
    cleanUp.push(() => inside('nft', 'delete table inet far'));
    const before = await guarded();
    const key = pairingOnRouter().keys.at(-1)!;
    await carriesOn(async () => {
      sendAll(enemySocket('router'), forgedOrders(key));
      const { header, lease } = heardRenewal();
      const withdraw: Message = { type: 'withdraw', reason: { code: 'operator', text: '' }, lease };
      const newest = phoneHeader();
      const next = { sender: newest.sender, receiver: header.sender, order: newest.order + (1n << 20n) };
      sendAll(enemySocket('node'), [encode(next, withdraw, key)]);
      await until(() => agentTold('ttl'), { ...WAIT, what: 'the agent to tell of a TTL' });
      await until(
        async () => {
          const now = await guarded();
          return Object.entries(now).some(([reason, n]) => /hop.?limit/i.test(reason) && n > (before[reason] ?? 0));
        },
        { ...WAIT, what: 'XDP to count a hop limit' },
      );
      await renewals();
    });
  });
});

const typeOf = (bytes: Buffer): string => {
  const decoded = decode(bytes);
  return decoded.ok ? decoded.message.type : '';
};

describe('a node with a pairing that does not do as it says', () => {
  let pairing: Pairing;

  beforeAll(() => {
    const line = rig.detour(['gateways', 'pair', LIAR, '--config', rig.configFile]);
    const { key, router } = parseKeyLine(line.trim(), Date.now());
    pairing = { name: 'home', peer: router, keys: [key], approved: true };
  });

  function play(): PlayedNode {
    const { namespace } = rig.lab.nodes[1]!;
    const where = { netns: namespacePath(namespace), ifname: NODE_LAN_INTERFACE, ifindex: ifindexOf(namespace) };
    const node = new PlayedNode(pairing, where);
    cleanUp.push(() => node.close());
    return node;
  }

  /** Better than the phone in everything. */
  function boast(good = true): NodeCondition {
    const [gateway4, gateway6] = ['198.51.100.78', '2001:db8:1::78'].map((text) => IpAddress.parse(text));
    return {
      offer: {
        families: [
          { family: 4, translation: 'masquerade', gateway: gateway4! },
          { family: 6, translation: 'masquerade', gateway: gateway6! },
        ],
        capacity: { downKbps: 4_000_000_000, upKbps: 4_000_000_000 },
        cost: { preference: 0, metered: !good, bytesLeft: null },
        backhaul: [
          { family: 4, state: good ? 'good' : 'bad', lossPermille: 0, rttUs: 1, ageMs: 0 },
          { family: 6, state: good ? 'good' : 'bad', lossPermille: 0, rttUs: 1, ageMs: 0 },
        ],
        path: [],
      },
      obstacle: null,
      upstream: [],
    };
  }
  const liar = (): Promise<Gateway> => get<Gateway>(`/v1/gateways/${LIAR}`);

  it('is tried for its lies, as standby, found out before any traffic moves, and rests: longer the next time', async () => {
    await carriesOn(async () => {
      const node = play();
      node.say(boast());
      const rests: number[] = [];
      for (const time of ['first', 'second']) {
        await until(() => node.granted > rests.length, { ...WAIT, what: `the liar to be tried a ${time} time` });
        const foundOut = async (): Promise<boolean> => {
          const { state, cause, restMs } = await liar();
          if (state !== 'resting' || !cause.includes('its path was found bad')) return false;
          rests.push(restMs!);
          return true;
        };
        await until(foundOut, { ...WAIT, what: `the liar to be found out and rest a ${time} time` });
      }
      expect(rests[0]).toBeLessThanOrEqual(REST_MS);
      expect(rests[1]).toBeGreaterThan(REST_MS);
    });
  });

  it('gets nothing by flapping between better and worse, or between there and gone', async () => {
    await carriesOn(async () => {
      const node = play();
      for (let flap = 0; flap < 12; flap++) {
        node.say(flap % 3 === 2 ? { ...boast(), obstacle: { code: 'owner', text: '' } } : boast(flap % 3 === 0));
        const until300 = performance.now() + 300;
        await until(() => performance.now() > until300, { what: 'the next flap' });
      }
      // It was never better for long enough, but a slow machine may have made a pause of ours long.
      expect(node.granted).toBeLessThanOrEqual(1);
    });
  });
});

describe('a pairing that is revoked while its node is elected', () => {
  it('leaves the node as it was found; what it says from then on counts as a strange key', async () => {
    const { key = 0 } = (await gateways()).discarded;
    rig.detour(['gateways', 'revoke', PHONE, '--yes', '--socket', rig.socket]);
    const node = rig.lab.nodes[0]!;
    await until(() => node.fingerprint() === untouched, { ...WAIT, what: 'the node to be as it was found' });
    await until(async () => (await discarded('key')) > key + 2, {
      ...WAIT,
      what: 'its advertisements to be discarded',
    });
    const { gateways: left } = await gateways();
    expect(left.map(({ name }) => name)).not.toContain(PHONE);
    const { uplinks } = await get<{ uplinks: { name: string }[] }>('/v1/uplinks');
    expect(uplinks.map(({ name }) => name)).not.toContain(UPLINK);
  });
});
