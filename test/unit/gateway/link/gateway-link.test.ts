/** What the link does with its sockets over time, with sockets that a test plays; real ones: test/netns/gateway/link.test.ts. */
import { expect, test } from 'vitest';
import { openGatewayLink, type GatewayLinkOptions } from '../../../../src/gateway/link/index.js';
import type { DiscardBurst, ReceivedMessage } from '../../../../src/gateway/link/types.js';
import type { Pairing } from '../../../../src/gateway/pairing/types.js';
import { authenticate, encode, peek } from '../../../../src/gateway/wire/index.js';
import type { Message, Order } from '../../../../src/gateway/wire/types.js';
import type { LinkDatagram, LinkSocket, LinkSocketOptions } from '../../../../src/native.js';
import { IpAddress } from '../../../../src/net/ip-address.js';
import { testId, testKey } from '../../../helpers/gateway/messages.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

const MS = 1000;
const SECOND = 1_000_000;
const KEY = testKey('pairing');
const SELF = testId('router');
const NODE = testId('node');
const LAN = { ifindex: 3, ifname: 'lan0' };
const PEER = IpAddress.parse('fe80::9');

const advertise: Message = {
  type: 'advertise',
  intervalMs: 1000,
  families: [{ family: 6, translation: 'masquerade', gateway: PEER }],
  backhaul: [],
  path: [],
};

class PlayedSocket implements LinkSocket {
  readonly options: LinkSocketOptions;
  readonly waiting: LinkDatagram[] = [];
  readonly sent: { to: string; bytes: Uint8Array }[] = [];
  overruns = 0;
  closed = false;
  address: string | null;

  constructor(options: LinkSocketOptions) {
    this.options = options;
    this.address = options.family === 6 ? 'fe80::1' : '192.0.2.1';
  }
  receive(max: number): LinkDatagram[] {
    return this.waiting.splice(0, max);
  }
  send(destination: Uint8Array, bytes: Uint8Array): void {
    this.sent.push({ to: IpAddress.fromBytes(destination).toString(), bytes });
  }
  source(): Uint8Array | null {
    return this.address === null ? null : IpAddress.parse(this.address).bytes;
  }
  close(): void {
    this.closed = true;
  }

  arrive(bytes: Uint8Array, changes: Partial<LinkDatagram> = {}): void {
    this.waiting.push({
      bytes: Buffer.from(bytes),
      source: PEER.bytes,
      sourcePort: 6869,
      destination: this.options.group,
      hopLimit: 255,
      truncated: false,
      fragmented: false,
      ...changes,
    });
    this.options.onReadable();
  }
}

function setUp(changes: Partial<GatewayLinkOptions> = {}) {
  const clock = new ManualClock();
  const sockets: PlayedSocket[] = [];
  const refused = new Set<4 | 6>();
  const received: ReceivedMessage[] = [];
  const bursts: DiscardBurst[] = [];
  const link = openGatewayLink({
    role: 'router',
    self: SELF,
    pairings: (
      (list) => () =>
        list
    )([{ name: 'phone', peer: null, keys: [KEY], approved: true }]),
    native: {
      openLinkSocket: (options) => {
        if (refused.has(options.family)) throw new Error('EADDRINUSE');
        const socket = new PlayedSocket(options);
        sockets.push(socket);
        return socket;
      },
    },
    clock,
    onMessage: (message) => void received.push(message),
    onBurst: (burst) => void bursts.push(burst),
    onPeer: () => undefined,
    ...changes,
  });
  const live = (family: 4 | 6): PlayedSocket =>
    sockets.find((socket) => !socket.closed && socket.options.family === family)!;
  return { clock, link, sockets, refused, received, bursts, live };
}

const from = (order: Order): Uint8Array => encode({ sender: NODE, receiver: null, order }, advertise, KEY);

