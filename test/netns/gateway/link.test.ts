/**
 * Two links of the gateway protocol, and those who would like to be one.
 *
 *     router [lan0] 192.0.2.1/24 ------ 192.0.2.2/24 [lan0] node
 *                                       198.51.100.1/24 [far0] node ------ 198.51.100.2/24 [far0] far
 */
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Origin } from '../../../src/gateway/link/types.js';
import { encode } from '../../../src/gateway/wire/index.js';
import {
  MULTICAST_GROUP,
  PORTS,
  SENT_BY,
  type DiscardReason,
  type Header,
  type Message,
  type MessageType,
} from '../../../src/gateway/wire/types.js';
import { native } from '../../../src/native.js';
import { IpAddress, type Family } from '../../../src/net/ip-address.js';
import { LinkRig, pairingWith } from '../../helpers/gateway/link-rig.js';
import { messagesOf, testId, testKey } from '../../helpers/gateway/messages.js';
import { connectNetns, NamedNetns } from '../../helpers/named-netns.js';
import { until } from '../../helpers/poll.js';

const KEY = testKey('pairing');
const NODE = testId('node');
const ROUTER = testId('router');
const ADDRESS = { router: '192.0.2.1', node: '192.0.2.2' } as const;

let router: NamedNetns;
let node: NamedNetns;
let far: NamedNetns;
const open: { close(): void }[] = [];

