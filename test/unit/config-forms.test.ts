/** What each way of writing a configuration means. */
import { describe, expect, test } from 'vitest';
import type { Config, ProbeConfig } from '../../src/config/index.js';
import { targetsOf } from '../../src/config/target-key.js';
import { configOf } from '../helpers/config.js';

const SHORT = `
uplinks:
  fibre:
    interface: eth1
    gateway: auto
    probes: [{type: icmp, targets: [192.0.2.53, 198.51.100.53, "2001:db8::53"], interval_ms: 20, fail_after: 3}]
  lte:
    interface: wwan0
interfaces: [eth0]
`;

/** A configuration as plain data: addresses and prefixes are text. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const uplink = (text: string): Config['uplinks'][number] =>
  configOf(`uplinks: {a: {interface: eth1, ${text}}}`).uplinks[0]!;
const probe = (text: string): ProbeConfig => uplink(`probes: [{${text}}]`).probes[0]!;

describe('the short form', () => {
  const config = configOf(SHORT);

  test('learns the gateways of both families', () => {
    expect(config.uplinks.map(({ name, interface: device, gateways }) => ({ name, device, gateways }))).toEqual([
      { name: 'fibre', device: 'eth1', gateways: { 4: 'auto', 6: 'auto' } },
      { name: 'lte', device: 'wwan0', gateways: { 4: 'auto', 6: 'auto' } },
    ]);
  });

  test('makes one group with each uplink as a tier, in the order of the file', () => {
    expect(config.groups).toEqual([
      {
        name: 'default',
        tiers: [[{ uplink: 'fibre', weight: 1 }], [{ uplink: 'lte', weight: 1 }]],
        revertDelayMs: 0,
      },
    ]);
  });

  test('sends both default routes to that group', () => {
    expect(plain(config.routes)).toEqual([
      { prefix: '0.0.0.0/0', target: { kind: 'group', group: 'default' } },
      { prefix: '::/0', target: { kind: 'group', group: 'default' } },
    ]);
  });

  test('fills in every default of a probe', () => {
    expect(plain(config.uplinks[0]!.probes)).toEqual([
      {
        name: 'icmp-1',
        type: 'icmp',
        targets: ['192.0.2.53', '198.51.100.53', '2001:db8::53'],
        intervalMs: 20,
        timeoutMs: 20,
        failAfter: 3,
        recoverAfter: 5,
        windowSamples: 64,
        quorum: 1,
        limits: {},
      },
    ]);
  });

  test('fills in every other section', () => {
    const { version, mode, interfaces, decision, kernel, dataplane, api, log } = config;
    expect({ version, mode, interfaces, decision, kernel, dataplane, api, log }).toEqual({
      version: 1,
      mode: 'active',
      interfaces: [{ name: 'eth0', optional: false, forwarding: 'auto' }],
      decision: { minimumAgreeing: 2 },
      kernel: {
        table: 254,
        metric: 10,
        uplinkTableBase: 6800,
        markBase: 0x44540000,
        rulePriority: 6800,
        nexthopIdBase: 680000,
        keepOnExit: false,
      },
      dataplane: { pinPath: '/sys/fs/bpf/detour', xdpMode: 'auto', maxRoutes: 262144 },
      api: { socket: '/run/detour/detour.sock', tcp: null },
      log: { level: 'info' },
    });
  });
});

describe('a gateway', () => {
  test.each([
    ['left out', '', { 4: 'auto', 6: 'auto' }],
    ['auto', 'gateway: auto', { 4: 'auto', 6: 'auto' }],
    ['one IPv4 address: no IPv6', 'gateway: 192.0.2.1', { 4: '192.0.2.1' }],
    ['one IPv6 address: no IPv4', 'gateway: "fe80::1"', { 6: 'fe80::1' }],
    ['one family only', 'gateway: {ipv6: auto}', { 6: 'auto' }],
    ['one per family', 'gateway: {ipv4: 192.0.2.1, ipv6: auto}', { 4: '192.0.2.1', 6: 'auto' }],
  ])('%s', (_, text, gateways) => {
    expect(plain(uplink(text).gateways)).toEqual(gateways);
  });

  test('of one family only leaves the other without a default route', () => {
    const { routes } = configOf('uplinks: {a: {interface: eth1, gateway: 192.0.2.1}}');
    expect(plain(routes)).toEqual([{ prefix: '0.0.0.0/0', target: { kind: 'group', group: 'default' } }]);
  });
});

describe('the default quorum', () => {
  test.each([
    ['1 of 1', 'type: icmp, targets: [192.0.2.1]', 1],
    ['1 of 2', 'type: icmp, targets: [192.0.2.1, 192.0.2.2]', 1],
    ['2 of 3', 'type: icmp, targets: [192.0.2.1, 192.0.2.2, 192.0.2.3]', 2],
    [
      'half of the family with fewer targets',
      'type: icmp, targets: [192.0.2.1, 192.0.2.2, 192.0.2.3, "2001:db8::1"]',
      1,
    ],
    ['the gateway counts in each family', 'type: icmp, targets: [gateway, 192.0.2.2, "2001:db8::1"]', 1],
  ])('%s', (_, text, quorum) => {
    expect(probe(text).quorum).toBe(quorum);
  });
});

test('as many uplinks must agree on "all are down" as the family with fewer of them has, if more than one', () => {
  const agreeing = (...gateways: string[]): number =>
    configOf(
      `uplinks: {${gateways.map((gateway, i) => `u${i}: {interface: eth${i}, gateway: ${gateway}}`).join(', ')}}`,
    ).decision.minimumAgreeing;
  expect(agreeing('auto')).toBe(1);
  expect(agreeing('auto', 'auto', 'auto')).toBe(3);
  expect(agreeing('auto', 'auto', '192.0.2.1')).toBe(2);
  expect(agreeing('auto', '192.0.2.1', '192.0.2.5')).toBe(3);
});

describe('targets', () => {
  const keys = (text: string): string[] =>
    ([4, 6] as const).flatMap((family) => targetsOf(probe(text), family).map(({ key }) => key));

  test.each([
    [
      'tcp: text',
      'type: tcp, targets: ["198.51.100.7:443", "[2001:db8::7]:80"]',
      ['198.51.100.7:443', '[2001:db8::7]:80'],
    ],
    ['tcp: mapping', 'type: tcp, targets: [{address: 198.51.100.7, port: 22}]', ['198.51.100.7:22']],
    ['dns: no port', 'type: dns, targets: [192.0.2.53, "2001:db8::53"]', ['192.0.2.53:53', '[2001:db8::53]:53']],
    [
      'dns: port',
      'type: dns, targets: ["192.0.2.53:5353", {address: "2001:db8::53"}]',
      ['192.0.2.53:5353', '[2001:db8::53]:53'],
    ],
    [
      'http: host is an address',
      'type: http, targets: ["http://192.0.2.80/x"]',
      ['http://192.0.2.80/x at 192.0.2.80:80'],
    ],
    [
      'http: IPv6 host and port',
      'type: http, targets: ["http://[2001:db8::80]:8080/"]',
      ['http://[2001:db8::80]:8080/ at [2001:db8::80]:8080'],
    ],
    [
      'https: name and address',
      'type: https, targets: [{url: "https://example.com", address: 192.0.2.80}]',
      ['https://example.com/ at 192.0.2.80:443'],
    ],
    [
      'https: port of its own',
      'type: https, targets: [{url: "https://example.com:8443/", address: 192.0.2.80, port: 9443}]',
      ['https://example.com:8443/ at 192.0.2.80:9443'],
    ],
  ])('%s', (_, text, expected) => {
    expect(keys(text)).toEqual(expected);
  });
});

test('an HTTP probe says what passes', () => {
  const http = 'type: https, targets: ["https://192.0.2.80/"]';
  expect(probe(http)).toMatchObject({ expectStatus: { from: 200, to: 299 }, verifyCertificate: true });
  expect(probe(`${http}, expect_status: 204, expect_body: ok, verify_certificate: false`)).toMatchObject({
    expectStatus: { from: 204, to: 204 },
    expectBody: 'ok',
    verifyCertificate: false,
  });
  expect(probe(`${http}, expect_status: 200-399`)).toMatchObject({ expectStatus: { from: 200, to: 399 } });
});

test('zero and false are values, not absence', () => {
  expect(uplink('hold_down_ms: 0, damping: {enabled: false}')).toMatchObject({
    holdDownMs: 0,
    damping: { enabled: false },
  });
  expect(uplink('limits: {loss_percent: 0}').limits).toEqual({ lossPercent: 0 });
});

test('names that look like numbers stay text', () => {
  const config = configOf('uplinks: {4: {interface: eth1}, 4e1: {interface: 007}}\ngroups: {1: {tiers: [[4, 4e1]]}}');
  expect(config.uplinks.map(({ name, interface: device }) => [name, device])).toEqual([
    ['4', 'eth1'],
    ['4e1', '007'],
  ]);
  expect(config.groups[0]!.tiers[0]!.map((member) => member.uplink)).toEqual(['4', '4e1']);
});

test('an alias stands for the value of its anchor', () => {
  const config = configOf(`
uplinks:
  a: {interface: eth1, probes: &p [{type: icmp, targets: [192.0.2.53]}]}
  b: {interface: eth2, probes: *p}
`);
  expect(plain(config.uplinks[1]!.probes)).toEqual(plain(config.uplinks[0]!.probes));
});

test('numbers may be hexadecimal, a socket null, a delay never', () => {
  const config = configOf(`
uplinks: {a: {interface: eth1}}
groups: {g: {tiers: [[{uplink: a, weight: 256}]], revert_delay_ms: never}}
kernel: {mark_base: 0x100, table: 100}
api: {socket: null}
`);
  expect(config.kernel).toMatchObject({ markBase: 256, table: 100 });
  expect(config.api.socket).toBeNull();
  expect(config.groups[0]).toMatchObject({ revertDelayMs: 'never', tiers: [[{ uplink: 'a', weight: 256 }]] });
});

test('a token comes from the file or from its file', () => {
  const token = 'abcdefgh12345678';
  const tcp = (text: string): Config['api']['tcp'] =>
    configOf(`uplinks: {a: {interface: eth1}}\napi: {tcp: {${text}}}`, (path) => ({ token: `${path}-${token}` })).api
      .tcp;
  expect(tcp(`token: ${token}`)).toEqual({ host: '127.0.0.1', port: 8068, token });
  expect(tcp('token_file: t, listen: "[::]:80"')).toEqual({ host: '::', port: 80, token: `t-${token}` });
});
