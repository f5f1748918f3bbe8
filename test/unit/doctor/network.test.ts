import { describe, expect, test } from 'vitest';
import { configuration } from '../../../src/cli/doctor/checks/configuration.js';
import { defaultRoutes } from '../../../src/cli/doctor/checks/default-routes.js';
import { linkdownRoutes, nexthopCompat } from '../../../src/cli/doctor/checks/fib-sysctls.js';
import { forwarding } from '../../../src/cli/doctor/checks/forwarding.js';
import { ipsec } from '../../../src/cli/doctor/checks/ipsec.js';
import { netfilter } from '../../../src/cli/doctor/checks/netfilter.js';
import { offloads } from '../../../src/cli/doctor/checks/offloads.js';
import { rpFilter } from '../../../src/cli/doctor/checks/rp-filter.js';
import { rules } from '../../../src/cli/doctor/checks/rules.js';
import { xdpSupport } from '../../../src/cli/doctor/checks/xdp-support.js';
import type { Check } from '../../../src/cli/doctor/finding.js';
import type { KernelRoute, NetfilterHook } from '../../../src/controller/ports.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import { foreignRule, link } from '../../helpers/fake-planes.js';
import { LINKS, lines, machine, view, type Machine } from '../../helpers/doctor.js';

type Row = [description: string, check: Check, change: Machine, expected: string[]];

const links = (...changed: ReturnType<typeof link>[]): Machine => ({
  view: view(LINKS.map((item) => changed.find(({ ifindex }) => ifindex === item.ifindex) ?? item)),
});

const route = (change: Partial<KernelRoute>): KernelRoute => ({
  prefix: Prefix.parse('0.0.0.0/0'),
  table: 254,
  type: 'unicast',
  protocol: 16,
  metric: 0,
  scope: 0,
  source: null,
  tos: 0,
  legs: [],
  ifindex: 3,
  gateway: IpAddress.parse('192.0.2.1'),
  nexthopId: null,
  ...change,
});

const hook = (text: string, change: Partial<NetfilterHook> = {}): NetfilterHook => ({
  family: 4,
  text,
  translates: false,
  devices: null,
  ...change,
});
const nat = hook('nft table ip nat, chain post (nat, postrouting)', { translates: true });
const firewall = hook('nft table inet fw, chain c (policy drop)');

const byMark = foreignRule('ipv4: 100: from all fwmark 0x1 lookup 100');
const bySource = foreignRule('ipv4: 90: from 10.0.5.0/24 lookup 90', 'addresses');
const ofThisMachine = foreignRule('ipv6: 80: from all iif lo lookup 80', 'none');

const STACK = 'uplinks: {a: {interface: eth1, forwarding: stack}}';
const XDP = 'uplinks: {a: {interface: eth1, forwarding: xdp}}\ninterfaces: [eth0]';
const VLAN = 'uplinks: {a: {interface: eth1.7}}\ninterfaces: [eth0]';
const vlan = link(9, 'eth1.7', { kind: 'vlan', vlan: { parentIfindex: 3, id: 7, protocol: '802.1Q' } });

