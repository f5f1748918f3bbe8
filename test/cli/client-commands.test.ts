import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runInProcess, type CliResult } from '../helpers/cli.js';
import { TEST_TOKEN, useController, type TestController } from '../helpers/controller.js';

const startController = useController();
let controller: TestController;
beforeEach(async () => {
  for (const name of ['DETOUR_SOCKET', 'DETOUR_URL', 'DETOUR_TOKEN']) vi.stubEnv(name, '');
  controller = await startController();
});
afterEach(() => vi.unstubAllEnvs());

const detour = (...args: string[]): Promise<CliResult> => runInProcess([...args, '--socket', controller.socket]);

test('every command prints its answer and ends with 0', async () => {
  controller.service.recordOneOfEach();
  for (const [command, expected] of [
    ['status', /^detour: degraded, active/],
    ['uplinks', /^UPLINK +INTERFACE/],
    ['uplinks lte', /^lte: interface wwan0/],
    ['groups', /internet +IPv6 +fibre/],
    ['routes', /198\.51\.100\.0\/24 +blackhole +yes +no/],
    [
      'interfaces',
      /eth1: XDP generic, because the driver has no native XDP\n[^]*eth0: forwarded 988 k, not-ip 42, ttl 1/,
    ],
    ['lookup 192.0.2.1', /via 192\.0\.2\.1 dev eth1,\s+by xdp/],
    ['events', /#1 fibre IPv4 up -> down: icmp-1: 3 of 3 probes to 198.51.100.1 lost/],
  ] as const) {
    const result = await detour(...command.split(' '));
    expect(result, command).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout, command).toMatch(expected);
  }
});

test('--json prints what the API answers', async () => {
  expect(JSON.parse((await detour('status', '--json')).stdout)).toMatchObject({
    health: { status: 'degraded' },
    uplinks: [{ name: 'fibre' }, { name: 'lte' }],
    groups: [{ group: 'internet' }, { group: 'internet' }],
    interfaces: [{ name: 'eth0' }, { name: 'eth1' }, { name: 'wwan0' }],
  });
  expect(JSON.parse((await detour('uplinks', 'fibre', '--json')).stdout)).toMatchObject({ name: 'fibre' });
  expect(JSON.parse((await detour('lookup', '::1', '--json')).stdout)).toMatchObject({ to: '::1', prefix: '::/0' });
  expect(JSON.parse((await detour('drain', 'lte', '--json')).stdout)).toMatchObject({ name: 'lte', drained: true });
});

test('drain, undrain, force and auto reach the controller and say how it is now', async () => {
  expect((await detour('drain', 'lte')).stdout).toBe('lte is drained: IPv4 drained, IPv6 drained\n');
  expect((await detour('drain', 'lte')).stdout).toBe('lte was drained already: IPv4 drained, IPv6 drained\n');
  expect((await detour('undrain', 'lte')).stdout).toBe('lte is no longer drained: IPv4 up, IPv6 up\n');
  expect((await detour('undrain', 'lte')).stdout).toBe('lte was not drained: IPv4 up, IPv6 up\n');
  expect((await detour('force', 'internet', 'lte')).stdout).toBe(
    'internet IPv4 is forced to lte; in use: lte\ninternet IPv6 is forced to lte; in use: lte\n',
  );
  expect((await detour('auto', 'internet')).stdout).toContain('internet IPv6 decides by itself; in use: fibre\n');
  expect(controller.service.commands).toEqual([
    'drain lte by api (unix socket)',
    'drain lte by api (unix socket)',
    'undrain lte by api (unix socket)',
    'undrain lte by api (unix socket)',
    'force internet lte by api (unix socket)',
    'auto internet by api (unix socket)',
  ]);
});

test('a force onto an uplink that is down says who carries the traffic until then, and why', async () => {
  expect((await detour('force', 'internet', 'lte')).stdout.replaceAll('\n  ', ' ')).toBe(
    'internet IPv4 is forced to lte; in use: lte\ninternet IPv6 is forced to lte; in use: fibre\n' +
      '! lte IPv6 is down, the traffic goes by fibre until it can be used: icmp-1: 3 of 3 probes to 2001:db8:f::1 lost ' +
      '(no reply within 20 ms), last reply seen 61 ms before\n',
  );
});

test('routes --problems without problems says so, and that there are routes', async () => {
  controller.service.routeList = controller.service.routeList.filter((route) => route.problem === null);
  expect((await detour('routes', '--problems')).stdout).toBe('no route has a problem\n');
  controller.service.routeList = [];
  expect((await detour('routes', '--problems')).stdout).toBe('no routes\n');
});