test('messages come with the next batch, at once while it is urgent, and later while it is calm', () => {
  const { clock, link, received, live } = setUp();
  link.setInterfaces([LAN]);
  live(6).arrive(from(1n));
  clock.advance(20 * MS - 1);
  expect(received).toHaveLength(0);
  clock.advance(1);
  expect(received).toMatchObject([{ pairing: 'phone', origin: { ...LAN, address: PEER }, atUs: clock.nowUs() }]);
  link.setUrgent(true);
  live(6).arrive(from(2n));
  expect(received).toHaveLength(2);
  link.setUrgent(false);
  link.setCalm(true);
  live(6).arrive(from(3n));
  clock.advance(100 * MS - 1);
  expect(received).toHaveLength(2);
  clock.advance(1);
  expect(received).toHaveLength(3);
});

test('discarded messages are told once, then as a sum each minute while they come', () => {
  const { clock, link, bursts, live } = setUp();
  link.setInterfaces([LAN]);
  link.setUrgent(true);
  for (let i = 0; i < 3; i++) live(6).arrive(from(1n), { hopLimit: 64 });
  expect(bursts).toMatchObject([{ reason: 'ttl', count: 1 }]);
  clock.advance(60 * SECOND);
  expect(bursts.slice(1)).toMatchObject([{ reason: 'ttl', count: 2, origin: { address: PEER } }]);
  live(6).arrive(from(1n), { hopLimit: 64 });
  clock.advance(60 * SECOND);
  clock.advance(600 * SECOND);
  expect(bursts.map(({ count }) => count)).toEqual([1, 2, 1]);
  expect(clock.pending).toBe(0);
});

test('a socket with an error is closed, and another one takes its place within a second', () => {
  const { clock, link, sockets, received, live } = setUp();
  link.setInterfaces([LAN]);
  link.setUrgent(true);
  const broken = live(6);
  broken.overruns = 5;
  broken.options.onError('ECONNABORTED');
  expect(broken.closed).toBe(true);
  link.send({ pairing: 'phone', to: null, order: 1n, message: elect });
  expect(live(4).sent.map(({ to }) => to)).toEqual(['239.255.68.68']);
  clock.advance(SECOND);
  expect(sockets).toHaveLength(3);
  live(6).arrive(from(1n));
  expect([received.length, link.overruns()]).toEqual([1, 5]);
});

test('an interface is opened once, left when it is not named any more, and opened anew under another index', () => {
  const { link, sockets } = setUp();
  link.setInterfaces([LAN]);
  link.setInterfaces([LAN]);
  expect(sockets.map(({ options }) => [options.family, options.port, options.peerPort])).toEqual([
    [6, 6868, 6869],
    [4, 6868, 6869],
  ]);
  link.setInterfaces([{ ...LAN, ifindex: 4 }]);
  expect(sockets.map(({ options, closed }) => [options.ifindex, closed])).toEqual([
    [3, true],
    [3, true],
    [4, false],
    [4, false],
  ]);
  link.setInterfaces([]);
  expect(sockets.every(({ closed }) => closed)).toBe(true);
});

test('what cannot be opened is tried each second; one family is enough', () => {
  const { clock, link, refused, sockets } = setUp();
  refused.add(4).add(6);
  link.setInterfaces([LAN]);
  expect(link.problems()).toEqual([{ ifname: 'lan0', reason: 'IPv6: EADDRINUSE; IPv4: EADDRINUSE' }]);
  refused.delete(4);
  clock.advance(SECOND);
  expect(link.problems()).toEqual([]);
  refused.delete(6);
  clock.advance(SECOND);
  expect([sockets.length, clock.pending]).toEqual([2, 0]);
});

const elect: Message = {
  type: 'elect',
  lease: { router: SELF, number: 1n, role: 'active', leftMs: 1000 },
  echo: 1n,
  want: { families: [6], wayBack: 'router' },
  clients: [],
  path: [],
};

