/** Groups that nobody has judged yet: what an earlier run left for them stays, as far as it could be made today. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KernelConfig } from '../../../src/config/types.js';
import type { FibIntent } from '../../../src/controller/ports.js';
import { deriveObjects } from '../../../src/kernel/fib/derive.js';
import { diffObjects } from '../../../src/kernel/fib/diff.js';
import { describe as inWords } from '../../../src/kernel/fib/execute.js';
import { IpAddress, type Family } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import { ModelKernel } from './model-kernel.js';
import { kernelConfig as config } from '../../helpers/kernel-config.js';

interface Shape {
  family: Family;
  /** Uplinks by index: host part of the gateway's address; null: no path of this family. */
  gateways: readonly (number | null)[];
  usable: readonly boolean[];
  /** ifindex by uplink; absent: each its own. */
  interfaces?: readonly number[];
  /** Configured members of the group, and those of them that carry traffic; null: not judged yet. */
  members: readonly number[];
  active: readonly number[] | null;
  /** Last part of each prefix routed to the group. */
  prefixes: readonly number[];
}

const SHAPE: Shape = {
  family: 4,
  gateways: [1, 2, 3],
  usable: [true, true, true],
  members: [0, 1, 2],
  active: [0, 1],
  prefixes: [0, 1],
};

const address = (family: Family, host: number): IpAddress =>
  IpAddress.parse(family === 4 ? `192.0.2.${host}` : `2001:db8::${host}`);
const prefix = (family: Family, part: number): Prefix =>
  Prefix.parse(family === 4 ? `198.51.100.${part * 16}/28` : `2001:db8:${part + 1}::/48`);

function intentOf({ family, gateways, usable, interfaces, members, active, prefixes }: Shape): FibIntent {
  const carrying = members.filter((index) => active?.includes(index));
  return {
    paths: gateways.flatMap((gateway, uplinkIndex) =>
      gateway === null
        ? []
        : [
            {
              uplinkIndex,
              uplink: `wan${uplinkIndex}`,
              family,
              ifindex: interfaces?.[uplinkIndex] ?? 10 + uplinkIndex,
              ifname: `wan${uplinkIndex}`,
              gateway: address(family, gateway),
              source: null,
              usable: usable[uplinkIndex] ?? true,
            },
          ],
    ),
    groups: [
      {
        groupIndex: 0,
        group: 'internet',
        family,
        active: carrying.map((index) => ({ uplink: `wan${index}`, weight: index + 1 })),
        fallback: members.filter((index) => !carrying.includes(index)).map((index) => `wan${index}`),
        undecided: active === null,
      },
    ],
    routes: prefixes.map((part) => ({ prefix: prefix(family, part), target: { kind: 'group', groupIndex: 0 } })),
  };
}

/** @returns what was written, in words */
function apply(kernel: ModelKernel, shape: Shape, changed: Partial<KernelConfig> = {}): string[] {
  const found = kernel.found();
  const { operations, problems } = diffObjects(deriveObjects(intentOf(shape), { ...config, ...changed }, found), found);
  expect(problems).toEqual([]);
  for (const operation of operations) expect(kernel.execute(operation)).toBe(null);
  return operations.map(inWords);
}

/** Of the group and its routes, in words and sorted. */
function groupIn(kernel: ModelKernel): string[] {
  const groups = kernel.nexthops.flatMap(({ id, members }) =>
    members ? [`group ${id} of ${members.map((member) => `${member.id}x${member.weight}`).join()}`] : [],
  );
  const routes = kernel.routes
    .filter(({ table }) => table === config.table)
    .map((one) => `${one.prefix.toString()} ${one.metric} ${one.nexthopId ?? one.gateway?.toString() ?? one.type}`);
  return [...groups, ...routes.sort()];
}

const left = (shape: Partial<Shape> = {}): ModelKernel => {
  const kernel = new ModelKernel();
  apply(kernel, { ...SHAPE, ...shape });
  return kernel;
};

