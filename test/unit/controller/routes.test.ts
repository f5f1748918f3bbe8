import { describe, expect, it } from 'vitest';
import { NameIndex } from '../../../src/controller/ids.js';
import type { Inputs } from '../../../src/controller/intents.js';
import type { KernelRoute } from '../../../src/controller/ports.js';
import { routeIntents, routeProblems } from '../../../src/controller/routes.js';
import { Prefix } from '../../../src/net/prefix.js';
import { configOf } from '../../helpers/config.js';
import { foreignRule, route, viewOf } from '../../helpers/fake-planes.js';

const config = configOf(`
uplinks: {a: {interface: eth1, gateway: {ipv4: 10.0.1.1}}}
routes:
  - {to: 0.0.0.0/0, group: default}
  - {to: 192.0.2.0/24, blackhole: true}
`);

function inputs(routes: KernelRoute[]): Inputs {
  const groups: Inputs['groups'] = [
    { group: 'default', family: 4, order: [[{ uplink: 'a', weight: 1 }]], active: ['a'], forced: null, cause: '' },
  ];
  return {
    config,
    view: viewOf(1, routes),
    facts: [],
    groups,
    paths: [],
    uplinkIndex: new NameIndex(),
    groupIndex: new NameIndex(),
  };
}

const kinds = (...routes: KernelRoute[]): Record<string, string> =>
  Object.fromEntries(routeIntents(inputs(routes)).map(({ prefix, target }) => [prefix.toString(), target.kind]));

const ours = { '0.0.0.0/0': 'group', '192.0.2.0/24': 'blackhole' };

describe('routes of the data plane', () => {
  it('are the configured ones, and the kernel is asked for the others', () => {
    expect(kinds()).toEqual(ours);
    expect(kinds(route('10.9.0.0/16'), route('10.8.0.0/16', { type: 'unreachable' }))).toEqual({
      ...ours,
      '10.9.0.0/16': 'fib',
      '10.8.0.0/16': 'stack',
    });
  });

  it.each([
    [9, 'fib'],
    [10, 'fib'],
    [11, 'group'],
  ])('of one prefix: a foreign default route of metric %i against metric 10 makes it %s', (metric, kind) => {
    expect(kinds(route('0.0.0.0/0', { metric }))).toEqual({ ...ours, '0.0.0.0/0': kind });
    const problem = routeProblems(inputs([route('0.0.0.0/0', { metric })])).get('0.0.0.0/0');
    expect(problem !== undefined).toBe(kind === 'fib');
  });

  it.each([
    ['a source', { source: Prefix.parse('10.7.0.0/16') }, 'from 10.7.0.0/16'],
    ['a type of service', { tos: 0x10 }, 'for TOS 0x10'],
  ])('of one prefix: a foreign route for %s comes before ours whatever its metric', (_what, change, said) => {
    const foreign = route('0.0.0.0/0', { metric: 1024, ...change });
    expect(kinds(foreign)).toEqual({ ...ours, '0.0.0.0/0': 'fib' });
    expect(routeProblems(inputs([foreign])).get('0.0.0.0/0')).toContain(said);
  });

  it('of another table do not outrank ours', () => {
    expect(kinds(route('0.0.0.0/0', { metric: 1, table: 100 }))).toEqual(ours);
  });

  it('are asked of the kernel where foreign ones of one prefix differ, in any order', () => {
    const both = [route('10.9.0.0/16', { metric: 5 }), route('10.9.0.0/16', { type: 'prohibit', metric: 1 })];
    expect(kinds(...both)['10.9.0.0/16']).toBe('fib');
    expect(kinds(...both.reverse())['10.9.0.0/16']).toBe('fib');
  });

  it('give way to table local: the same prefix, and everything below a network that is local', () => {
    const local = { table: 255, type: 'local' } as const;
    expect(kinds(route('192.0.2.0/24', local), route('192.0.2.128/25'), route('192.0.2.0/24'))).toEqual({
      '0.0.0.0/0': 'group',
      '192.0.2.0/24': 'local',
    });
  });
});

