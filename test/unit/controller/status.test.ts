import { describe, expect, test } from 'vitest';
import { allFacts } from '../../../src/controller/facts.js';
import { NameIndex, nextHopIdOf } from '../../../src/controller/ids.js';
import type { KernelLink, PortStatus } from '../../../src/controller/ports.js';
import {
  forwardingOf,
  healthStatus,
  interfaceStatuses,
  routeStatuses,
  uplinkStatuses,
} from '../../../src/controller/status.js';
import type { HealthInputs, StatusInputs } from '../../../src/controller/status.js';
import type { GroupView, PathView } from '../../../src/engine/types.js';
import { configOf } from '../../helpers/config.js';
import { foreignRule, link, viewOf } from '../../helpers/fake-planes.js';
import { pathView } from '../../helpers/path-view.js';

const ROUTES = `
groups: {net: {tiers: [[a]]}}
routes: [{to: 0.0.0.0/0, group: net}, {to: "::/0", group: net}, {to: 192.0.2.0/24, blackhole: true}]
`;
const config = configOf(`uplinks: {a: {interface: eth1, gateway: 10.0.1.1}}${ROUTES}`);
const byStack = configOf(`uplinks: {a: {interface: eth1, gateway: 10.0.1.1, forwarding: stack}}${ROUTES}`);
const observing = configOf(`mode: observe\nuplinks: {a: {interface: eth1, gateway: 10.0.1.1}}${ROUTES}`);

const path = (state: PathView['state'], family: 4 | 6 = 4): PathView => pathView('a', state, family);
const group = (active: string[], family: 4 | 6 = 4): GroupView => ({
  group: 'net',
  family,
  order: [[{ uplink: 'a', weight: 1 }]],
  active,
  forced: null,
  cause: '',
});
const native: PortStatus = { ifindex: 1, name: 'eth1', xdp: 'native', reason: null };

function inputs(change: Partial<StatusInputs> = {}): StatusInputs {
  const view = viewOf(1);
  const given = { config, view, paths: [path('up')], groups: [group(['a'])], ports: [native], programmed: true };
  const facts = allFacts(change.config ?? config, change.view ?? view);
  return { ...given, facts, uplinkIndex: new NameIndex(), routeProblems: new Map(), ...change };
}

const withLink = (change: Partial<KernelLink>) => {
  const view = viewOf(1);
  return { ...view, links: new Map([[1, { ...link(1, 'eth1'), ...change }]]) };
};

describe('who forwards for an uplink', () => {
  test.each<[string, Partial<StatusInputs>, by: 'xdp' | 'stack', reason: string | null]>([
    ['XDP', {}, 'xdp', null],
    ['generic XDP', { ports: [{ ...native, xdp: 'generic', reason: 'slow' }] }, 'xdp', 'slow'],
    ['observe mode', { config: observing }, 'stack', 'mode is observe: Detour forwards nothing'],
    ['as configured', { config: byStack }, 'stack', 'configured: forwarding is stack'],
    ['no interface', { view: { ...viewOf(1), links: new Map() } }, 'stack', 'interface eth1 does not exist'],
    ['no program', { ports: [] }, 'stack', 'no XDP program is attached'],
    ['refused', { ports: [{ ...native, xdp: 'none', reason: 'EBUSY' }] }, 'stack', 'EBUSY'],
    ['no redirect', { ports: [{ ...native, reason: 'no', redirectRefused: true }] }, 'stack', 'no'],
    ['a bridge', { view: withLink({ kind: 'bridge' }) }, 'stack', 'eth1 is a bridge: forwarded by the stack'],
  ])('%s', (_what, change, by, reason) => {
    const given = inputs(change);
    expect(forwardingOf(given, given.config.uplinks[0]!)).toEqual({ by, reason });
  });
});

describe('uplinks', () => {
  test('join facts, paths and the counters of their next hops', () => {
    const given = inputs({ paths: [path('up', 4), path('down', 6)] });
    const id = nextHopIdOf(given.uplinkIndex.of('a'), 4);
    const [status] = uplinkStatuses(given, new Map([[id, { packets: 5n, bytes: 500n }]]));
    expect(status).toMatchObject({ name: 'a', interface: 'eth1', ifindex: 1, drained: false });
    expect(status!.paths.map((one) => [one.family, one.gateway, one.source, one.transmitted.packets])).toEqual([
      [4, '10.0.1.1', '10.0.1.2', 5n],
      [6, null, null, 0n],
    ]);
  });

  test('are drained if a path is', () => {
    expect(uplinkStatuses(inputs({ paths: [path('drained')] }), new Map())[0]!.drained).toBe(true);
  });

  test('without their interface are still listed', () => {
    const [status] = uplinkStatuses(inputs({ view: { ...viewOf(1), links: new Map() } }), new Map());
    expect(status).toMatchObject({ ifindex: null, forwarding: { by: 'stack' } });
  });
});

