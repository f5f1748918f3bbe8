/** Derivation and difference: tables, and properties on a model of the kernel. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FibIntent } from '../../../src/controller/ports.js';
import { deriveObjects } from '../../../src/kernel/fib/derive.js';
import { diffObjects, type Operation } from '../../../src/kernel/fib/diff.js';
import { describe as inWords } from '../../../src/kernel/fib/execute.js';
import { routeKey } from '../../../src/kernel/fib/objects.js';
import { ruleText } from '../../../src/kernel/codec/rule.js';
import { IpAddress, type Family } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import type { WantedObjects } from '../../../src/kernel/fib/objects.js';
import { ModelKernel } from './model-kernel.js';
import { kernelConfig as config } from '../../helpers/kernel-config.js';

const address = (family: Family, host: number): IpAddress =>
  IpAddress.parse(family === 4 ? `192.0.2.${host}` : `2001:db8::${host}`);

interface Shape {
  family: Family;
  usable: readonly boolean[];
  sourced: boolean;
  gateway: number;
  active: readonly number[];
  fallback: readonly number[];
  blackhole: boolean;
}

function intentOf(shape: Shape): FibIntent {
  const { family } = shape;
  return {
    paths: shape.usable.map((usable, uplinkIndex) => ({
      uplinkIndex,
      uplink: `wan${uplinkIndex}`,
      family,
      ifindex: 10 + uplinkIndex,
      ifname: `wan${uplinkIndex}`,
      gateway: address(family, shape.gateway + uplinkIndex),
      source: shape.sourced ? address(family, 100 + uplinkIndex) : null,
      usable,
    })),
    groups: [
      {
        groupIndex: 0,
        group: 'internet',
        family,
        active: shape.active.map((index) => ({ uplink: `wan${index}`, weight: index + 1 })),
        fallback: shape.fallback.map((index) => `wan${index}`),
      },
    ],
    routes: [
      { prefix: Prefix.everything(family), target: { kind: 'group', groupIndex: 0 } },
      {
        prefix: Prefix.parse(family === 4 ? '203.0.113.0/24' : '2001:db8:f::/48'),
        target: shape.blackhole ? { kind: 'blackhole' } : { kind: 'group', groupIndex: 0 },
      },
    ],
  };
}

const SHAPE: Shape = {
  family: 4,
  usable: [true, true],
  sourced: true,
  gateway: 1,
  active: [0],
  fallback: [1],
  blackhole: false,
};

/** What is wanted where nothing matters that was found. */
const derived = (intent: FibIntent): WantedObjects => deriveObjects(intent, config, new ModelKernel().found());