beforeAll(async () => {
  router = new NamedNetns('gw-router');
  node = new NamedNetns('gw-node');
  far = new NamedNetns('gw-far');
  connectNetns(router, 'lan0', [`${ADDRESS.router}/24`], node, 'lan0', [`${ADDRESS.node}/24`]);
  connectNetns(node, 'far0', ['198.51.100.1/24'], far, 'far0', ['198.51.100.2/24']);
  node.exec('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  far.ip('route add default via 198.51.100.1');
  router.ip(`route add default via ${ADDRESS.node}`);
  for (const netns of [router, node]) await until(() => !netns.ip('-6 address show').includes('tentative'));
});
afterEach(() => open.splice(0).forEach((one) => one.close()));
afterAll(() => {
  for (const netns of [router, node, far]) netns?.remove();
});

const linkLocalOf = (netns: NamedNetns, ifname = 'lan0'): string =>
  /inet6 (fe80[^/]+)/.exec(netns.ip(`-6 address show dev ${ifname}`))![1]!;
const addressOf = (role: 'router' | 'node', family: Family): IpAddress =>
  IpAddress.parse(family === 4 ? ADDRESS[role] : linkLocalOf(role === 'router' ? router : node));

function openRouter(prefer: Family = 6, pairings = [pairingWith('phone', [KEY])]): LinkRig {
  const rig = new LinkRig('router', router, { pairings, prefer }).speakOn('lan0');
  open.push(rig.link);
  return rig;
}

function openNode(prefer: Family = 6, pairings = [pairingWith('home', [KEY])]): LinkRig {
  const rig = new LinkRig('node', node, { pairings, prefer }).speakOn('lan0');
  open.push(rig.link);
  return rig;
}

/** One of a type, the same in each run. */
const example = <T extends MessageType>(type: T): Extract<Message, { type: T }> =>
  fc.sample(messagesOf[type], { numRuns: 1, seed: 4 })[0]!;
const types = (role: 'router' | 'node'): MessageType[] =>
  (Object.keys(SENT_BY) as MessageType[]).filter((type) => SENT_BY[type] === role);

describe.each([4, 6] as const)('two links that prefer IPv%i', (family) => {
  test('carry every message, each way, from and to whom it says', async () => {
    const home = openRouter(family);
    const phone = openNode(family);
    phone.send('home', example('advertise'));
    const advertised = await home.receivedOne();
    const origin: Origin = { ifindex: router.ifindexOf('lan0'), ifname: 'lan0', address: addressOf('node', family) };
    expect(advertised).toMatchObject({ pairing: 'phone', header: { sender: NODE, receiver: null }, origin });
    expect(advertised.message).toEqual(example('advertise'));

    for (const type of types('router')) {
      const sent = home.send('phone', example(type), advertised.origin);
      const received = await phone.receivedOne();
      expect(received.message).toEqual(example(type));
      expect(received.header).toEqual({ sender: ROUTER, receiver: NODE, order: sent.order });
      expect(received.origin.address).toEqual(addressOf('router', family));
    }
    const answerTo = phone.received.at(-1)!.origin;
    for (const type of types('node')) {
      phone.send('home', example(type), type === 'advertise' || type === 'withdraw' ? null : answerTo);
      const received = await home.receivedOne();
      expect(received.message).toEqual(example(type));
      expect(received.header.receiver).toBe(ROUTER);
      expect(received.origin).toEqual(origin);
    }
    expect([home.discarded(), phone.discarded()]).toEqual([{}, {}]);
    expect(home.link.statistics()).toMatchObject({ received: 7, accepted: 7, sent: 3, sendErrors: 0 });
    expect([home.peers, phone.peers]).toEqual([[['phone', NODE]], [['home', ROUTER]]]);
    expect(home.keysUsed).toEqual([['phone', KEY.id]]);
  });
});

describe('what is discarded, counted by its reason and told once', () => {
  let order = 1n << 40n;

  function bytesOf(header: Partial<Header> = {}, key = KEY, message: Message = example('advertise')): Buffer {
    order++;
    return Buffer.from(encode({ sender: NODE, receiver: ROUTER, order, ...header }, message, key));
  }

  /** From the node's machine, but not from its link. */
  function sendAs(family: Family, ...datagrams: Uint8Array[]): void {
    const enemy = native.openLinkSocket({
      family,
      ifindex: node.ifindexOf('lan0'),
      ifname: 'lan0',
      port: 7777,
      peerPort: PORTS.router,
      group: IpAddress.parse(MULTICAST_GROUP[family]).bytes,
      maximumBytes: 2000,
      netns: node.path,
      onReadable: () => undefined,
      onError: () => undefined,
    });
    for (const datagram of datagrams) enemy.send(IpAddress.parse(MULTICAST_GROUP[family]).bytes, datagram);
    enemy.close();
  }

  /** By plain sockets, with any hop limit and size. */
  function sendPlain(netns: NamedNetns, to: string, hopLimit: number, datagram: Uint8Array): void {
    const [type, level, option] = to.includes(':')
      ? ['INET6', 'IPPROTO_IPV6', 'IPV6_UNICAST_HOPS']
      : ['INET', 'SOL_IP', 'IP_TTL'];
    const script = `import socket, sys
s = socket.socket(socket.AF_${type}, socket.SOCK_DGRAM)
s.setsockopt(socket.${level}, socket.${option}, ${hopLimit})
s.sendto(bytes.fromhex(sys.argv[1]), socket.getaddrinfo('${to}', ${PORTS.router})[0][4])`;
    netns.exec('/usr/bin/python3', ['-c', script, Buffer.from(datagram).toString('hex')]);
  }

  /** A router that has heard its node; then so many datagrams arrive, which all must be discarded. */
  async function expectDiscarded(
    family: Family,
    expected: Partial<Record<DiscardReason, number>>,
    attack: (home: LinkRig) => void | Promise<void>,
  ): Promise<void> {
    const home = openRouter();
    sendAs(family, bytesOf());
    await home.receivedOne();
    await attack(home);
    const sum = Object.values(expected).reduce((total, count) => total + count, 0);
    await until(() => home.link.statistics().received > sum, { what: 'what was sent' });
    expect(home.discarded()).toEqual(expected);
    expect(home.received).toHaveLength(1);
    expect(home.bursts.map(({ reason, count }) => [reason, count])).toEqual(
      Object.keys(expected).map((reason) => [reason, 1]),
    );
  }

  const unicast = (family: Family): string => (family === 4 ? ADDRESS.router : `${linkLocalOf(router)}%lan0`);

  describe.each([4, 6] as const)('IPv%i', (family) => {
    test('a message that nobody has authenticated', () =>
      expectDiscarded(family, { auth: 3 }, () => {
        const forged = [bytesOf(), bytesOf(), bytesOf()];
        for (const bytes of forged) bytes[bytes.length - 1]! ^= 1;
        sendAs(family, ...forged);
      }));

    test('a replayed message', () =>
      expectDiscarded(family, { order: 2 }, async (home) => {
        const once = bytesOf();
        home.received.length = 0;
        sendAs(family, once);
        await home.receivedOne(1);
        sendAs(family, once, once);
      }));

    test('a reflected message', () =>
      expectDiscarded(family, { role: 1, own: 1 }, () =>
        sendAs(family, bytesOf({ sender: ROUTER, receiver: NODE }, KEY, example('elect')), bytesOf({ sender: ROUTER })),
      ));

    test('another hop limit than 255', () =>
      expectDiscarded(family, { ttl: 2 }, () => {
        sendPlain(node, unicast(family), 64, bytesOf());
        sendPlain(node, unicast(family), 254, bytesOf());
      }));

    test('an oversized message, and one in fragments', () =>
      expectDiscarded(family, { size: 3 }, () => {
        const long = Buffer.concat([bytesOf(), Buffer.alloc(1200)]);
        long.writeUInt16BE(long.length, 4);
        sendPlain(node, unicast(family), 255, long);
        sendPlain(node, unicast(family), 255, Buffer.alloc(60_000));
        sendPlain(node, unicast(family), 255, Buffer.concat([bytesOf(), Buffer.alloc(1500)]));
      }));

    test('a message cut off at any byte', () => {
      const whole = bytesOf();
      // As many as a source may send at once: what is too short costs it nothing of that.
      return expectDiscarded(family, { size: whole.length - 1 }, async (home) => {
        for (let length = 1; length < whole.length; length++) {
          sendAs(family, whole.subarray(0, length));
          if (length % 100 === 0) await until(() => home.link.statistics().received > length - 20);
        }
      });
    });

    test("a key that was revoked, a key that is nobody's, and a key that is somebody else's", () =>
      expectDiscarded(family, { key: 3 }, (home) => {
        const revoked = testKey('revoked');
        const tablet = testKey('tablet');
        home.pairings = [
          ...home.pairings,
          pairingWith('old', [revoked]),
          pairingWith('tablet', [tablet], testId('tablet')),
        ];
        home.pairings = home.pairings.filter(({ name }) => name !== 'old');
        sendAs(family, bytesOf({}, revoked), bytesOf({}, testKey('nobody')), bytesOf({}, tablet));
      }));

    test('a message for another router, which is no news', () =>
      expectDiscardedQuietly(family, bytesOf({ receiver: testId('another router') })));

    test('more than a source may send', async () => {
      const home = openRouter();
      sendAs(family, ...Array.from({ length: 200 }, () => bytesOf()));
      await until(() => home.link.statistics().received === 200);
      const { rate = 0 } = home.discarded();
      expect(home.received.length + rate).toBe(200);
      expect(home.received.length).toBeGreaterThanOrEqual(40);
      expect(rate).toBeGreaterThan(0);
      expect(home.bursts).toMatchObject([{ reason: 'rate', count: 1 }]);
    });
  });

  async function expectDiscardedQuietly(family: Family, bytes: Uint8Array): Promise<void> {
    const home = openRouter();
    sendAs(family, bytes);
    await until(() => home.link.statistics().received === 1);
    expect([home.discarded(), home.received, home.bursts]).toEqual([{ receiver: 1 }, [], []]);
  }

  test('what comes from beyond the link', () =>
    expectDiscarded(4, { ttl: 1 }, () => sendPlain(far, ADDRESS.router, 255, bytesOf())));

  test('an IPv6 source that is not link-local', () => {
    router.ip('address add 2001:db8::1/64 dev lan0 nodad');
    node.ip('address add 2001:db8::2/64 dev lan0 nodad');
    return expectDiscarded(6, { ttl: 1 }, () => sendPlain(node, '2001:db8::1', 255, bytesOf()));
  });

  test('what nobody echoed lately, as the state machine says', async () => {
    const home = openRouter();
    sendAs(6, bytesOf());
    home.link.countDiscard('echo', (await home.receivedOne()).origin);
    expect(home.discarded()).toEqual({ echo: 1 });
    expect(home.bursts).toMatchObject([{ reason: 'echo', count: 1, origin: { ifname: 'lan0' } }]);
  });

  test('what an earlier run has taken already', async () => {
    const home = openRouter();
    const old = bytesOf();
    home.link.seed('phone', NODE, order);
    sendAs(6, old, bytesOf());
    await home.receivedOne();
    expect([home.discarded(), home.received.length]).toEqual([{ order: 1 }, 1]);
  });

  test('a node without a pairing is shown to a router, and is nothing else', async () => {
    const home = openRouter();
    const bytes = encode(
      { sender: NODE, receiver: null, order: 1n },
      { ...example('advertise'), name: 'tablet' },
      null,
    );
    sendAs(6, bytes);
    await until(() => home.link.strangers().length === 1);
    expect(home.link.strangers()).toMatchObject([{ id: NODE, name: 'tablet', origin: { ifname: 'lan0' } }]);
    expect([home.received, home.discarded(), home.peers]).toEqual([[], {}, []]);
  });
});

describe('rotation', () => {
  test('a node speaks with its newest key, the router follows once it has heard that', async () => {
    const fresh = testKey('fresh');
    const home = openRouter(6, [pairingWith('phone', [KEY, fresh])]);
    const phone = openNode(6);
    phone.send('home', example('advertise'));
    const { origin } = await home.receivedOne();
    home.send('phone', example('elect'), origin);
    await phone.receivedOne();
    phone.pairings = [pairingWith('home', [fresh], ROUTER)];
    phone.send('home', example('advertise'));
    await home.receivedOne();
    home.send('phone', example('renew'), origin);
    await phone.receivedOne();
    expect(home.keysUsed).toEqual([
      ['phone', KEY.id],
      ['phone', fresh.id],
    ]);
    expect([home.discarded(), phone.discarded()]).toEqual([{}, {}]);
  });
});

describe('interfaces', () => {
  test('what goes to all goes once: by IPv4 where there is no link-local address', async () => {
    const home = openRouter();
    const phone = openNode();
    phone.send('home', example('advertise'));
    expect((await home.receivedOne()).origin.address.family).toBe(6);
    const linkLocal = linkLocalOf(node);
    // The kernel would send from there, and nobody would listen.
    node.ip('address add 2001:db8:1::2/64 dev lan0 nodad');
    node.ip(`address del ${linkLocal}/64 dev lan0`);
    phone.send('home', example('advertise'));
    expect((await home.receivedOne()).origin.address.family).toBe(4);
    node.ip(`address add ${linkLocal}/64 dev lan0 nodad`);
    phone.send('home', example('advertise'));
    expect((await home.receivedOne()).origin.address.family).toBe(6);
    expect(home.link.statistics().received).toBe(3);
  });

  test('an interface that is made anew is joined anew, and one that is taken away is left', async () => {
    const make = (): void => {
      connectNetns(router, 'tmp0', ['203.0.113.1/24'], node, 'tmp0', ['203.0.113.2/24']);
    };
    make();
    const home = openRouter(4).speakOn('tmp0');
    const phone = openNode(4).speakOn('tmp0');
    phone.send('home', example('advertise'));
    const before = await home.receivedOne();
    router.ip('link del tmp0');
    make();
    phone.send('home', example('advertise'));
    expect(phone.link.statistics().sendErrors).toBe(1);
    home.speakOn('tmp0');
    phone.speakOn('tmp0');
    phone.send('home', example('advertise'));
    const { origin } = await home.receivedOne();
    expect(origin.ifname).toBe('tmp0');
    expect(origin.ifindex).not.toBe(before.origin.ifindex);
    home.link.setInterfaces([]);
    home.send('phone', example('elect'), origin);
    expect(home.link.statistics()).toMatchObject({ sent: 0, sendErrors: 1 });
    router.ip('link del tmp0');
  });

  test('an interface that cannot be opened is told of, and tried again', async () => {
    const taken = openRouter();
    const home = new LinkRig('router', router, { pairings: taken.pairings }).speakOn('lan0');
    open.push(home.link);
    expect(home.link.problems()).toEqual([{ ifname: 'lan0', reason: expect.stringContaining('EADDRINUSE') as string }]);
    taken.link.close();
    await until(() => home.link.problems().length === 0);
    openNode().send('home', example('advertise'));
    await home.receivedOne();
  });
});