describe('while a policy rule of others is in force', () => {
  const under = (selects: 'addresses' | 'more', family = 'ipv4'): Record<string, string> => {
    const { view, ...rest } = inputs([
      route('10.9.0.0/16'),
      route('10.8.0.0/16', { type: 'prohibit' }),
      route('10.0.1.2/32', { table: 255, type: 'local' }),
    ]);
    const foreignRules = [foreignRule(`${family}: 100: from 10.0.5.0/24 lookup 100`, selects)];
    const intents = routeIntents({ ...rest, view: { ...view, foreignRules } });
    return Object.fromEntries(intents.map(({ prefix, target }) => [prefix.toString(), target.kind]));
  };
  const always = { '192.0.2.0/24': 'blackhole', '10.0.1.2/32': 'local' };

  it('that selects by addresses, groups are left to the FIB, which knows rules', () => {
    expect(under('addresses')).toEqual({ ...always, '0.0.0.0/0': 'fib', '10.9.0.0/16': 'fib', '10.8.0.0/16': 'fib' });
  });

  it('that selects by a mark, everything but local and blackholes is left to the stack', () => {
    expect(under('more')).toEqual({ ...always, '0.0.0.0/0': 'stack', '10.9.0.0/16': 'stack', '10.8.0.0/16': 'stack' });
  });

  it('or an IPsec policy is, which must see what it encrypts, it is the same', () => {
    const { view, ...rest } = inputs([route('10.9.0.0/16'), route('10.0.1.2/32', { table: 255, type: 'local' })]);
    const intents = routeIntents({ ...rest, view: { ...view, ipsecPolicies: { 4: 1, 6: 0 } } });
    expect(Object.fromEntries(intents.map(({ prefix, target }) => [prefix.toString(), target.kind]))).toEqual({
      ...always,
      '0.0.0.0/0': 'stack',
      '10.9.0.0/16': 'stack',
    });
  });

  it('of the other family, nothing is different', () => {
    expect(under('more', 'ipv6')).toEqual({
      ...always,
      '0.0.0.0/0': 'group',
      '10.9.0.0/16': 'fib',
      '10.8.0.0/16': 'stack',
    });
  });
});

/** Counts how often somebody goes through it. */
class CountedRoutes extends Array<KernelRoute> {
  visits = 0;
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
  override [Symbol.iterator](): ReturnType<KernelRoute[][typeof Symbol.iterator]> {
    this.visits++;
    return super[Symbol.iterator]();
  }
  override find = (): never => {
    throw new Error('a search of all routes');
  };
}

describe('with many foreign routes', () => {
  const counted = (...routes: KernelRoute[]): CountedRoutes => CountedRoutes.from(routes) as CountedRoutes;

  it('a pass in which only a neighbour changed looks at none of them', () => {
    const routes = counted(route('10.9.0.0/16'), route('10.8.0.0/16'));
    const before = inputs(routes);
    const first = routeIntents(before);
    expect(routes.visits).toBe(1);
    const groups = before.groups.map((group) => ({ ...group, active: [] }));
    const again = routeIntents({ ...before, view: { ...before.view, neighbours: [] }, groups });
    expect(again).toBe(first);
    expect(routes.visits).toBe(1);
  });

  it('problems are found without going through them, however many routes are configured', () => {
    const routes = counted(route('0.0.0.0/0', { metric: 1 }), route('192.0.2.0/24', { metric: 1 }));
    const given = inputs(routes);
    for (let read = 0; read < 3; read++) expect(routeProblems(given).size).toBe(2);
    expect(routes.visits).toBe(1);
  });

  it.each<[string, (given: Inputs) => Inputs]>([
    ['a route of others', (given) => ({ ...given, view: { ...given.view, routes: [route('10.7.0.0/16')] } })],
    ['a rule of others', (given) => ({ ...given, view: { ...given.view, foreignRules: [foreignRule('ipv4: 1')] } })],
    ['the configured routes', (given) => ({ ...given, config: { ...config, routes: [] } })],
    ['the metric', (given) => ({ ...given, config: { ...config, kernel: { ...config.kernel, metric: 900 } } })],
    ['a group that appears', (given) => ({ ...given, groups: [] })],
  ])('%s makes them anew', (_what, change) => {
    const given = inputs([route('0.0.0.0/0', { metric: 800 })]);
    const before = JSON.stringify(routeIntents(given));
    expect(JSON.stringify(routeIntents(change(given)))).not.toBe(before);
    expect(JSON.stringify(routeIntents(given))).toBe(before);
  });
});