describe('derivation', () => {
  const routesIn = (shape: Partial<Shape>, table: number): string[] =>
    derived(intentOf({ ...SHAPE, ...shape }))
      .routes.filter((route) => route.table === table)
      .map(
        (route) => `${route.prefix.toString()} ${route.metric} ${route.target.kind}${route.create ? '' : ' if there'}`,
      )
      .sort();

  test.each<{ name: string; shape: Partial<Shape>; routes: string[] }>([
    {
      name: 'one active member and one alternate',
      shape: {},
      routes: [
        '0.0.0.0/0 100 nexthop',
        '0.0.0.0/0 101 gateway',
        '203.0.113.0/24 100 nexthop',
        '203.0.113.0/24 101 gateway',
      ],
    },
    { name: 'no active member: withdrawn', shape: { active: [], fallback: [0, 1] }, routes: [] },
    {
      name: 'the active link is down, not yet decided: the alternates stand',
      shape: { usable: [false, true] },
      routes: ['0.0.0.0/0 101 gateway', '203.0.113.0/24 101 gateway'],
    },
    {
      name: 'an alternate whose link is down is left out, the next keeps its metric',
      shape: { usable: [true, false, true], fallback: [1, 2], blackhole: true },
      routes: ['0.0.0.0/0 100 nexthop', '0.0.0.0/0 102 gateway', '203.0.113.0/24 100 blackhole'],
    },
  ])('$name', ({ shape, routes }) => {
    expect(routesIn(shape, 254)).toEqual(routes);
  });

  test('an uplink without link keeps its own table closed', () => {
    expect(routesIn({ usable: [false, true] }, 6800)).toEqual([
      '0.0.0.0/0 1 gateway if there',
      '0.0.0.0/0 4294967295 unreachable',
    ]);
  });

  test('rules need a source only for source-bound traffic', () => {
    const rules = (sourced: boolean): string[] =>
      derived(intentOf({ ...SHAPE, sourced, usable: [true] })).rules.map(ruleText);
    const always = [
      'ipv4: 6800: from all fwmark 0x6800 lookup 6800',
      'ipv4: 6801: from all oif wan0 lookup main suppress_prefixlength 0',
      'ipv4: 6802: from all oif wan0 lookup 6800',
    ];
    expect(rules(false)).toEqual(always);
    expect(rules(true)).toEqual([
      ...always,
      'ipv4: 6803: from 192.0.2.100 lookup main suppress_prefixlength 0',
      'ipv4: 6804: from 192.0.2.100 lookup 6800',
    ]);
  });

  test('routes of one family never go by a group of the other', () => {
    const intent = intentOf(SHAPE);
    intent.routes.push({ prefix: Prefix.everything(6), target: { kind: 'group', groupIndex: 0 } });
    expect(derived(intent).routes.every((route) => route.prefix.family === 4)).toBe(true);
  });
});

function run(kernel: ModelKernel, intent: FibIntent, after?: (kernel: ModelKernel) => void): Operation[] {
  const { operations, problems } = diffObjects(deriveObjects(intent, config, kernel.found()), kernel.found());
  expect(problems).toEqual([]);
  for (const operation of operations) {
    const refusal = kernel.execute(operation);
    expect(refusal && `${inWords(operation)}: ${refusal}`).toBe(null);
    after?.(kernel);
  }
  return operations;
}

describe('difference', () => {
  test('makes nexthops, groups, routes, rules in this order, and takes away in reverse', () => {
    const kernel = new ModelKernel();
    const kinds = (operations: Operation[]): string[] => [
      ...new Set(
        operations.map((one) => (one.object === 'nexthop' && one.action === 'delete' ? 'nexthop' : one.object)),
      ),
    ];
    expect(kinds(run(kernel, intentOf(SHAPE)))).toEqual(['nexthop', 'group', 'route', 'rule']);
    const withdrawal = run(kernel, { paths: [], groups: [], routes: [] });
    expect(kinds(withdrawal)).toEqual(['rule', 'route', 'nexthop']);
    expect(withdrawal.filter((one) => one.object === 'nexthop').map(inWords)).toEqual([
      'delete nexthop 696384',
      'delete nexthop 680000',
      'delete nexthop 680002',
    ]);
    expect(kernel).toEqual(new ModelKernel());
  });

  test('a change of the active member is one group replacement and the routes behind', () => {
    const kernel = new ModelKernel();
    run(kernel, intentOf(SHAPE));
    const words = run(kernel, intentOf({ ...SHAPE, active: [1], fallback: [0] })).map(inWords);
    expect(words).toEqual([
      'replace nexthop group 696384 of 680002',
      'replace route 0.0.0.0/0 metric 101 table 254',
      'replace route 203.0.113.0/24 metric 101 table 254',
    ]);
  });

  test('a nexthop where a group is wanted is deleted first', () => {
    const kernel = new ModelKernel();
    const { nexthops } = derived(intentOf(SHAPE));
    kernel.execute({ object: 'nexthop', action: 'create', nexthop: { ...nexthops[0]!, id: 680_000 + 0x4000 } });
    expect(inWords(run(kernel, intentOf(SHAPE))[0]!)).toBe('delete nexthop 696384');
  });
});

