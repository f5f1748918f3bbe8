/** Elected nodes as uplinks, what they need, and when they are needed: the pure parts. */
import { describe, expect, it, test } from 'vitest';
import type { Config } from '../../../src/config/types.js';
import { clientNetworks, gatewayNeed, nodesWithoutTraffic } from '../../../src/controller/gateway-need.js';
import type { NeedInputs } from '../../../src/controller/gateway-need.js';
import { gatewayEdges, withElected } from '../../../src/controller/gateway-uplinks.js';
import type { ElectedNode } from '../../../src/controller/ports.js';
import type { GroupView, PathStateName, PathView } from '../../../src/engine/types.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { configOf } from '../../helpers/config.js';
import { phone } from '../../helpers/fake-gateway.js';
import { viewOf } from '../../helpers/fake-planes.js';

const PROBES = 'probes: [{type: icmp, targets: [192.0.2.53, "2001:db8::53"], interval_ms: 20}]';
const UPLINKS = `
uplinks:
  fibre: {interface: eth1, ${PROBES}}
  lte: {interface: wwan0, ${PROBES}}
`;
const configured = (section = '', groups = ''): Config =>
  configOf(
    `${UPLINKS}${groups}\ninterfaces: [{name: eth2, forwarding: xdp}]\ngateways: {interfaces: [eth2]${section}}\n`,
  );

const node = (name: string, change: Partial<ElectedNode> = {}): ElectedNode => phone({ name, ...change });
const tiersWith = (config: Config, ...elected: ElectedNode[]): string[][] =>
  withElected(config, elected, [4, 6]).groups[0]!.tiers.map((tier) => tier.map(({ uplink }) => uplink));

describe('an elected node as an uplink', () => {
  it('has the forwarding of its interface, the probes for nodes and no hold-down', () => {
    const config = configured();
    const uplink = withElected(config, [phone()], [4, 6]).uplinks.at(-1)!;
    expect(uplink).toMatchObject({
      name: 'gw-phone',
      interface: 'eth2',
      gateways: { 4: IpAddress.parse('10.0.2.1') },
      forwarding: 'xdp',
      holdDownMs: 0,
      probes: config.gateways!.probes,
      gatewayNode: { node: 'phone', role: 'active', translated: true },
    });
  });

  it('is probed slowly on standby, but never faster than its probes say', () => {
    const intervals = (section: string): number[] =>
      withElected(configured(section), [phone({ role: 'standby' })], [4])
        .uplinks.at(-1)!
        .probes.map((p) => p.intervalMs);
    expect(intervals('')).toEqual([1000]);
    expect(intervals(', standby_interval_ms: 10')).toEqual([20]);
  });

  it('does not exist without a family to carry', () => {
    const config = configured();
    expect(withElected(config, [phone()], [6]).uplinks).toEqual(config.uplinks);
    expect(withElected(config, [], [4, 6])).toBe(config);
    const only6 = phone({ gateways: { 6: IpAddress.parse('fe80::1') } });
    expect(
      withElected(configured(', probes: [{type: icmp, targets: [192.0.2.53]}]'), [only6], [4, 6]).uplinks,
    ).toHaveLength(2);
  });

  it('is in the last tier of the groups that nodes serve, and in no other', () => {
    const groups = 'groups: {a: {tiers: [[fibre]]}, b: {tiers: [[lte]]}}\n';
    const config = withElected(configured(', groups: [b]', groups), [phone()], [4]);
    expect(config.groups.map(({ tiers }) => tiers.length)).toEqual([1, 2]);
  });

  it('comes before those on standby and those that leave', () => {
    const standby = node('b', { role: 'standby' });
    const leaving = node('c', { leaving: true });
    expect(tiersWith(configured(), standby, leaving, node('a'))).toEqual([
      ['fibre'],
      ['lte'],
      ['gw-a'],
      ['gw-b', 'gw-c'],
    ]);
  });

  it('shares the only tier that is left with one that leaves, not with one on standby', () => {
    const groups = 'groups: {a: {tiers: [[fibre], [lte], [sat]]}}\n  #';
    const config = configOf(
      `${UPLINKS}  sat: {interface: eth3}\n${groups}\ninterfaces: [eth2]\ngateways: {interfaces: [eth2]}\n`,
    );
    const standby = node('b', { role: 'standby' });
    expect(tiersWith(config, standby, node('a'), node('c', { leaving: true })).at(-1)).toEqual(['gw-a', 'gw-c']);
    expect(tiersWith(config, standby).at(-1)).toEqual(['gw-b']);
    expect(tiersWith(config, node('a'))).toHaveLength(4);
  });

  it('needs an edge for each family', () => {
    const both = phone({
      gateways: { 4: IpAddress.parse('10.0.2.1'), 6: IpAddress.parse('fe80::1') },
      translated: false,
    });
    expect(gatewayEdges(withElected(configured(), [both], [4, 6]))).toEqual([
      { ifname: 'eth2', family: 4, node: IpAddress.parse('10.0.2.1'), translated: false },
      { ifname: 'eth2', family: 6, node: IpAddress.parse('fe80::1'), translated: false },
    ]);
  });
});

const path = (uplink: string, state: PathStateName, family: 4 | 6 = 4): PathView =>
  ({ uplink, family, state, cause: `cause of ${uplink}` }) as PathView;
const group = (active: string[], family: 4 | 6 = 4, members = ['fibre', 'lte', 'gw-phone']): GroupView =>
  ({ group: 'default', family, active, order: members.map((uplink) => [{ uplink, weight: 1 }]) }) as GroupView;
