/**
 *     [wan0, wan1] this process ------- [f0, f1] far: TCP 53 open, UDP 53 answers, TCP 54 refuses
 *
 * Default routes lead by both, wan0 first.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openBackhaul, type BackhaulMonitor, type BackhaulTarget } from '../../../src/gateway/node/backhaul/index.js';
import { probeTarget } from '../../../src/gateway/node/backhaul/probe.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { systemClock } from '../../../src/system-clock.js';
import { NamedNetns } from '../../helpers/named-netns.js';
import { enterOwnNetns, ip } from '../../helpers/own-netns.js';
import { until } from '../../helpers/poll.js';

/** Bound to its addresses, so that answers come from where the question went. */
const SERVER = `
import select, socket
sockets = []
for family, address in ((socket.AF_INET, '203.0.113.9'), (socket.AF_INET6, '2001:db8:9::9')):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(family, kind); s.bind((address, 53)); sockets.append(s)
        if kind == socket.SOCK_STREAM: s.listen(100)
print('ready', flush=True)
while True:
    for s in select.select(sockets, [], [])[0]:
        if s.type == socket.SOCK_STREAM: s.accept()[0].close()
        else:
            data, peer = s.recvfrom(512); s.sendto(data[:2] + b'\\x81\\x85' + data[4:], peer)
`;
let far: NamedNetns;
let server: ChildProcess;
let monitor: BackhaulMonitor | undefined;

beforeAll(async () => {
  enterOwnNetns();
  far = new NamedNetns('backhaul');
  far.ip('address add 203.0.113.9/32 dev lo');
  far.ip('address add 2001:db8:9::9/128 dev lo');
  for (const n of [0, 1]) {
    ip(`link add wan${n} type veth peer name f${n} netns ${far.name}`);
    ip(`address add 198.51.100.${n * 4 + 2}/30 dev wan${n}`);
    ip(`address add 2001:db8:${n}::2/64 dev wan${n} nodad`);
    far.ip(`address add 198.51.100.${n * 4 + 1}/30 dev f${n}`);
    far.ip(`address add 2001:db8:${n}::1/64 dev f${n} nodad`);
    far.ip(`link set f${n} up`);
    ip(`link set wan${n} up`);
  }
  useBoth();
  server = spawn('ip', ['netns', 'exec', far.name, 'python3', '-c', SERVER], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout!, 'data');
});
afterEach(() => monitor?.close());
afterAll(() => {
  server?.kill('SIGKILL');
  far?.remove();
});

function useBoth(): void {
  for (const n of [0, 1]) {
    ip(`-4 route replace default via 198.51.100.${n * 4 + 1} metric ${100 + n}`);
    ip(`-6 route replace default via 2001:db8:${n}::1 metric ${100 + n}`);
  }
}

function target(kind: 'tcp' | 'dns', family: 4 | 6 = 4, port = 53): BackhaulTarget {
  return { kind, address: IpAddress.parse(family === 4 ? '203.0.113.9' : '2001:db8:9::9'), port };
}

function watch(wanted: string, exclude: string[] = []): BackhaulMonitor {
  const targets = [target('dns'), target('tcp', 6)];
  const options = { interface: wanted, exclude: () => exclude, targets, clock: systemClock };
  monitor = openBackhaul({ ...options, intervalMs: 50, timeoutMs: 300 });
  return monitor;
}
const states = (of: BackhaulMonitor): string[] => of.paths().map(({ state }) => state);