describe('the network', () => {
  test.each<Row>([
    [
      'rules of others that look at marks',
      rules,
      { view: view(LINKS, { foreignRules: [byMark, bySource, ofThisMachine] }) },
      [
        "warn: others have rules that may go past Detour's routes: " +
          'ipv4: 100: from all fwmark 0x1 lookup 100; ipv4: 90: from 10.0.5.0/24 lookup 90; meanwhile the stack ' +
          'forwards all of IPv4, for XDP cannot know what "ipv4: 100: from all fwmark 0x1 lookup 100" looks at',
      ],
    ],
    [
      'rules of others by source',
      rules,
      { view: view(LINKS, { foreignRules: [bySource] }) },
      [
        "warn: others have rules that may go past Detour's routes: ipv4: 90: from 10.0.5.0/24 lookup 90; meanwhile XDP " +
          'asks the kernel where each IPv4 packet goes, which is slower',
      ],
    ],
    [
      "rules of others for this machine's own packets",
      rules,
      { view: view(LINKS, { foreignRules: [ofThisMachine] }) },
      ["ok: others' do not concern forwarded packets: ipv6: 80: from all iif lo lookup 80"],
    ],
    [
      'a better default route',
      defaultRoutes,
      { view: view(LINKS, { routes: [route({})] }) },
      ["warn: preferred by the stack to Detour's (metric 10): 0.0.0.0/0 via 192.0.2.1 dev eth1 metric 0"],
    ],
    [
      'a default route of the same metric',
      defaultRoutes,
      { view: view(LINKS, { routes: [route({ metric: 10, gateway: null })] }) },
      ["warn: preferred by the stack to Detour's (metric 10): 0.0.0.0/0 dev eth1 metric 10"],
    ],
    [
      'default routes that do not matter',
      defaultRoutes,
      {
        view: view(LINKS, {
          routes: [route({ metric: 11 }), route({ table: 100 }), route({ prefix: Prefix.parse('10.0.0.0/8') })],
        }),
      },
      ["ok: none of others is better than Detour's (metric 10, table 254)"],
    ],
    [
      'nexthop compatibility',
      nexthopCompat,
      { files: { '/proc/sys/net/ipv4/nexthop_compat_mode': '1\n' } },
      ['warn: net.ipv4.nexthop_compat_mode=1: a failover in the stack takes time for each route (0.2 s for a million)'],
    ],
    [
      'address translation',
      netfilter,
      { hooks: [nat] },
      [
        `warn: ${nat.text}: so the stack forwards for eth0, eth1, eth2, which is slower than XDP`,
        'ok: no chain filters forwarded packets',
      ],
    ],
    [
      'address translation that was decided against',
      netfilter,
      { config: XDP, hooks: [nat] },
      [
        `warn: ${nat.text}: packets that XDP forwards as configured (eth1) are not translated`,
        'ok: no chain filters forwarded packets',
      ],
    ],
    [
      'address translation, without a configuration',
      netfilter,
      { config: null, hooks: [nat] },
      [
        `warn: ${nat.text}: so the stack forwards where "forwarding" is auto, which is slower than XDP`,
        'ok: no chain filters forwarded packets',
      ],
    ],
    [
      'address translation behind the stack',
      netfilter,
      { config: STACK, hooks: [nat] },
      [`ok: ${nat.text}; everything has "forwarding: stack"`, 'ok: no chain filters forwarded packets'],
    ],
    [
      'a firewall',
      netfilter,
      {
        // Of both families, and on an interface that is not ours.
        hooks: [firewall, { ...firewall, family: 6 }, hook('nft table netdev t, chain c', { devices: ['eth7'] })],
      },
      [
        'ok: no chain translates forwarded packets',
        `warn: ${firewall.text}: so the stack forwards for eth0, eth1, eth2, which is slower than XDP`,
      ],
    ],
    [
      'a kernel without nf_tables',
      netfilter,
      { hooks: { unknown: 'EOPNOTSUPP' } },
      ['skip: EOPNOTSUPP', 'skip: EOPNOTSUPP'],
    ],
    [
      'IPsec policies',
      ipsec,
      { view: view(LINKS, { ipsecPolicies: { 4: 0, 6: 1 } }) },
      [
        'warn: the kernel has an IPsec policy (ip xfrm policy) for IPv6 packets that are forwarded or leave, and XDP does ' +
          'not encrypt: the stack forwards all of IPv6; policies of xfrm interfaces (if_id) do not count',
      ],
    ],
  ])('%s', (_, check, change, expected) => {
    expect(lines(check, machine(change))).toEqual(expected);
  });
});