describe('a group that nobody has judged yet', () => {
  test('stays as an earlier run left it, and nothing at all is written', () => {
    const kernel = left();
    expect(groupIn(kernel)).toHaveLength(5);
    expect(apply(kernel, { ...SHAPE, active: null })).toEqual([]);
  });

  test('keeps a member that has another number in this run, by its way', () => {
    const node = { interfaces: [10, 11, 11], gateways: [1, 8, 9] };
    const kernel = left({ ...node, active: [2] });
    const before = kernel.nexthops.find(({ id }) => id === 680_004)!;
    expect(before.gateway?.toString()).toBe('192.0.2.9');
    apply(kernel, { ...SHAPE, interfaces: [10, 11], gateways: [1, 9], members: [0, 1], active: null });
    expect(groupIn(kernel)[0]).toBe('group 696384 of 680002x3');
    expect(groupIn(kernel).filter((route) => route.endsWith(' 696384'))).toHaveLength(2);
    expect(kernel.nexthops.map(({ id }) => id)).not.toContain(680_004);
  });

  test('is not made where there was none', () => {
    const kernel = new ModelKernel();
    apply(kernel, { ...SHAPE, active: null });
    expect(groupIn(kernel)).toEqual([]);
    expect(kernel.nexthops).toHaveLength(3);
  });

  test('is withdrawn as soon as it has been judged and nobody is alive', () => {
    const kernel = left();
    apply(kernel, { ...SHAPE, active: null });
    apply(kernel, { ...SHAPE, active: [] });
    expect(groupIn(kernel)).toEqual([]);
  });

  test.each<{ name: string; now: Partial<Shape>; kept: string[] }>([
    {
      name: 'loses the routes of prefixes that are not configured any more, and gets none for new ones',
      now: { prefixes: [1, 2] },
      kept: ['group 696384 of 680000x1,680002x2', '198.51.100.16/28 100 696384', '198.51.100.16/28 101 192.0.2.3'],
    },
    {
      name: 'loses a member that is not configured any more',
      now: { members: [1, 2] },
      kept: [
        'group 696384 of 680002x2',
        '198.51.100.0/28 100 696384',
        '198.51.100.0/28 101 192.0.2.3',
        '198.51.100.16/28 100 696384',
        '198.51.100.16/28 101 192.0.2.3',
      ],
    },
    {
      name: 'loses the members whose link is down, and with the last one its route; the plain one stays',
      now: { usable: [false, false, true], prefixes: [0] },
      kept: ['198.51.100.0/28 101 192.0.2.3'],
    },
    {
      name: 'keeps a member whose gateway is another one now, and loses the plain route through an old gateway',
      now: { gateways: [9, 2, 8], prefixes: [0] },
      kept: ['group 696384 of 680000x1,680002x2', '198.51.100.0/28 100 696384'],
    },
  ])('$name', ({ now, kept }) => {
    const kernel = left();
    apply(kernel, { ...SHAPE, ...now, active: null });
    expect(groupIn(kernel)).toEqual(kept);
    const gateways = (now.gateways ?? SHAPE.gateways).filter((_, index) => now.usable?.[index] ?? true);
    const plain = kernel.nexthops.flatMap((one) => one.gateway?.toString() ?? []);
    expect(plain).toEqual(gateways.map((host) => `192.0.2.${host}`));
  });

  test('keeps its routes of another metric until it is judged', () => {
    const kernel = left({ prefixes: [0] });
    const before = groupIn(kernel);
    expect(apply(kernel, { ...SHAPE, prefixes: [0], active: null }, { metric: 7 })).toEqual([]);
    expect(groupIn(kernel)).toEqual(before);
    apply(kernel, { ...SHAPE, prefixes: [0] }, { metric: 7 });
    expect(groupIn(kernel).slice(1)).toEqual(['198.51.100.0/28 7 696384', '198.51.100.0/28 8 192.0.2.3']);
  });

  test('does not adopt what somebody else made in its place', () => {
    const kernel = left({ prefixes: [0] });
    kernel.nexthops = kernel.nexthops.map((one) => (one.members ? { ...one, protocol: 4 } : one));
    const found = kernel.found();
    const wanted = deriveObjects(intentOf({ ...SHAPE, prefixes: [0], active: null }), config, found);
    expect(wanted.groups).toEqual([]);
    expect(diffObjects(wanted, found).operations.map(inWords)).toEqual([
      'delete route 198.51.100.0/28 metric 100 table 254',
    ]);
  });
});

const indices = fc.subarray([0, 1, 2]);
const shapes: fc.Arbitrary<Shape> = fc.record({
  family: fc.constantFrom<Family>(4, 6),
  gateways: fc.tuple(...[1, 2, 3].map((host) => fc.constantFrom(host, host, host + 4, null))),
  usable: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
  members: indices,
  active: fc.option(indices, { freq: 3 }),
  prefixes: indices,
});

describe('whatever an earlier run left and whatever is configured now', { timeout: 60_000 }, () => {
  test('exactly what today could have been made for the group is kept, and the next pass writes nothing', () => {
    fc.assert(
      fc.property(fc.array(shapes, { minLength: 1, maxLength: 3 }), shapes, (earlier, shape) => {
        const kernel = new ModelKernel();
        for (const one of earlier) apply(kernel, { ...one, family: shape.family });
        const before = structuredCloneOf(kernel);
        const now = { ...shape, active: null };
        apply(kernel, now);
        expect(groupIn(kernel)).toEqual(expectedOf(before, now));
        expect(apply(kernel, now)).toEqual([]);
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  test('once judged, it is as if it had been made from nothing', () => {
    fc.assert(
      fc.property(shapes, shapes, indices, (earlier, shape, active) => {
        const kernel = new ModelKernel();
        apply(kernel, { ...earlier, family: shape.family });
        apply(kernel, { ...shape, active: null });
        apply(kernel, { ...shape, active });
        const fresh = new ModelKernel();
        apply(fresh, { ...shape, active });
        expect(groupIn(kernel)).toEqual(groupIn(fresh));
      }),
      { seed: 6, numRuns: 500 },
    );
  });
});

function structuredCloneOf({ nexthops, routes }: ModelKernel): ModelKernel {
  return Object.assign(new ModelKernel(), { nexthops: [...nexthops], routes: [...routes] });
}

/** The oracle: each object by itself, asked whether it may stay. */
function expectedOf(kernel: ModelKernel, { family, gateways, usable, members, prefixes }: Shape): string[] {
  const alive = members.filter((index) => gateways[index] !== null && usable[index]);
  const kept = structuredCloneOf(kernel);
  const ids = alive.map((index) => 680_000 + 2 * index + (family === 6 ? 1 : 0));
  kept.nexthops = kept.nexthops.flatMap((one) => {
    const still = one.members?.filter(({ id }) => ids.includes(id)) ?? [];
    return still.length > 0 ? [{ ...one, members: still }] : [];
  });
  const texts = prefixes.map((part) => prefix(family, part).toString());
  kept.routes = kept.routes.filter((route) => {
    if (!texts.includes(route.prefix.toString())) return false;
    if (route.nexthopId !== null) return kept.nexthops.length > 0;
    return alive.some((index) => route.gateway?.toString() === address(family, gateways[index]!).toString());
  });
  return groupIn(kept);
}
