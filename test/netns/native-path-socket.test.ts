/**
 * Path sockets leave by the device they are bound to, whatever the routing table prefers.
 *
 *     client [wan0] 192.0.2.1/24, 2001:db8:0::1/64 ------ .2 [gw0] server   <- the client's default route
 *     client [wan1] 198.51.100.1/24, 2001:db8:1::1/64 --- .2 [gw1] server
 */
import { createSocket } from 'node:dgram';
import { writeSync } from 'node:fs';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { native, type PathSocketOptions } from '../../src/native.js';
import { connectNetns, NamedNetns } from '../helpers/named-netns.js';
import { addressBytes } from '../helpers/probe-frame.js';

/** Answers each TCP connection and each datagram with the address that it sees; prints its TCP and UDP port. */
const SERVER = `
const net = require('node:net'), dgram = require('node:dgram');
const udp = dgram.createSocket('udp6').on('message', (_, from) => udp.send(from.address, from.port, from.address));
const tcp = net.createServer((socket) => socket.end(socket.remoteAddress)).listen(0, '::', () =>
  udp.bind(0, '::', () => console.log(tcp.address().port + ' ' + udp.address().port)));
`;
/** Of the far side, reached only by a route. */
const FAR = { 4: '203.0.113.1', 6: '2001:db8:f::1' } as const;
const SOURCE = {
  wan0: { 4: '192.0.2.1', 6: '2001:db8:0::1' },
  wan1: { 4: '198.51.100.1', 6: '2001:db8:1::1' },
} as const;

let client: NamedNetns;
let server: NamedNetns;
let serverProcess: ChildProcess;
let lines: Interface;
let tcpPort: number;
let udpPort: number;

beforeAll(async () => {
  client = new NamedNetns('client');
  server = new NamedNetns('server');
  connectNetns(client, 'wan0', ['192.0.2.1/24', '2001:db8:0::1/64'], server, 'gw0', [
    '192.0.2.2/24',
    '2001:db8:0::2/64',
  ]);
  connectNetns(client, 'wan1', ['198.51.100.1/24', '2001:db8:1::1/64'], server, 'gw1', [
    '198.51.100.2/24',
    '2001:db8:1::2/64',
  ]);
  server.ip(`address add ${FAR[4]}/32 dev lo`);
  server.ip(`address add ${FAR[6]}/128 dev lo`);
  for (const [link, metric] of [
    ['wan0', 10],
    ['wan1', 20],
  ] as const) {
    const net = link === 'wan0' ? ['192.0.2.2', '2001:db8:0::2'] : ['198.51.100.2', '2001:db8:1::2'];
    client.ip(`route add default via ${net[0]} dev ${link} metric ${metric}`);
    client.ip(`-6 route add default via ${net[1]} dev ${link} metric ${metric}`);
  }
  const counters = ['wan0', 'wan1'].map((link) => `counter ${link} {}`).join('; ');
  const rules = ['wan0', 'wan1']
    .map((link) => `oifname ${link} ip protocol { tcp, udp } counter name ${link}`)
    .join('; ');
  client.exec('nft', [
    `table inet left { ${counters}; chain output { type filter hook output priority 0; ${rules}; }; }`,
  ]);
  serverProcess = spawn('ip', ['netns', 'exec', server.name, process.execPath, '-e', SERVER], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  lines = createInterface(serverProcess.stdout!);
  const [ports] = (await once(lines, 'line')) as [string];
  [tcpPort, udpPort] = ports.split(' ').map(Number) as [number, number];
});
afterAll(async () => {
  if (serverProcess) {
    serverProcess.kill();
    await once(serverProcess, 'close');
  }
  client?.remove();
  server?.remove();
});

function path(family: 4 | 6, link: 'wan0' | 'wan1', changes: Partial<PathSocketOptions> = {}): PathSocketOptions {
  return {
    kind: 'tcp',
    family,
    ifname: link,
    mark: 0,
    source: addressBytes(SOURCE[link][family]),
    destination: addressBytes(FAR[family]),
    port: tcpPort,
    scopeId: 0,
    timeoutMs: 10_000,
    netns: client.path,
    ...changes,
  };
}

/** TCP and UDP of IPv4 that left by the link; not what the kernel says there of its own accord. */
function transmitted(link: string): number {
  const text = client.exec('nft', ['-j', 'list', 'counter', 'inet', 'left', link]);
  return (JSON.parse(text) as { nftables: { counter?: { packets: number } }[] }).nftables.find((one) => one.counter)!
    .counter!.packets;
}

/** Reads until the other side ends. */
async function readAll(fd: number): Promise<string> {
  const socket = new Socket({ fd });
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'close');
  return text;
}

