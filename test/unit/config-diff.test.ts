import { describe, expect, test } from 'vitest';
import { describeDiff, diffConfigs } from '../../src/config/index.js';
import { configOf } from '../helpers/config.js';

const BASE = `
uplinks:
  fibre: {interface: eth1, probes: [{type: icmp, targets: [192.0.2.53, "2001:db8::53"]}]}
  lte: {interface: wwan0}
groups: {internet: {tiers: [[fibre], [lte]]}}
routes: [{to: 0.0.0.0/0, group: internet}, {to: 10.0.0.0/8, group: internet}]
interfaces: [eth0]
`;

const changes = (after: string): string[] => describeDiff(diffConfigs(configOf(BASE), configOf(after)));

describe('the difference between two configurations', () => {
  test('is nothing for the same one, written in another way', () => {
    const other = BASE.replace('2001:db8::53', '2001:DB8:0::53').replace(
      'interface: eth1',
      'gateway: auto, interface: eth1',
    );
    const diff = diffConfigs(configOf(BASE), configOf(`${other}mode: active\n`));
    expect(diff.same).toBe(true);
    expect(describeDiff(diff)).toEqual([]);
  });

  test.each([
    ['a target', BASE.replace('192.0.2.53', '192.0.2.54'), ['uplink fibre: probes changed']],
    [
      'two fields of an uplink',
      BASE.replace('wwan0}', 'wwan1, hold_down_ms: 1}'),
      ['uplink lte: interface, hold_down_ms changed'],
    ],
    ['the gateway', BASE.replace('wwan0}', 'wwan0, gateway: 192.0.2.1}'), ['uplink lte: gateway changed']],
    [
      'a limit that is new',
      BASE.replace('wwan0}', 'wwan0, limits: {loss_percent: 5}}'),
      ['uplink lte: limits changed'],
    ],
    [
      'an uplink more',
      `${BASE.replace('  lte:', '  dsl: {interface: eth2}\n  lte:')}decision: {minimum_agreeing: 2}`,
      ['uplink dsl added'],
    ],
    [
      'an uplink renamed',
      BASE.replace('lte:', 'sat:').replace('[lte]', '[sat]'),
      ['uplink sat added', 'uplink lte removed', 'group internet: tiers changed'],
    ],
    ['the order of tiers', BASE.replace('[[fibre], [lte]]', '[[lte], [fibre]]'), ['group internet: tiers changed']],
    [
      'a route to another target',
      BASE.replace('10.0.0.0/8, group: internet', '10.0.0.0/8, blackhole: true'),
      ['routes: 1 added, 1 removed'],
    ],
    ['a route less', BASE.replace(', {to: 10.0.0.0/8, group: internet}', ''), ['routes: 0 added, 1 removed']],
    ['the LAN interface', BASE.replace('[eth0]', '[eth9]'), ['interface eth9 added', 'interface eth0 removed']],
    [
      'who forwards on the LAN side',
      BASE.replace('[eth0]', '[{name: eth0, forwarding: xdp}]'),
      ['interface eth0: forwarding changed'],
    ],
    ['the mode', `${BASE}mode: observe`, ['mode changed']],
    ['the level of the log', `${BASE}log: {level: debug}`, ['log.level changed']],
    ['what stays after a stop', `${BASE}kernel: {keep_on_exit: true}`, ['kernel.keep_on_exit changed']],
    ['the metric', `${BASE}kernel: {metric: 11}`, ['kernel.metric changed: takes effect after a restart']],
    ['the socket', `${BASE}api: {socket: /run/x}`, ['api.socket changed: takes effect after a restart']],
    [
      'the size of the table',
      `${BASE}dataplane: {max_routes: 10}`,
      ['dataplane.max_routes changed: takes effect after a restart'],
    ],
  ])('%s', (_, after, expected) => {
    expect(changes(after)).toEqual(expected);
  });

  test('of routes has the routes themselves, the changed one on both sides', () => {
    const after = BASE.replace('10.0.0.0/8, group: internet', '10.0.0.0/8, blackhole: true');
    const { routes } = diffConfigs(configOf(BASE), configOf(after));
    expect(routes.removed.map(({ prefix, target }) => [String(prefix), target.kind])).toEqual([
      ['10.0.0.0/8', 'group'],
    ]);
    expect(routes.added.map(({ prefix, target }) => [String(prefix), target.kind])).toEqual([
      ['10.0.0.0/8', 'blackhole'],
    ]);
  });
});
