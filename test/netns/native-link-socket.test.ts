/**
 * Sockets of one interface and family, as the gateway protocol uses them.
 *
 *     left [left0] 192.0.2.1/24 ------ 192.0.2.2/24 [right0] right
 *     left [left1] 198.51.100.1/24 --- 198.51.100.2/24 [right1] right
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { native, type LinkDatagram, type LinkSocket, type LinkSocketOptions } from '../../src/native.js';
import { connectNetns, NamedNetns } from '../helpers/named-netns.js';
import { until } from '../helpers/poll.js';
import { addressBytes } from '../helpers/probe-frame.js';

const GROUP = { 4: addressBytes('239.255.68.68'), 6: addressBytes('ff12::6868') } as const;
const MAXIMUM_BYTES = 100;
const HERE = 6868;
const THERE = 6869;

let left: NamedNetns;
let right: NamedNetns;
const open: LinkSocket[] = [];

beforeAll(async () => {
  left = new NamedNetns('link-left');
  right = new NamedNetns('link-right');
  connectNetns(left, 'left0', ['192.0.2.1/24'], right, 'right0', ['192.0.2.2/24']);
  connectNetns(left, 'left1', ['198.51.100.1/24'], right, 'right1', ['198.51.100.2/24']);
  for (const netns of [left, right]) await until(() => !netns.ip('-6 address show').includes('tentative'));
});
afterEach(() => open.splice(0).forEach((socket) => socket.close()));
afterAll(() => {
  left?.remove();
  right?.remove();
});

interface Receiver {
  socket: LinkSocket;
  wakeUps: number;
  errors: string[];
}

function openOn(netns: NamedNetns, ifname: string, family: 4 | 6, changes: Partial<LinkSocketOptions> = {}): Receiver {
  const isLeft = netns === left;
  const receiver: Receiver = { socket: undefined!, wakeUps: 0, errors: [] };
  receiver.socket = native.openLinkSocket({
    family,
    ifindex: netns.ifindexOf(ifname),
    ifname,
    port: isLeft ? HERE : THERE,
    peerPort: isLeft ? THERE : HERE,
    group: GROUP[family],
    maximumBytes: MAXIMUM_BYTES,
    netns: netns.path,
    onReadable: () => void receiver.wakeUps++,
    onError: (code) => void receiver.errors.push(code),
    ...changes,
  });
  open.push(receiver.socket);
  return receiver;
}

async function receiveOne({ socket }: Receiver): Promise<LinkDatagram> {
  return until(() => socket.receive(1)[0], { what: 'a datagram' });
}

function textAddressOf(netns: NamedNetns, ifname: string, family: 4 | 6): string {
  const shown = netns.ip(`-${family} address show dev ${ifname}`);
  return (family === 6 ? /inet6 (fe80[^/]+)/ : /inet ([^/]+)/).exec(shown)![1]!;
}

const addressOf = (netns: NamedNetns, ifname: string, family: 4 | 6): Uint8Array =>
  addressBytes(textAddressOf(netns, ifname, family));

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Lets the event loop poll as often as that. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Sends with plain sockets, as somebody would who doesn't follow the protocol. */
function sendFrom(netns: NamedNetns, script: string): void {
  netns.exec('/usr/bin/python3', ['-c', `import socket\n${script}`]);
}

