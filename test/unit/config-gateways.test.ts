/** The section `gateways` of the configuration: defaults, rules, and what a reload makes of it. */
import { describe, expect, test } from 'vitest';
import { describeDiff, diffConfigs } from '../../src/config/index.js';
import { gatewayFamilies } from '../../src/config/resolve-gateways.js';
import { checkProblems, configOf, problemsOf } from '../helpers/config.js';

const BASE = `
uplinks:
  a: {interface: eth1, probes: [{type: icmp, targets: [gateway]}]}
  b: {interface: eth2, probes: [{type: icmp, targets: [192.0.2.53], interval_ms: 20}, {type: icmp, targets: [gateway]}]}
interfaces: [eth0]
`;
const gateways = (text: string, base = BASE) => configOf(`${base}gateways: ${text}\n`).gateways!;

describe('the section gateways', () => {
  test('is null where it is not there', () => {
    expect(configOf(BASE).gateways).toBeNull();
  });

  test('has its defaults from interfaces alone', () => {
    const { probes, ...rest } = gateways('{interfaces: [eth0]}');
    expect(rest).toEqual({
      interfaces: ['eth0'],
      groups: ['default'],
      standby: 'cold',
      maxElected: 1,
      metered: 'allow',
      minimumBatteryPercent: 20,
      approval: 'pairing',
      wayBack: 'router',
      standbyIntervalMs: 1000,
      leaseMs: 15_000,
      switchAfterMs: 60_000,
      restMs: 5000,
      maximumRestMs: 80_000,
      budget: null,
      policy: null,
      stateDirectory: '/var/lib/detour',
    });
    expect(probes.map(({ intervalMs, targets }) => [intervalMs, targets.map(String)])).toEqual([[20, ['192.0.2.53']]]);
  });

  test('carries the families that a probe has a target in', () => {
    expect(gatewayFamilies(gateways('{interfaces: [eth0]}'))).toEqual([4]);
    const both = '{interfaces: [eth0], probes: [{type: icmp, targets: [192.0.2.53, "2001:db8::53", gateway]}]}';
    expect(gatewayFamilies(gateways(both))).toEqual([4, 6]);
  });

  test.each([
    ['1', 1n],
    ['2 GB', 2_000_000_000n],
    ['1.5GiB', 1_610_612_736n],
    ['500 kB', 500_000n],
    ['0.001 kB', 1n],
  ])('reads a budget of %s', (bytes, expected) => {
    expect(gateways(`{interfaces: [eth0], budget: {bytes: ${bytes}}}`).budget).toEqual({
      bytes: expected,
      per: 'month',
      warnPercent: 80,
    });
  });

  test('raises the longest rest with the first one', () => {
    expect(gateways('{interfaces: [eth0], rest_ms: 100000}').maximumRestMs).toBe(100_000);
  });
});

describe('what is wrong in the section gateways', () => {
  const here = (text: string): string => `${BASE}gateways: ${text}\n`;
  checkProblems([
    [
      'an interface that nobody has',
      here('{interfaces: [eth9]}'),
      '6:25: gateways.interfaces[0]: eth9 is neither among "interfaces" nor the interface of an uplink; write eth0',
    ],
    [
      'an interface twice',
      here('{interfaces: [eth0, eth0]}'),
      '6:31: gateways.interfaces[1]: eth0 is there twice; write it once',
    ],
    [
      'a group that nobody has',
      here('{interfaces: [eth0], groups: [defualt]}'),
      '6:41: gateways.groups[0]: no group is named "defualt"; write default',
    ],
    [
      'a longest rest below the first',
      here('{interfaces: [eth0], maximum_rest_ms: 100}'),
      '6:49: gateways.maximum_rest_ms: must not be below rest_ms (5000), as 100 is; write 5000',
    ],
    [
      'a budget of nothing',
      here('{interfaces: [eth0], budget: {bytes: 0 MB}}'),
      '6:48: gateways.budget.bytes: 0 MB is nothing; write "metered: never", to elect no metered node',
    ],
    [
      'a policy that is found by a search path',
      here('{interfaces: [eth0], policy: [order]}'),
      '6:41: gateways.policy[0]: "order" is no absolute path; write /usr/local/bin/order',
    ],
    [
      'probes that ask nothing but the node',
      here('{interfaces: [eth0], probes: [{type: icmp, targets: [gateway]}]}'),
      '6:40: gateways.probes: each of them asks only the node itself; what shall be known is whether it leads on; ' +
        'write {type: icmp, targets: [192.0.2.53]} with an address beyond it',
    ],
    [
      'no probe to copy',
      'uplinks: {a: {interface: eth1}}\ngateways: {interfaces: [eth1]}\n',
      '2:1: gateways: no uplink has an icmp probe of an address beyond its gateway that could be used for nodes, too; ' +
        'write probes: [{type: icmp, targets: [192.0.2.53], interval_ms: 20}]',
    ],
    [
      'an uplink that is called like an elected node',
      'uplinks: {gw-a: {interface: eth1, probes: [{type: icmp, targets: [192.0.2.53]}]}}\ngateways: {interfaces: [eth1]}\n',
      '1:11: uplinks.gw-a: names that begin with "gw-" are those of elected gateway nodes; write another name, e.g. a',
    ],
  ]);

  test('a group without a tier for them', () => {
    const names = ['a', 'b', 'c', 'd'];
    const uplinks = names.map(
      (name, n) => `  ${name}: {interface: eth${n}, probes: [{type: icmp, targets: [192.0.2.53]}]}`,
    );
    expect(problemsOf(`uplinks:\n${uplinks.join('\n')}\ngateways: {interfaces: [eth0]}\n`)).toEqual([
      expect.stringContaining('group default has 4 tiers, the data plane holds 4, and gateway nodes need one'),
    ]);
  });

  test('more targets than the data plane has sessions for, with those of the nodes that may be elected', () => {
    const targets = Array.from({ length: 16 }, (_, n) => `192.0.2.${n + 1}`).join(', ');
    const probes = Array.from({ length: 12 }, () => `{type: icmp, targets: [${targets}]}`).join(', ');
    const text = (elected: number): string =>
      `${BASE}gateways: {interfaces: [eth0], max_elected: ${elected}, probes: [${probes}]}\n`;
    expect(problemsOf(text(4))).toEqual([]);
    expect(problemsOf(text(5))).toEqual([expect.stringContaining('targets of icmp probes in all')]);
  });
});

describe('a reload', () => {
  const changes = (before: string, after: string): string[] =>
    describeDiff(diffConfigs(configOf(BASE + before), configOf(BASE + after)));
  const section = (text = ''): string => `gateways: {interfaces: [eth0]${text}}\n`;

  test.each([
    [
      section(),
      section(', standby: warm, budget: {bytes: 1 GB}'),
      ['gateways.standby changed', 'gateways.budget changed'],
    ],
    [section(', budget: {bytes: 1 GB}'), section(', budget: {bytes: 1000 MB}'), []],
    ['', section(), ['gateways changed: takes effect after a restart']],
    [section(), '', ['gateways changed: takes effect after a restart']],
    [
      section(),
      section(', state_directory: /var/lib/other'),
      ['gateways.state_directory changed: takes effect after a restart'],
    ],
  ])('from %j to %j', (before, after, expected) => {
    expect(changes(before, after)).toEqual(expected);
  });
});