describe('routes', () => {
  const lines = (change: Partial<StatusInputs> = {}): string[] =>
    routeStatuses(inputs(change)).map(
      ({ prefix, target, programmed: { xdp, kernel }, problem }) =>
        `${prefix} ${target} ${xdp} ${kernel} ${problem?.slice(0, 15) ?? '-'}`,
    );
  const v6 = '::/0 group net false false -';
  const hole = '192.0.2.0/24 blackhole true true -';

  test.each<[string, Partial<StatusInputs>, string[]]>([
    ['in force', {}, ['0.0.0.0/0 group net true true -', v6, hole]],
    ['of a group that nobody carries', { groups: [group([])] }, ['0.0.0.0/0 group net false false -', v6, hole]],
    [
      'in observe mode',
      { config: observing, view: { ...viewOf(1), foreignRules: [foreignRule('ipv4: 7: from all tos 8 lookup 7')] } },
      ['0.0.0.0/0 group net false false -', v6, '192.0.2.0/24 blackhole false false -'],
    ],
    [
      'before a pass has written everything',
      { programmed: false },
      ['0.0.0.0/0 group net false false -', v6, '192.0.2.0/24 blackhole false false -'],
    ],
    [
      'that a foreign route outranks',
      { routeProblems: new Map([['0.0.0.0/0', 'a foreign route']]) },
      ['0.0.0.0/0 group net false true a foreign route', v6, hole],
    ],
    [
      'past which a rule of others leads: blackholes stay',
      { view: { ...viewOf(1), foreignRules: [foreignRule('ipv4: 7: from all tos 8 lookup 7')] } },
      ['0.0.0.0/0 group net false true the policy rule', v6, hole],
    ],
    [
      'of the other family than a rule',
      { view: { ...viewOf(1), foreignRules: [foreignRule('ipv6: 7: from all tos 8 lookup 7')] } },
      ['0.0.0.0/0 group net true true -', '::/0 group net false false the policy rule', hole],
    ],
  ])('%s', (_what, change, expected) => {
    expect(lines(change)).toEqual(expected);
  });
});

describe('interfaces', () => {
  test('tell role, program and what became of packets', () => {
    const both = configOf(`uplinks: {a: {interface: eth1, gateway: 10.0.1.1}}\ninterfaces: [eth2]\n`);
    const given = inputs({ config: both, view: viewOf(2) });
    const found = interfaceStatuses(given, new Map([[2, { forwarded: 3n }]]));
    expect(found.map(({ name, role, xdp, reasons }) => [name, role, xdp, reasons])).toEqual([
      ['eth1', 'uplink', 'native', {}],
      ['eth2', 'interface', 'none', { forwarded: 3n }],
    ]);
  });
});

describe('health', () => {
  const down = (suspected: boolean, family: 4 | 6 = 4) => ({
    family,
    suspected,
    believed: false,
    sinceUs: null,
    lastGood: null,
  });
  const good: HealthInputs = { groups: [group(['a'])], paths: [path('up')], allDown: [down(false)], problems: [] };

  test.each<[string, Partial<HealthInputs>, 'ok' | 'degraded' | 'down']>([
    ['everything carries', {}, 'ok'],
    ['suspected or held paths are no news', { paths: [path('suspect'), path('held'), path('drained')] }, 'ok'],
    ['a path is down', { paths: [path('up'), path('down')] }, 'degraded'],
    ['a path is degraded', { paths: [path('degraded')] }, 'degraded'],
    ['a path is not judged yet', { paths: [path('init')] }, 'degraded'],
    [
      'one group of two carries',
      { groups: [group(['a']), group([], 6)], allDown: [down(false), down(false, 6)] },
      'degraded',
    ],
    [
      'the other family is absent',
      { groups: [group(['a']), group([], 6)], paths: [path('up'), path('down', 6)] },
      'ok',
    ],
    ['neither family is there', { groups: [group([])], allDown: [] }, 'down'],
    ['something could not be written', { problems: ['full'] }, 'degraded'],
    ['no group carries', { groups: [group([])] }, 'down'],
    ['there is no group', { groups: [] }, 'down'],
    ['all paths of every family are down', { allDown: [down(true)] }, 'down'],
    ['all paths of one family are down', { allDown: [down(true), down(false, 6)] }, 'ok'],
  ])('%s: %s', (_what, change, expected) => {
    expect(healthStatus({ ...good, ...change })).toBe(expected);
  });
});