describe('a probe', () => {
  test.each([
    { what: 'a connection', asked: target('tcp') },
    { what: 'a connection by IPv6', asked: target('tcp', 6) },
    { what: 'an answer to a question', asked: target('dns') },
    { what: 'an answer to a question by IPv6', asked: target('dns', 6) },
    { what: 'a refused connection', asked: target('tcp', 4, 54) },
    { what: 'a port without a resolver', asked: target('dns', 6, 54) },
  ])('is answered by $what', async ({ asked }) => {
    const rttUs = await probeTarget(asked, 'wan0', 10_000);
    expect(rttUs).toBeGreaterThan(0);
    expect(rttUs).toBeLessThan(10_000_000);
  });

  test('leaves by its interface, whatever the routing table prefers', async () => {
    far.exec('nft', [
      'table inet cut { chain c { type filter hook prerouting priority 0; iifname "f1" meta l4proto { tcp, udp } drop\n }\n}',
    ]);
    try {
      await expect(probeTarget(target('tcp'), 'wan1', 200)).rejects.toThrow('ETIMEDOUT');
      await expect(probeTarget(target('dns', 6), 'wan1', 200)).rejects.toThrow('ETIMEDOUT');
      expect(await probeTarget(target('dns', 6), 'wan0', 10_000)).toBeGreaterThan(0);
    } finally {
      far.exec('nft', ['delete table inet cut']);
    }
  });

  test('without a route by its interface says so', async () => {
    await expect(probeTarget(target('tcp'), 'lo', 200)).rejects.toThrow();
  });
});

describe('the way out', () => {
  test('is good soon after the start in both families, by the best default route', async () => {
    const of = watch('auto');
    await until(() => states(of).join() === 'good,good', { what: 'two good families' });
    expect(of.interfaces()).toEqual({ 4: 'wan0', 6: 'wan0' });
    expect(of.gateways().map(String)).toEqual(['198.51.100.1', '2001:db8::1']);
    expect(of.paths()[0]).toMatchObject({ family: 4, lossPermille: 0 });
    expect(of.paths()[0]!.rttUs).toBeGreaterThan(0);
    expect(of.problems()).toEqual([]);
  });

  test('turns bad when nothing answers any more, says why, and good again', async () => {
    const of = watch('wan0');
    const seen: string[] = [];
    of.onChange(() => seen.push(states(of)[0]!));
    await until(() => states(of)[0] === 'good', { what: 'good' });
    far.exec('nft', [
      'table inet cut { chain c { type filter hook prerouting priority 0; meta l4proto { tcp, udp } drop\n }\n}',
    ]);
    try {
      await until(() => states(of)[0] === 'bad', { what: 'bad' });
      expect(of.problems()).toContainEqual({ family: 4, reason: 'no target answers by wan0 (ETIMEDOUT)' });
      expect(of.paths()[0]!.lossPermille).toBeGreaterThan(0);
    } finally {
      far.exec('nft', ['delete table inet cut']);
    }
    await until(() => states(of)[0] === 'good', { what: 'good again' });
    expect(seen).toEqual(expect.arrayContaining(['good', 'bad']));
  });

  test('follows the default route, never to where routers are served, and says when there is none', async () => {
    const of = watch('auto', ['wan1']);
    await until(() => states(of).join() === 'good,good', { what: 'good by wan0' });
    ip('-4 route del default via 198.51.100.1');
    await until(() => of.paths().length === 1, { what: 'no way out in IPv4' });
    expect(of.interfaces()).toEqual({ 6: 'wan0' });
    expect(of.problems()).toEqual([
      { family: 4, reason: 'the only default route is by wan1, where routers are served' },
    ]);
    of.close();
    const free = watch('auto');
    expect(free.interfaces()).toEqual({ 4: 'wan1', 6: 'wan0' });
    useBoth();
    await until(() => free.interfaces()[4] === 'wan0', { what: 'following the better route' });
    ip('-4 route flush exact default');
    await until(() => free.problems().some(({ reason }) => reason === 'no default route'), { what: 'none' });
    useBoth();
    await until(() => states(free).join() === 'good,good', { what: 'recovery' });
    free.close();
  });

  test('by an interface that is not there is none', () => {
    const of = watch('wwan9');
    expect(of.paths()).toEqual([]);
    expect(of.problems()[0]).toEqual({ family: 4, reason: 'there is no interface wwan9' });
  });
});