describe.each([4, 6] as const)('a link socket of IPv%i', (family) => {
  test('receives what goes to the group, with source, destination and a hop limit of 255', async () => {
    const sender = openOn(left, 'left0', family);
    const receiver = openOn(right, 'right0', family);
    sender.socket.send(GROUP[family], Buffer.from('to all'));
    const datagram = await receiveOne(receiver);
    expect(datagram.bytes.toString()).toBe('to all');
    expect(datagram).toMatchObject({ hopLimit: 255, sourcePort: HERE, truncated: false, fragmented: false });
    expect(datagram.source).toEqual(addressOf(left, 'left0', family));
    expect(datagram.destination).toEqual(GROUP[family]);
  });

  test('answers to the source of what it received', async () => {
    const asking = openOn(left, 'left0', family);
    const answering = openOn(right, 'right0', family);
    asking.socket.send(GROUP[family], Buffer.from('question'));
    answering.socket.send((await receiveOne(answering)).source, Buffer.from('answer'));
    const answer = await receiveOne(asking);
    expect(answer.bytes.toString()).toBe('answer');
    expect(answer.hopLimit).toBe(255);
    expect(answer.destination).toEqual(addressOf(left, 'left0', family));
  });

  test('receives nothing that came by another interface', async () => {
    const other = openOn(right, 'right1', family);
    const receiver = openOn(right, 'right0', family);
    openOn(left, 'left0', family).socket.send(GROUP[family], Buffer.from('on 0'));
    await receiveOne(receiver);
    expect(other.socket.receive(10)).toEqual([]);
    openOn(left, 'left1', family).socket.send(GROUP[family], Buffer.from('on 1'));
    expect((await receiveOne(other)).bytes.toString()).toBe('on 1');
    expect(receiver.socket.receive(10)).toEqual([]);
  });

  test('does not hear itself, nor another role on the same machine', async () => {
    const router = openOn(left, 'left0', family);
    const node = openOn(left, 'left0', family, { port: THERE, peerPort: HERE });
    const far = openOn(right, 'right0', family);
    node.socket.send(GROUP[family], Buffer.from('from the node'));
    router.socket.send(GROUP[family], Buffer.from('from the router'));
    expect((await receiveOne(far)).bytes.toString()).toBe('from the router');
    expect(router.socket.receive(10)).toEqual([]);
    expect(node.socket.receive(10)).toEqual([]);
  });

  test('shares a machine with the other role, each receiving its own unicasts', async () => {
    const router = openOn(left, 'left0', family);
    const node = openOn(left, 'left0', family, { port: THERE, peerPort: HERE });
    const there = addressOf(left, 'left0', family);
    openOn(right, 'right0', family).socket.send(there, Buffer.from('for a router'));
    openOn(right, 'right0', family, { port: HERE, peerPort: THERE }).socket.send(there, Buffer.from('for a node'));
    expect((await receiveOne(router)).bytes.toString()).toBe('for a router');
    expect((await receiveOne(node)).bytes.toString()).toBe('for a node');
  });

  test('lets nobody else have its port', () => {
    openOn(left, 'left0', family);
    expect(() => openOn(left, 'left0', family)).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }) as Error);
    expect(() => openOn(left, 'left1', family)).not.toThrow();
  });

  test('tells of what was longer than its buffer', async () => {
    const receiver = openOn(right, 'right0', family);
    const sender = openOn(left, 'left0', family);
    sender.socket.send(GROUP[family], Buffer.alloc(MAXIMUM_BYTES, 1));
    sender.socket.send(GROUP[family], Buffer.alloc(MAXIMUM_BYTES + 1, 2));
    expect(await receiveOne(receiver)).toMatchObject({ truncated: false });
    const cut = await receiveOne(receiver);
    expect(cut.truncated).toBe(true);
    expect(cut.bytes).toEqual(Buffer.alloc(MAXIMUM_BYTES, 2));
  });

  test('never sends in fragments', () => {
    const sender = openOn(left, 'left0', family);
    expect(() => sender.socket.send(GROUP[family], Buffer.alloc(1600))).toThrow(
      expect.objectContaining({ code: 'EMSGSIZE' }) as Error,
    );
  });

  test('tells of what came in fragments, and of the hop limit that others chose', async () => {
    const receiver = openOn(right, 'right0', family, { maximumBytes: 4000 });
    const to = textAddressOf(right, 'right0', family) + (family === 4 ? '' : '%left0');
    const [type, level, option] =
      family === 4 ? ['INET', 'SOL_IP', 'IP_TTL'] : ['INET6', 'IPPROTO_IPV6', 'IPV6_UNICAST_HOPS'];
    sendFrom(
      left,
      `s = socket.socket(socket.AF_${type}, socket.SOCK_DGRAM)
s.setsockopt(socket.${level}, socket.${option}, 64)
to = socket.getaddrinfo('${to}', ${THERE})[0][4]
s.sendto(b'x' * 3000, to)
s.sendto(b'short', to)`,
    );
    const long = await receiveOne(receiver);
    expect(long.bytes).toHaveLength(3000);
    expect(long).toMatchObject({ fragmented: true, hopLimit: 64 });
    expect(await receiveOne(receiver)).toMatchObject({ fragmented: false, hopLimit: 64 });
  });

  test('calls once, and again only after everything has been read', async () => {
    const receiver = openOn(right, 'right0', family);
    const sender = openOn(left, 'left0', family);
    sender.socket.send(GROUP[family], Buffer.from('1'));
    await until(() => receiver.wakeUps === 1);
    for (let i = 2; i <= 70; i++) sender.socket.send(GROUP[family], Buffer.from(String(i)));
    await turns(5);
    expect(receiver.wakeUps).toBe(1);
    expect(receiver.socket.receive(60).map(({ bytes }) => Number(bytes.toString()))).toEqual(range(1, 60));
    await turns(5);
    expect(receiver.wakeUps).toBe(1);
    expect(receiver.socket.receive(60).map(({ bytes }) => Number(bytes.toString()))).toEqual(range(61, 70));
    sender.socket.send(GROUP[family], Buffer.from('again'));
    await until(() => receiver.wakeUps === 2);
  });

  test('counts what the kernel dropped because nobody read', () => {
    const receiver = openOn(right, 'right0', family, { receiveBufferBytes: 10_000 });
    const sender = openOn(left, 'left0', family);
    const sent = 500;
    for (let i = 0; i < sent; i++) sender.socket.send(GROUP[family], Buffer.alloc(MAXIMUM_BYTES));
    const received = receiver.socket.receive(sent).length;
    expect(received).toBeGreaterThan(0);
    expect(received).toBeLessThan(sent);
    expect(receiver.socket.overruns).toBe(sent - received);
    receiver.socket.close();
    expect(receiver.socket.overruns).toBe(sent - received);
  });

  test('may be closed while datagrams wait, and from its own callback', async () => {
    let closed = false;
    const receiver = openOn(right, 'right0', family, {
      onReadable: () => {
        receiver.socket.close();
        closed = true;
      },
    });
    const waiting = openOn(right, 'right1', family);
    openOn(left, 'left1', family).socket.send(GROUP[family], Buffer.from('x'));
    await until(() => waiting.wakeUps === 1);
    waiting.socket.close();
    openOn(left, 'left0', family).socket.send(GROUP[family], Buffer.from('x'));
    await until(() => closed);
    for (const { socket } of [receiver, waiting]) {
      expect(() => socket.receive(1)).toThrow(expect.objectContaining({ code: 'EBADF' }) as Error);
      socket.close();
    }
  });

  test('tells of an error of its socket, and goes on', async ({ skip }) => {
    const receiver = openOn(right, 'right0', family);
    const { stderr } = spawnSync('ip', ['netns', 'exec', right.name, 'ss', '-K', '-u', '-a', `sport = :${THERE}`], {
      encoding: 'utf8',
    });
    skip(stderr.includes('not supported'), 'this kernel cannot destroy sockets (CONFIG_INET_DIAG_DESTROY)');
    await until(() => receiver.errors.length > 0, { what: 'the error' });
    expect(receiver.errors).toEqual(['ECONNABORTED']);
    expect(receiver.socket.receive(1)).toEqual([]);
  });

  test('throws when it sends by an interface that has gone, and may be closed then', () => {
    left.ip('link add gone0 type veth peer name gone1');
    left.ip('address add 203.0.113.1/24 dev gone0');
    left.ip('link set gone0 up');
    left.ip('link set gone1 up');
    const { socket } = openOn(left, 'gone0', family);
    left.ip('link del gone0');
    expect(() => socket.send(GROUP[family], Buffer.from('x'))).toThrow(
      expect.objectContaining({ syscall: 'sendto' }) as Error,
    );
    expect(socket.source()).toBeNull();
    socket.close();
  });

  test('knows the source address that it would use', async () => {
    expect(openOn(left, 'left0', family).socket.source()).toEqual(addressOf(left, 'left0', family));
  });
});