describe.each([4, 6] as const)('a TCP path socket over IPv%i', (family) => {
  test.each(['wan0', 'wan1'] as const)('leaves by %s with its source address', async (link) => {
    const other = link === 'wan0' ? 'wan1' : 'wan0';
    const before = transmitted(other);
    const { fd, connectUs } = await native.openPathSocket(path(family, link));
    expect(connectUs).toBeGreaterThan(0);
    const seen = (await readAll(fd)).replace('::ffff:', '');
    expect(addressBytes(seen)).toEqual(addressBytes(SOURCE[link][family]));
    if (family === 4) expect(transmitted(other)).toBe(before);
  });

  test('rejects with ECONNREFUSED where nobody listens', async () => {
    await expect(native.openPathSocket(path(family, 'wan1', { port: 1 }))).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      syscall: 'connect',
    });
  });

  test('rejects with ETIMEDOUT when nobody answers in time', async () => {
    server.ip('link set gw1 arp off');
    const gateway = family === 4 ? '198.51.100.9' : '2001:db8:1::9';
    client.ip(`neighbour replace ${gateway} lladdr 02:00:00:00:00:99 nud permanent dev wan1`);
    await expect(
      native.openPathSocket(path(family, 'wan1', { destination: addressBytes(gateway), timeoutMs: 50 })),
    ).rejects.toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect' });
    server.ip('link set gw1 arp on');
  });

  test('rejects a source address that is not there', async () => {
    const source = addressBytes(family === 4 ? '192.0.2.77' : '2001:db8::77');
    await expect(native.openPathSocket(path(family, 'wan0', { source }))).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
      syscall: 'bind',
    });
  });

  test('carries its mark', async () => {
    const nft = (...args: string[]): string => client.exec('nft', args);
    nft('add table inet marks; add counter inet marks seen');
    nft(
      'add chain inet marks out { type filter hook output priority 0; }; add rule inet marks out meta mark 7 counter name seen',
    );
    const seen = (): number => {
      const listed = JSON.parse(nft('-j', 'list counter inet marks seen')) as {
        nftables: { counter?: { packets: number } }[];
      };
      return listed.nftables.find(({ counter }) => counter)!.counter!.packets;
    };
    try {
      await readAll((await native.openPathSocket(path(family, 'wan1', { mark: 8 }))).fd);
      expect(seen()).toBe(0);
      await readAll((await native.openPathSocket(path(family, 'wan1', { mark: 7 }))).fd);
      expect(seen()).toBeGreaterThan(0);
    } finally {
      nft('delete table inet marks');
    }
  });
});

describe('a path socket', () => {
  test('for UDP is connected at once', async () => {
    /* The server's own address: from a wildcard socket it would answer with that one anyway. */
    const address = '198.51.100.2';
    const destination = addressBytes(address);
    const { fd, connectUs } = await native.openPathSocket(path(4, 'wan1', { kind: 'udp', port: udpPort, destination }));
    expect(connectUs).toBe(0);
    const socket = createSocket('udp4');
    socket.bind({ fd });
    const answer = once(socket, 'message') as Promise<[Buffer]>;
    /* dgram does not know that it is connected, and libuv refuses to send on it with an address. */
    writeSync(fd, 'who am I?');
    expect((await answer)[0].toString().replace('::ffff:', '')).toBe(SOURCE.wan1[4]);
    socket.close();
  });

  test('needs a device that exists', async () => {
    await expect(native.openPathSocket(path(4, 'wan0', { ifname: 'none' }))).rejects.toMatchObject({
      code: 'ENODEV',
      syscall: 'setsockopt(SO_BINDTODEVICE)',
    });
  });

  test.each([
    ['kind', { kind: 'sctp' }],
    ['family', { family: 5 }],
    ['ifname', { ifname: '' }],
    ['ifname', { ifname: 'a-name-that-is-too-long' }],
    ['source', { source: new Uint8Array(16) }],
    ['destination', { destination: new Uint8Array(3) }],
    ['port', { port: 0 }],
    ['port', { port: 65536 }],
    ['mark', { mark: -1 }],
    ['timeoutMs', { timeoutMs: 0 }],
  ])('throws for a wrong %s, naming it', (name, changes) => {
    expect(() => native.openPathSocket(path(4, 'wan0', changes as never))).toThrow(`options.${name} must`);
  });
});