const shapes: fc.Arbitrary<Shape> = fc.record({
  family: fc.constantFrom<Family>(4, 6),
  usable: fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
  sourced: fc.boolean(),
  gateway: fc.integer({ min: 1, max: 3 }),
  active: fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
  fallback: fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
  blackhole: fc.boolean(),
});

/** What the kernel or somebody else does in between. */
type Mishap = { kind: 'nexthop' | 'route' | 'rule'; at: number };
const mishaps: fc.Arbitrary<Mishap[]> = fc.array(
  fc.record({ kind: fc.constantFrom<Mishap['kind']>('nexthop', 'route', 'rule'), at: fc.nat() }),
  { maxLength: 4 },
);

function happen(kernel: ModelKernel, { kind, at }: Mishap): void {
  const list = { nexthop: kernel.nexthops, route: kernel.routes, rule: kernel.rules }[kind];
  if (list.length === 0) return;
  const index = at % list.length;
  if (kind === 'nexthop') kernel.deleteNexthop(kernel.nexthops[index]!.id);
  else list.splice(index, 1);
}

describe('on a model of the kernel, whatever the intents and whatever vanishes in between', { timeout: 60_000 }, () => {
  test('no operation is refused, the next difference is empty, and nothing of ours is left after a withdrawal', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(shapes, mishaps), { minLength: 1, maxLength: 5 }), (steps) => {
        const kernel = new ModelKernel();
        for (const [shape, between] of steps) {
          run(kernel, intentOf(shape));
          expect(run(kernel, intentOf(shape))).toEqual([]);
          for (const mishap of between) happen(kernel, mishap);
        }
        run(kernel, { paths: [], groups: [], routes: [] });
        expect(kernel).toEqual(new ModelKernel());
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test('a prefix that is routed before and after is routed at every moment between', () => {
    fc.assert(
      fc.property(shapes, shapes, (first, second) => {
        const prefixes = (kernel: ModelKernel): Set<string> =>
          new Set(kernel.routes.filter((route) => route.table === 254).map((route) => route.prefix.toString()));
        const kernel = new ModelKernel();
        run(kernel, intentOf(first));
        const goal = new ModelKernel();
        run(goal, intentOf(second));
        const throughout = [...prefixes(kernel)].filter((prefix) => prefixes(goal).has(prefix));
        run(kernel, intentOf(second), () => {
          expect([...prefixes(kernel)]).toEqual(expect.arrayContaining(throughout));
        });
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  test('what is not ours stays, and what it holds is named as a problem instead of written', () => {
    fc.assert(
      fc.property(shapes, fc.array(fc.nat(), { maxLength: 4 }), (shape, picks) => {
        const goal = new ModelKernel();
        run(goal, intentOf(shape));
        const kernel = new ModelKernel();
        for (const pick of picks) {
          const nexthop = goal.nexthops[pick % (goal.nexthops.length || 1)];
          if (nexthop && !kernel.nexthops.includes(nexthop)) kernel.nexthops.push(nexthop);
          const route = goal.routes[pick % (goal.routes.length || 1)];
          if (route && !kernel.routes.some((one) => routeKey(one) === routeKey(route))) kernel.routes.push(route);
        }
        kernel.nexthops = kernel.nexthops.map((one) => ({ ...one, protocol: 4 }));
        kernel.routes = kernel.routes.map((one) => ({ ...one, protocol: 4 }));
        const foreign = JSON.stringify([kernel.nexthops, kernel.routes]);
        const { operations, problems } = diffObjects(derived(intentOf(shape)), kernel.found());
        for (const operation of operations) expect(kernel.execute(operation)).toBe(null);
        const left = [kernel.nexthops, kernel.routes].map((list) => list.filter((one) => one.protocol === 4));
        expect(JSON.stringify(left)).toBe(foreign);
        if (kernel.nexthops.some((one) => one.protocol === 4)) expect(problems.length).toBeGreaterThan(0);
      }),
      { seed: 3, numRuns: 300 },
    );
  });
});