describe('interfaces', () => {
  const quiet = (found: string[]): string[] => found.filter((line) => !line.startsWith('ok'));

  test.each<Row>([
    [
      'forwarding off',
      forwarding,
      links(link(3, 'eth1', { forwarding: { 4: false, 6: false } })),
      ['fail eth1: off for IPv4 and IPv6: such packets that come in here are not forwarded'],
    ],
    [
      'forwarding off in one family',
      forwarding,
      links(link(3, 'eth1', { forwarding: { 4: true, 6: false } })),
      ['warn eth1: off for IPv6: such packets that come in here are not forwarded'],
    ],
    [
      'a strict filter on an uplink',
      rpFilter,
      links(link(3, 'eth1', { rpFilter: 1 })),
      [
        'fail eth1: strict: replies that come back by this interface are dropped while another uplink is the better route',
      ],
    ],
    [
      'a strict filter on the LAN side',
      rpFilter,
      links(link(2, 'eth0', { rpFilter: 1 })),
      ['warn eth0: eth0 checks IPv4 sources strictly (rp_filter), so the stack forwards what comes in by it'],
    ],
    ['a loose filter', rpFilter, links(link(3, 'eth1', { rpFilter: 2 })), []],
    [
      'routes without carrier',
      linkdownRoutes,
      {
        files: {
          '/proc/sys/net/ipv4/conf/all/ignore_routes_with_linkdown': '0',
          '/proc/sys/net/ipv4/conf/eth2/ignore_routes_with_linkdown': '1',
        },
      },
      ['warn eth1: are still used by the stack for IPv4 until the controller has reacted'],
    ],
    [
      'a device that takes no redirected frames',
      xdpSupport,
      { ...links(link(3, 'eth1', { kind: 'veth', xdpRedirectTarget: false })) },
      ['warn eth1: driver veth: eth1 takes no redirected frames (no ndo_xdp_xmit): packets to it go through the stack'],
    ],
    [
      'a kernel that does not say',
      xdpSupport,
      {
        ...links(link(3, 'eth1', { xdpRedirectTarget: null })),
        files: { '/sys/class/net/eth1/ifindex': '3\n' },
        symlinks: { '/sys/class/net/eth1/device/driver': '../../../bus/pci/drivers/igb' },
      },
      [
        'skip eth1: driver igb: this kernel does not say whether the device takes redirected frames: found out by trying',
      ],
    ],
    [
      '/sys of another namespace',
      xdpSupport,
      {
        ...links(link(3, 'eth1', { xdpRedirectTarget: null })),
        files: { '/sys/class/net/eth1/ifindex': '7\n' },
        symlinks: { '/sys/class/net/eth1/device/driver': '../igb' },
      },
      ['skip eth1: this kernel does not say whether the device takes redirected frames: found out by trying'],
    ],
    [
      'a raw IP device',
      xdpSupport,
      links(link(4, 'eth2', { ethernet: false, kind: 'ppp' })),
      ['warn eth2: driver ppp: eth2 has no Ethernet header (ppp): forwarded by the stack'],
    ],
    [
      'LRO',
      offloads,
      {
        features: new Map([
          [3, new Set(['rx-lro', 'rx-gro'])],
          [2, new Set<string>()],
          [4, new Set<string>()],
        ]),
      },
      ['fail eth1: LRO merges frames that then cannot be forwarded'],
    ],
    [
      'hardware GRO',
      offloads,
      {
        features: new Map([
          [2, new Set(['rx-gro-hw'])],
          [3, new Set<string>()],
        ]),
      },
      ['warn eth0: hardware GRO may hand merged frames to XDP', 'skip eth2: the device tells no features'],
    ],
    [
      'VLAN tags removed where they are not needed',
      offloads,
      { features: new Map([2, 3, 4].map((ifindex) => [ifindex, new Set(['rx-vlan-hw-parse'])])) },
      [],
    ],
    [
      'VLAN tags removed below a VLAN device',
      offloads,
      {
        config: VLAN,
        view: view([...LINKS, vlan]),
        features: new Map([2, 3].map((ifindex) => [ifindex, new Set(['rx-vlan-hw-parse'])])),
      },
      ['fail eth1: the device removes VLAN tags, so that XDP sees tagged frames as untagged'],
    ],
    ['features that cannot be read', offloads, { features: { unknown: 'EPERM' } }, ['skip: EPERM']],
  ])('%s', (_, check, change, expected) => {
    expect(quiet(lines(check, machine(change)))).toEqual(expected);
  });

  test('without a configuration all but the loopback are looked at, and a strict filter is only a warning', () => {
    const input = machine({ config: null, ...links(link(2, 'eth0', { rpFilter: 1 })) });
    expect(rpFilter(input).map(({ subject, status }) => [subject, status])).toEqual([
      ['eth0', 'warn'],
      ['eth1', 'ok'],
      ['eth2', 'ok'],
    ]);
  });

  test('remedies name the interface as sysctl writes it', () => {
    const dotted = link(9, 'eth1.7', { rpFilter: 1 });
    const [finding] = rpFilter(machine({ config: 'uplinks: {a: {interface: eth1.7}}', view: view([dotted]) }));
    expect(finding?.remedy).toContain('sysctl -w net.ipv4.conf.eth1/7.rp_filter=2');
  });
});

describe('the configuration', () => {
  test.each<Row>([
    [
      'invalid',
      configuration,
      { config: null, configProblems: ['a.yaml:1:1: x', 'a.yaml:2:1: y'] },
      ['fail: a.yaml:1:1: x', 'fail: a.yaml:2:1: y'],
    ],
    [
      'not given',
      configuration,
      { config: null },
      ['skip: none was given: detour doctor CONFIG looks at its interfaces'],
    ],
    [
      'an interface that is not there',
      configuration,
      { view: view(LINKS.slice(0, 3)) },
      ['ok: home.yaml is valid', 'fail: home.yaml:4:20: uplinks.lte.interface: no interface is named "eth2"'],
    ],
    [
      'an optional interface that is not there',
      configuration,
      {
        config:
          'uplinks: {a: {interface: ppp0, optional: true, probes: [{type: icmp, targets: [192.0.2.53]}]}}\ninterfaces: [eth0]\n',
      },
      [
        'ok: home.yaml is valid',
        'warn: uplinks.a.interface: no interface is named "ppp0": it is used as soon as it appears',
      ],
    ],
    [
      'an uplink that is watched only up to its gateway',
      configuration,
      { config: 'uplinks: {a: {interface: eth1, probes: [{type: icmp, targets: [gateway]}]}}\ninterfaces: [eth0]' },
      [
        'ok: home.yaml is valid',
        'ok: all are there',
        'warn: uplink a is probed only up to its gateway: a failure behind it stays unseen',
      ],
    ],
  ])('%s', (_, check, change, expected) => {
    expect(lines(check, machine(change))).toEqual(expected);
  });
});
