/**
 * doctor against the kernel, in a namespace of its own where much is wrong:
 *
 *     eth0 (LAN)    eth1 (uplink fibre, strict filter)    eth2 (uplink lte)     each a veth whose peer is here too
 *     default route of somebody else, a policy rule, a NAT and a forward chain of nftables
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../helpers/poll.js';
import type { Finding } from '../../src/cli/doctor/finding.js';
import { readFeatures } from '../../src/cli/doctor/sources/ethtool.js';
import { readHooks } from '../../src/cli/doctor/sources/netfilter.js';
import { native } from '../../src/native.js';
import { builtCli, runProcess } from '../helpers/cli.js';
import { enterOwnNetns, ifindexOf, ip } from '../helpers/own-netns.js';

const directory = mkdtempSync(join(tmpdir(), `detour-doctor-${process.pid}-`));
const config = join(directory, 'home.yaml');

beforeAll(() => {
  builtCli();
  enterOwnNetns();
  for (const index of [0, 1, 2]) {
    ip(`link add eth${index} type veth peer name peer${index}`);
    ip(`link set peer${index} up`);
    ip(`link set eth${index} up`);
  }
  ip('address add 192.0.2.2/24 dev eth1');
  ip('route add default via 192.0.2.1 dev eth1');
  ip('rule add from 203.0.113.0/24 lookup 100 priority 50');
  for (const setting of ['eth1/rp_filter=1', 'eth0/forwarding=1', 'eth1/forwarding=1', 'eth2/forwarding=0']) {
    const [path, value] = setting.split('=') as [string, string];
    writeFileSync(`/proc/sys/net/ipv4/conf/${path}`, value);
  }
  execFileSync('nft', ['-f', '-'], {
    input: `
    table ip nat { chain post { type nat hook postrouting priority srcnat; oifname "eth1" masquerade; }; }
    table inet fw {
      chain forward { type filter hook forward priority filter; policy drop; ct state established accept; }
      chain helper { counter; }
    }`,
  });
  writeFileSync(
    config,
    `
uplinks:
  fibre: {interface: eth1, gateway: 192.0.2.1, probes: [{type: icmp, targets: [198.51.100.1]}]}
  lte: {interface: eth2}
interfaces: [eth0]
`,
  );
});
afterAll(() => rmSync(directory, { recursive: true }));

async function diagnose(
  ...args: string[]
): Promise<{ code: number; find: (id: string, subject?: string) => Finding | undefined }> {
  const { code, stdout, stderr } = await runProcess(['doctor', '--json', ...args]);
  expect(stderr).toBe('');
  const { checks } = JSON.parse(stdout) as { checks: Finding[] };
  return {
    code,
    find: (id, subject) => checks.find((item) => item.id === id && (item.subject ?? undefined) === subject),
  };
}

test('finds what is wrong in the namespace, and ends with 1', async () => {
  const { code, find } = await diagnose(config);
  expect(code).toBe(1);
  expect(find('rp-filter', 'eth1')).toMatchObject({
    status: 'fail',
    remedy: expect.stringContaining('net.ipv4.conf.eth1.rp_filter=2') as unknown,
  });
  expect(find('rp-filter', 'eth2')).toMatchObject({ status: 'ok' });
  expect(find('rules')).toMatchObject({ status: 'warn', detail: expect.stringContaining('203.0.113.0/24') as unknown });
  expect(find('default-routes')).toMatchObject({
    status: 'warn',
    detail: expect.stringContaining('0.0.0.0/0 via 192.0.2.1 dev eth1 metric 0') as unknown,
  });
  expect(find('nat')).toMatchObject({
    status: 'warn',
    detail:
      'nft table ip nat, chain post (nat, postrouting): so the stack forwards for eth0, eth1, eth2, which is slower than XDP',
  });
  expect(find('firewall')).toMatchObject({
    status: 'warn',
    detail:
      'nft table inet fw, chain forward (policy drop): so the stack forwards for eth0, eth1, eth2, which is slower than XDP',
  });
  expect(find('forwarding', 'eth1')?.detail).not.toContain('IPv4');
  expect(find('forwarding', 'eth2')?.detail).toContain('IPv4');
  expect(find('nexthop-compat')).toMatchObject({ status: 'warn' });
  expect(find('config')).toMatchObject({ status: 'ok' });
  expect(find('config-notes')).toMatchObject({ detail: expect.stringContaining('uplink lte has no probe') as unknown });
  for (const id of ['kernel-version', 'capabilities', 'btf', 'native-addon', 'libbpf'])
    expect(find(id)?.status, id).toBe('ok');
});

test('the remedies remedy', async () => {
  const before = await diagnose(config);
  expect(before.find('rp-filter', 'eth1')?.status).toBe('fail');
  execFileSync('sysctl', ['-qw', 'net.ipv4.conf.eth1.rp_filter=2', 'net.ipv4.nexthop_compat_mode=0']);
  ip('route add default via 192.0.2.1 dev eth1 metric 1024');
  ip('route del default metric 0');
  const after = await diagnose(config);
  expect(after.find('rp-filter', 'eth1')?.status).toBe('ok');
  expect(after.find('nexthop-compat')?.status).toBe('ok');
  expect(after.find('default-routes')?.status).toBe('ok');
});

test('a configuration that is wrong is a finding, and the rest is looked at all the same', async () => {
  writeFileSync(join(directory, 'bad.yaml'), 'uplinks: {a: {interface: eth1, gateway: {}}}\n');
  const { code, find } = await diagnose(join(directory, 'bad.yaml'));
  expect(code).toBe(1);
  expect(find('config')).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('bad.yaml:1:41: uplinks.a.gateway: no gateway') as unknown,
  });
  expect(find('rp-filter', 'eth0')).toBeDefined();
});

test('an interface of the configuration that is not there is named with its place', async () => {
  writeFileSync(join(directory, 'absent.yaml'), 'uplinks: {a: {interface: eth9}}\ninterfaces: [eth0]\n');
  const { code, find } = await diagnose(join(directory, 'absent.yaml'));
  expect(code).toBe(1);
  expect(find('config-interfaces')).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('absent.yaml:1:26: uplinks.a.interface') as unknown,
  });
});

test('looking changes nothing', async () => {
  const state = (): string =>
    [
      ip('route show table all'),
      ip('-6 route show table all'),
      ip('rule show'),
      ip('link show'),
      ip('nexthop show'),
    ].join('\n');
  // Duplicate address detection adds routes of its own while it goes on.
  await until(() => ip('-6 addr show tentative').trim() === '', { what: 'the end of duplicate address detection' });
  const before = state();
  await diagnose(config);
  expect(state()).toBe(before);
});

describe('what the kernel is asked', () => {
  test('the rules that forwarded packets go through', async () => {
    const hooks = await readHooks((options) => native.openNetlink(options));
    expect(hooks.map(({ family, text }) => `${family} ${text}`)).toEqual([
      '4 nft table ip nat, chain post (nat, postrouting)',
      '4 nft table inet fw, chain forward (policy drop)',
      '6 nft table inet fw, chain forward (policy drop)',
    ]);
  });

  test('the offloads that are on, of every device', async () => {
    const groOf = async (): Promise<boolean | undefined> =>
      (await readFeatures((options) => native.openNetlink(options))).get(ifindexOf('eth1'))?.has('rx-gro');
    execFileSync('ethtool', ['-K', 'eth1', 'gro', 'on']);
    expect(await groOf()).toBe(true);
    execFileSync('ethtool', ['-K', 'eth1', 'gro', 'off']);
    expect(await groOf()).toBe(false);
  });
});