test.each([
  ['fe80::1', '192.0.2.1', 6, 6],
  ['fe80::1', '192.0.2.1', 4, 4],
  ['2001:db8::1', '192.0.2.1', 6, 4],
  [null, '192.0.2.1', 6, 4],
  ['fe80::1', null, 4, 6],
  [null, null, 6, null],
] as const)(
  'with the sources %s and %s, and IPv%i preferred, everybody is spoken to by IPv%s',
  (v6, v4, prefer, by) => {
    const { link, live } = setUp({ prefer });
    link.setInterfaces([LAN]);
    live(6).address = v6;
    live(4).address = v4;
    link.send({ pairing: 'phone', to: null, order: 1n, message: elect });
    expect([live(6).sent.length, live(4).sent.length]).toEqual([by === 6 ? 1 : 0, by === 4 ? 1 : 0]);
    expect(link.statistics()).toMatchObject(by === null ? { sent: 0, sendErrors: 1 } : { sent: 1, sendErrors: 0 });
  },
);

test('what cannot be sent is counted, not thrown', () => {
  const { link, live } = setUp();
  link.setInterfaces([LAN]);
  live(6).send = () => {
    throw new Error('ENETUNREACH');
  };
  const origin = { ...LAN, address: PEER };
  link.send({ pairing: 'phone', to: origin, order: 1n, message: elect });
  link.send({ pairing: 'revoked', to: origin, order: 2n, message: elect });
  link.send({ pairing: 'phone', to: { ...origin, ifindex: 9 }, order: 3n, message: elect });
  expect(link.statistics()).toMatchObject({ sent: 0, sendErrors: 3 });
});

test('a pairing that has just ended is released with the key that it had, and told nothing else', () => {
  let list: Pairing[] = [{ name: 'phone', peer: NODE, keys: [KEY], approved: true }];
  const { link, live } = setUp({ pairings: () => list });
  link.setInterfaces([LAN]);
  const to = { ...LAN, address: PEER };
  link.send({ pairing: 'phone', to, order: 1n, message: elect });
  list = [];
  link.send({ pairing: 'phone', to, order: 2n, message: elect });
  expect(live(6).sent).toHaveLength(1);
  const lease = { router: SELF, number: 1n, role: 'active', leftMs: 0 } as const;
  const reason = { code: 'operator', text: '' } as const;
  link.send({ pairing: 'phone', to, order: 3n, message: { type: 'release', lease, echo: 1n, reason } });
  const { bytes } = live(6).sent[1]!;
  expect(authenticate(bytes, KEY)).toBe(true);
  expect(peek(bytes)).toMatchObject({ type: 'release', receiver: NODE });
});

test('a pairing that a node has just ended is withdrawn from with the key that it had, and nothing else is offered', () => {
  let list: Pairing[] = [{ name: 'home', peer: SELF, keys: [KEY], approved: true }];
  const { link, live } = setUp({ role: 'node', self: NODE, pairings: () => list });
  link.setInterfaces([LAN]);
  link.send({ pairing: 'home', to: null, order: 1n, message: advertise });
  list = [];
  link.send({ pairing: 'home', to: null, order: 2n, message: advertise });
  const reason = { code: 'owner', text: '' } as const;
  link.send({ pairing: 'home', to: null, order: 3n, message: { type: 'withdraw', reason } });
  expect(live(6).sent.map(({ bytes }) => peek(bytes))).toMatchObject([{ type: 'advertise' }, { type: 'withdraw' }]);
  expect(authenticate(live(6).sent[1]!.bytes, KEY)).toBe(true);
});

test('after the end nothing is open, nothing waits and nothing comes', () => {
  const { clock, link, refused, received, sockets, live } = setUp();
  link.setInterfaces([LAN]);
  refused.add(6);
  const [first] = sockets;
  first!.options.onError('ECONNABORTED');
  live(4).arrive(from(1n), { source: IpAddress.parse('192.0.2.9').bytes });
  link.close();
  link.close();
  expect(clock.pending).toBe(0);
  link.setInterfaces([LAN]);
  clock.advance(100 * SECOND);
  expect([received.length, clock.pending, sockets.every(({ closed }) => closed)]).toEqual([0, 0, true]);
});