const inputs = (change: Partial<NeedInputs>): NeedInputs => ({
  configured: configured(),
  elected: [],
  paths: [path('fibre', 'up'), path('lte', 'up')],
  groups: [group(['fibre'])],
  there: [{ family: 4 }],
  worked: new Set(),
  starting: false,
  ...change,
});
const need = (change: Partial<NeedInputs>): [number[], number[]] => {
  const { active, standby } = gatewayNeed(inputs(change));
  return [active, standby];
};

describe('a neighbour is needed', () => {
  test.each<[PathStateName, PathStateName, number[]]>([
    ['up', 'down', []],
    ['degraded', 'down', []],
    ['suspect', 'down', []],
    ['down', 'down', [4]],
    ['down', 'held', [4]],
    ['drained', 'down', [4]],
    ['down', 'init', []],
    ['init', 'init', []],
  ])('while fibre is %s and lte is %s: %j', (fibre, lte, expected) => {
    expect(need({ paths: [path('fibre', fibre), path('lte', lte)] })).toEqual([expected, []]);
  });

  it('by family', () => {
    const paths = [path('fibre', 'up'), path('lte', 'down'), path('fibre', 'down', 6), path('lte', 'down', 6)];
    expect(need({ paths, there: [{ family: 4 }, { family: 6 }] })).toEqual([[6], []]);
    expect(need({ paths, there: [{ family: 4 }] })).toEqual([[], []]);
  });

  it('for groups that nodes serve and that a route leads to', () => {
    const groups = 'groups: {a: {tiers: [[fibre]]}, b: {tiers: [[lte]]}}\n';
    const paths = [path('fibre', 'down'), path('lte', 'up')];
    expect(need({ paths, configured: configured(', groups: [a]', groups) })).toEqual([[4], []]);
    expect(need({ paths, configured: configured(', groups: [b]', groups) })).toEqual([[], []]);
    const elsewhere = `${groups}routes: [{to: 10.0.0.0/8, group: b}]`;
    expect(need({ paths, configured: configured(', groups: [a]', elsewhere) })).toEqual([[], []]);
  });

  it('while it carries traffic, whatever works again', () => {
    const found = gatewayNeed(inputs({ elected: [phone()], groups: [group(['gw-phone'])] }));
    expect(found).toEqual({
      active: [4],
      standby: [],
      cause: 'IPv4: traffic is on phone, fibre is up (cause of fibre)',
    });
  });

  it('after a restart in the role that it had, until something is known', () => {
    const paths = [path('fibre', 'init'), path('lte', 'down'), path('gw-phone', 'init')];
    expect(need({ paths, elected: [phone()], groups: [group([])] })).toEqual([[4], []]);
    expect(need({ paths, elected: [phone({ role: 'standby' })], groups: [group([])] })).toEqual([[], [4]]);
  });

  it('at the start only if an uplink has worked and failed, or none has come in time', () => {
    const paths = [path('fibre', 'down'), path('lte', 'down')];
    expect(need({ paths, starting: true })).toEqual([[], []]);
    expect(need({ paths, starting: true, worked: new Set([4]) })).toEqual([[4], []]);
  });

  it('always with warm standby, but not for nothing', () => {
    expect(need({ configured: configured(', standby: warm') })).toEqual([[], [4]]);
    expect(gatewayNeed(inputs({ configured: { ...configured(', standby: warm'), mode: 'observe' } })).standby).toEqual(
      [],
    );
    expect(gatewayNeed(inputs({})).cause).toBe('IPv4: fibre is up');
  });

  it('with the reasons of all uplinks', () => {
    expect(gatewayNeed(inputs({ paths: [path('fibre', 'down'), path('lte', 'held')] })).cause).toBe(
      'IPv4: fibre is down (cause of fibre), lte is held (cause of lte)',
    );
  });
});

describe('a node without traffic', () => {
  const idle = (groups: GroupView[], paths: PathView[]): string[] =>
    nodesWithoutTraffic(inputs({ elected: [phone()], groups, paths }));

  it('is in no group that is decided', () => {
    const paths = [path('fibre', 'up'), path('gw-phone', 'up')];
    expect(idle([group(['fibre'])], paths)).toEqual(['phone']);
    expect(idle([group(['gw-phone'])], paths)).toEqual([]);
    expect(idle([group(['fibre']), group(['gw-phone'], 6)], paths)).toEqual([]);
    expect(idle([], paths)).toEqual(['phone']);
  });

  it('is not one where an earlier run may have left routes', () => {
    expect(idle([group([])], [path('fibre', 'down'), path('gw-phone', 'init')])).toEqual([]);
    expect(idle([group([])], [path('fibre', 'down'), path('gw-phone', 'down')])).toEqual(['phone']);
  });
});

describe('what nodes forward for', () => {
  it("is this router's address on their link, or the LAN with it where they answer straight", () => {
    expect(clientNetworks(configured(', way_back: direct'), viewOf(3)).map(String)).toEqual(['10.0.2.0/24']);
    expect(clientNetworks(configured(), viewOf(3)).map(String)).toEqual(['10.0.2.2/32']);
    const apart = configured(', way_back: direct');
    const own = { ...apart, gateways: { ...apart.gateways!, interfaces: ['eth3'] } };
    expect(clientNetworks(own, viewOf(3)).map(String)).toEqual(['10.0.3.2/32', '10.0.2.0/24']);
  });
});