test.each([
  [['uplinks', 'cable'], 1, 'no uplink named "cable"; known: fibre, lte'],
  [['drain', '../groups'], 1, 'no uplink named "../groups"; known: fibre, lte'],
  [['force', 'internet', 'cable'], 1, 'uplink "cable" is not a member of group "internet"; members: fibre, lte'],
  [['auto', 'lan'], 1, 'no group named "lan"; known: internet'],
  [['lookup', 'fe80::1%eth0'], 64, '<to>: "fe80::1%eth0": zone ids are not accepted: write fe80::1'],
  [['lookup', '10.0.0.0/8'], 64, '<to>: "10.0.0.0/8" is a prefix; give one address of it'],
  [['lookup', '10.0.0.1', '--from', '::1'], 64, '--from ::1 is no IPv4 address, but 10.0.0.1 is'],
  [['events', '--after', '-1'], 64, "option '--after <sequence>' argument '-1' is invalid"],
  [['lookup'], 64, "missing required argument 'to'"],
])('%j ends with %d and one line that says why', async (args, code, message) => {
  const result = await detour(...args);
  expect(result).toMatchObject({ code, stdout: '' });
  expect(result.stderr).toContain(`detour: ${message}`);
  expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
});

test('without a controller, the line says how to start one, and the exit code is 69', async () => {
  await controller.stop();
  const result = await detour('status');
  expect(result.code).toBe(69);
  expect(result.stderr).toBe(
    `detour: no controller answers at ${controller.socket}: start it with "detour run CONFIG"\n`,
  );
});

test('over TCP it needs the token, from the option or from the environment', async () => {
  const without = await runInProcess(['uplinks', '--url', controller.url]);
  expect(without).toMatchObject({ code: 77, stderr: expect.stringContaining('a bearer token is needed') });
  const wrong = await runInProcess(['uplinks', '--url', controller.url, '--token', 'wrong']);
  expect(wrong).toMatchObject({ code: 77, stderr: expect.stringContaining('the bearer token is not the right one') });
  const tls = await runInProcess([
    'uplinks',
    '--url',
    controller.url.replace('http:', 'https:'),
    '--token',
    TEST_TOKEN,
  ]);
  expect(tls).toMatchObject({ code: 64, stderr: expect.stringContaining(`: --url ${controller.url}\n`) });
  const withOption = await runInProcess(['uplinks', '--url', controller.url, '--token', TEST_TOKEN]);
  expect(withOption.code).toBe(0);
  vi.stubEnv('DETOUR_TOKEN', TEST_TOKEN);
  vi.stubEnv('DETOUR_URL', controller.url);
  expect((await runInProcess(['uplinks'])).stdout).toContain('fibre');
});

test('another program at the address is told as what it is', async () => {
  const server = createServer((_request, response) => response.writeHead(502, 'Bad Gateway').end('<html>'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const result = await runInProcess(['status', '--url', `http://127.0.0.1:${port}`]);
  expect(result).toMatchObject({ code: 70, stderr: "detour: HTTP 502 Bad Gateway: this is not Detour's API\n" });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('events shows the newest, or those after a number, as lines or as JSON', async () => {
  for (let i = 1; i <= 30; i++) {
    controller.service.record({ kind: 'blind', durationUs: i * 1000, cause: `cause ${i}`, atUs: 0 });
  }
  const lines = (result: CliResult): string[] => result.stdout.trimEnd().split('\n');
  expect(lines(await detour('events'))).toHaveLength(20);
  expect(lines(await detour('events', '--last', '3')).map((line) => line.split(' ')[2])).toEqual(['#28', '#29', '#30']);
  expect(lines(await detour('events', '--after', '0'))).toHaveLength(30);
  const json = lines(await detour('events', '--after', '28', '--json')).map((line) => JSON.parse(line));
  expect(json).toMatchObject([{ sequence: 29, record: { cause: 'cause 29' } }, { sequence: 30 }]);
  expect(await detour('events', '--after', '30')).toMatchObject({ code: 0, stdout: '' });
});

test('routes of more than one page are all listed, and --problems only those that matter', async () => {
  const route = controller.service.routeList[0]!;
  for (let i = 0; i < 12_000; i++)
    controller.service.routeList.push({ ...route, prefix: `10.${i >> 8}.${i & 255}.0/24` });
  const all = JSON.parse((await detour('routes', '--json')).stdout) as { routes: { prefix: string }[] };
  expect(new Set(all.routes.map(({ prefix }) => prefix)).size).toBe(12_003);
  const problems = (await detour('routes', '--problems')).stdout.trimEnd().split('\n');
  expect(problems.filter((line) => line.includes('198.51.100.0/24'))).toHaveLength(2);
  expect(problems.at(-1)).toBe('! 198.51.100.0/24: a foreign route with a better metric is in the way');
  expect(problems).not.toContain(expect.stringContaining('0.0.0.0/0'));
});

test.each([
  'status',
  'uplinks',
  'groups',
  'routes',
  'interfaces',
  'lookup',
  'events',
  'drain',
  'undrain',
  'force',
  'auto',
])('%s --help has an example that names the command', async (command) => {
  const { code, stdout } = await runInProcess([command, '--help']);
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`\\nExample:\\n  detour ${command}\\b`));
});
