import { describe, expect, it } from 'vitest';
import { NameIndex } from '../../../src/controller/ids.js';
import type { Inputs } from '../../../src/controller/intents.js';
import type { KernelRoute } from '../../../src/controller/ports.js';
import { routeIntents, routeProblems } from '../../../src/controller/routes.js';
import { configOf } from '../../helpers/config.js';
import { route, viewOf } from '../../helpers/fake-planes.js';

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