test('an interface without an IPv6 address of its own has no link-local source', () => {
  left.ip('link add bare0 type veth peer name bare1');
  left.ip('link set bare0 addrgenmode none');
  left.ip('link set bare0 up');
  left.ip('link set bare1 up');
  const { socket } = openOn(left, 'bare0', 6);
  const before = socket.source();
  left.ip('address add fe80::7/64 dev bare0 nodad');
  expect([before, socket.source()]).toEqual([null, addressBytes('fe80::7')]);
  left.ip('link del bare0');
});

test('a link socket of a device that does not exist is an error', () => {
  expect(() => openOn(left, 'left0', 4, { ifindex: 99_999 })).toThrow(
    expect.objectContaining({ code: 'EADDRNOTAVAIL' }) as Error,
  );
  expect(() => openOn(left, 'left0', 4, { group: new Uint8Array(16) })).toThrow(TypeError);
  expect(() => openOn(left, 'left0', 6).socket.send(new Uint8Array(4), Buffer.from('x'))).toThrow(TypeError);
});

test('no capability is needed', () => {
  const script = `
    const native = require(${JSON.stringify(fileURLToPath(new URL('../../native/build/Release/detour_native.node', import.meta.url)))});
    for (const [family, group] of [[4, [239, 255, 68, 68]], [6, [255, 18, ...Array(12).fill(0), 0x68, 0x68]]]) {
      const socket = native.openLinkSocket({ family, ifindex: ${left.ifindexOf('left0')}, ifname: 'left0', port: 6868,
        peerPort: 6869, group: Uint8Array.from(group), maximumBytes: 100, receiveBufferBytes: 1 << 20,
        onReadable() {}, onError() {} });
      socket.send(Uint8Array.from(group), Buffer.from('x'));
      if (socket.source() === null) throw new Error('no source');
      socket.close();
    }
    console.log(require('node:fs').readFileSync('/proc/self/status', 'utf8').match(/CapEff:\\s*(\\w+)/)[1]);`;
  const { stdout, stderr } = spawnSync(
    'ip',
    ['netns', 'exec', left.name, 'setpriv', '--bounding-set=-all', '--inh-caps=-all', process.execPath, '-e', script],
    { encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  expect(BigInt(`0x${stdout.trim()}`)).toBe(0n);
});
