/** `detour unload` after a crash: nothing of Detour's stays in the kernel, and what went is told. */
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { builtCli } from '../helpers/cli.js';
import { RouterNetns, type RouterProcess } from '../helpers/router-netns.js';

let router: RouterNetns;
beforeEach(() => {
  router = new RouterNetns();
  router.netns.ip('neighbour add 10.0.0.1 lladdr 02:00:00:00:00:01 dev wan0');
});
afterEach(() => router.remove());

/** Routes, nexthops, and rules that are not the kernel's own three. */
function left(): string[] {
  return ['route show table all proto 68', 'rule show', 'nexthop show proto 68'].flatMap((command) =>
    router.netns
      .ip(command)
      .split('\n')
      .filter((line) => line !== '' && !/^(0|32766|32767):/.test(line)),
  );
}

async function crash(running: RouterProcess): Promise<void> {
  running.child.kill('SIGKILL');
  await running.exit;
}

test('what a crash left of routes, rules, nexthops, programs and maps is withdrawn and named', async () => {
  const { file, pinPath } = router.config();
  await crash(await router.run(file));
  expect(left().length).toBeGreaterThan(2);
  router.netns.ip('route add 192.0.2.0/24 via 10.0.0.1 metric 10');
  const unload = router.detour(['unload', '--pin-path', pinPath]);
  expect(await unload.exit, unload.output()).toBe(0);
  expect(left()).toEqual([]);
  for (const line of [/^removed detour_link_\d+/m, /^removed route 0\.0\.0\.0\/0 metric 10 table 254$/m]) {
    expect(unload.output()).toMatch(line);
  }
  for (const line of [/^removed rule /m, /^removed nexthop \d+$/m, /^removed nexthop group \d+$/m]) {
    expect(unload.output()).toMatch(line);
  }
  expect(router.netns.ip('route show 192.0.2.0/24')).toContain('via 10.0.0.1');
  const again = router.detour(['unload', '--pin-path', pinPath]);
  expect(await again.exit, again.output()).toBe(0);
  expect(again.output()).toContain(
    `nothing of Detour's is at ${pinPath}\n` +
      'no routes, rules or nexthops of Detour (protocol 68) are in this network namespace\n',
  );
});

test('--no-routes leaves routes, rules and nexthops, and programs pinned elsewhere are told', async () => {
  const { file, pinPath } = router.config();
  await crash(await router.run(file));
  const before = left();
  const unload = router.detour(['unload', '--no-routes', '--pin-path', router.config().pinPath]);
  expect(await unload.exit, unload.output()).toBe(0);
  expect(left()).toEqual(before);
  expect(unload.output()).toContain(`there are programs at ${pinPath}, too: detour unload --pin-path ${pinPath}\n`);
});

/** A node on wan0 is elected, by a router that is killed right then. */
const ELECTED = `
const { createGatewayEdges } = await import(process.argv[1]);
const { IpAddress } = await import(process.argv[2]);
const view = () => ({ links: new Map(), routes: [], nexthops: new Map() });
const edge = { ifname: 'wan0', family: 4, node: IpAddress.parse('10.0.0.9'), translated: true };
await createGatewayEdges({ stateDirectory: process.argv[3], view }).apply([edge]);
process.kill(process.pid, 'SIGKILL');
`;

test.each(['--config', '--state-directory'])(
  'settings of an elected node are put back from the place that %s says',
  async (option) => {
    const stateDirectory = join(router.directory, 'state');
    const { file, pinPath } = router.config(`gateways: {interfaces: [wan0], state_directory: ${stateDirectory}}`, {
      probes: '[{type: icmp, targets: [192.0.2.53]}]',
    });
    const redirects = (): string => router.netns.exec('sysctl', ['-n', 'net.ipv4.conf.wan0.send_redirects']).trim();
    router.netns.exec('sysctl', ['-qw', 'net.ipv4.conf.wan0.send_redirects=1']);
    const [edges, addresses] = ['../kernel/edges/index.js', '../net/ip-address.js'].map((module) =>
      join(dirname(builtCli()), module),
    );
    const script = ['--input-type=module', '-e', ELECTED, edges!, addresses!, stateDirectory];
    expect(() => router.netns.exec(process.execPath, script)).toThrow();
    expect(redirects()).toBe('0');
    const where = option === '--config' ? [file] : [stateDirectory, '--pin-path', pinPath];
    const unload = router.detour(['unload', option, ...where]);
    expect(await unload.exit, unload.output()).toBe(0);
    expect(unload.output()).toMatch(/^removed nft table inet detour-edge$/m);
    expect(unload.output()).toMatch(/^removed \d+ settings of gateway nodes/m);
    expect(unload.output()).toContain(pinPath);
    expect(redirects()).toBe('1');
  },
);
