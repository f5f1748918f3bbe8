/**
 * The kernel FIB against `ip`: what an intent becomes, that it comes back, and that nobody else's is touched.
 *
 *   dt-kernel-PID-N                             dt-kernel-PID-N-far
 *     wan0 192.0.2.2/24, 2001:db8:1::2/64 ------- wan0 192.0.2.1/24, 2001:db8:1::1/64
 *     wan1 198.51.100.2/24, 2001:db8:2::2/64 ---- wan1 198.51.100.1/24, 2001:db8:2::1/64, fe80::1/64
 *     lan0 10.9.0.1/24 --------------------------- lan0 10.9.0.2/24
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KernelConfig } from '../../../src/config/types.js';
import type { FibIntent, KernelFib } from '../../../src/controller/ports.js';
import { createKernelFib } from '../../../src/kernel/index.js';
import { IpAddress, type Family } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import { until } from '../../helpers/poll.js';
import { APPLIED } from './expected.js';
import { Monitor } from './monitor.js';
import { Namespace } from './namespace.js';
import { kernelConfig as config } from '../../helpers/kernel-config.js';

const ADDRESSES = {
  4: {
    wan0: ['192.0.2.1', '192.0.2.2'],
    wan1: ['198.51.100.1', '198.51.100.2'],
    to: '203.0.113.9',
    net: '203.0.113.0/24',
  },
  6: {
    wan0: ['2001:db8:1::1', '2001:db8:1::2'],
    wan1: ['2001:db8:2::1', '2001:db8:2::2'],
    to: '2001:db8:f::9',
    net: '2001:db8:f::/48',
  },
} as const;

let space: Namespace;
let fib: KernelFib;
const open: KernelFib[] = [];

beforeEach(async () => {
  space = new Namespace();
  space.veth('wan0', ['192.0.2.2/24', '2001:db8:1::2/64'], ['192.0.2.1/24', '2001:db8:1::1/64']);
  space.veth('wan1', ['198.51.100.2/24', '2001:db8:2::2/64'], ['198.51.100.1/24', '2001:db8:2::1/64', 'fe80::1/64']);
  space.veth('lan0', ['10.9.0.1/24'], ['10.9.0.2/24']);
  await space.settled();
  fib = await start();
});

afterEach(async () => {
  for (const one of open.splice(0)) await one.close({ keep: true });
  space.close();
});

async function start(changed: Partial<KernelConfig> = {}): Promise<KernelFib> {
  const made = await createKernelFib({ ...config, ...changed }, { netns: space.path });
  open.push(made);
  return made;
}

const usable = (name: string): boolean => {
  const link = [...fib.view().links.values()].find((one) => one.name === name);
  return link !== undefined && link.adminUp && link.carrier;
};

/** Both uplinks; the group "internet" uses `active`, the other one is its alternate. */
function intent(family: Family, active: 'wan0' | 'wan1' | 'both' | 'none' = 'wan0'): FibIntent {
  const names = ['wan0', 'wan1'] as const;
  const members = active === 'both' ? names : active === 'none' ? [] : [active];
  return {
    paths: names.map((uplink, uplinkIndex) => ({
      uplinkIndex,
      uplink,
      family,
      ifindex: space.ifindexOf(uplink),
      ifname: uplink,
      gateway: IpAddress.parse(ADDRESSES[family][uplink][0]),
      source: IpAddress.parse(ADDRESSES[family][uplink][1]),
      usable: usable(uplink),
    })),
    groups: [
      {
        groupIndex: 0,
        group: 'internet',
        family,
        active: members.map((uplink) => ({ uplink, weight: uplink === 'wan0' ? 3 : 1 })),
        fallback: active === 'none' ? [] : names.filter((name) => !members.includes(name)),
      },
    ],
    routes: [
      { prefix: Prefix.parse(ADDRESSES[family].net), target: { kind: 'group', groupIndex: 0 } },
      { prefix: Prefix.everything(family), target: { kind: 'group', groupIndex: 0 } },
      { prefix: Prefix.parse(family === 4 ? '192.0.2.128/25' : '2001:db8:dead::/48'), target: { kind: 'blackhole' } },
    ],
  };
}

/** As a controller asks for it that has just started. */
function undecided(family: Family): FibIntent {
  const wanted = intent(family, 'none');
  return { ...wanted, groups: wanted.groups.map((one) => ({ ...one, fallback: ['wan0', 'wan1'], undecided: true })) };
}

/** Everything of ours, and everything there is. */
function snapshot(only: 'ours' | 'foreign'): string[] {
  const text = ['-4 route show table all', '-6 route show table all', '-4 rule show', '-6 rule show', 'nexthop show'];
  return (
    text
      .flatMap((command) =>
        space
          .ip(`-N ${command}`)
          .split('\n')
          .map((line) => `${command}: ${line.trim()}`),
      )
      // A group's members, spelt out for old programs (nexthop_compat_mode), follow on lines of their own.
      .filter((line) => !/: (nexthop via .*)?$/.test(line))
      .filter((line) => / proto 68\b/.test(line) === (only === 'ours'))
      // Comes and goes by itself.
      .map((line) => line.replace(/ (expires \d+sec|linkdown|dead)/g, ''))
      .sort()
  );
}

function wayTo(family: Family, selectors = ''): string | null {
  try {
    const [route] = space.json<{ dev?: string; type?: string }>(`route get ${ADDRESSES[family].to}${selectors}`);
    return route?.type ?? route?.dev ?? null;
  } catch {
    return null;
  }
}

async function usableAgain(name: string, wanted = true): Promise<void> {
  await until(() => usable(name) === wanted, { what: `${name} ${wanted ? 'up' : 'down'}` });
}

for (const family of [4, 6] as const) {
  describe(`IPv${family}`, () => {
    test('an intent is applied, and applying it again writes nothing', async () => {
      const first = await fib.applyFib(intent(family));
      expect(first.problems).toEqual([]);
      expect(first.writes).toBeGreaterThan(10);
      expect(snapshot('ours')).toEqual(APPLIED[family]);
      expect(await fib.applyFib(intent(family))).toEqual({ writes: 0, problems: [] });
      expect(wayTo(family)).toBe('wan0');
    });

    test('marked traffic leaves by its own uplink whatever the main table says', async () => {
      await fib.applyFib(intent(family));
      expect(wayTo(family, ' mark 0x6800')).toBe('wan0');
      expect(wayTo(family, ' mark 0x6801')).toBe('wan1');
      space.ip(`-${family} route add ${ADDRESSES[family].to} via ${ADDRESSES[family].wan0[0]} dev wan0`);
      expect(wayTo(family, ' mark 0x6801')).toBe('wan1');
    });

    test('a socket bound to an uplink leaves by it through its gateway, active or not, and reaches its own network', async () => {
      await fib.applyFib(intent(family));
      const { to, wan0, wan1 } = ADDRESSES[family];
      const way = (address: string, device: string): unknown[] => {
        const [route] = space.json<{ dev?: string; gateway?: string }>(`route get ${address} oif ${device}`);
        return [route?.dev, route?.gateway];
      };
      expect(way(to, 'wan0')).toEqual(['wan0', wan0[0]]);
      expect(way(to, 'wan1')).toEqual(['wan1', wan1[0]]);
      expect(way(wan1[0], 'wan1')).toEqual(['wan1', undefined]);
      const elsewhere = family === 4 ? '203.0.112.9' : '2001:db8:e::9';
      space.farIp(`address add ${elsewhere}/${family === 4 ? 32 : 128} dev lo`);
      expect(space.exec(`ping -${family} -c 1 -W 5 -I wan1 ${elsewhere}`)).toContain(' 0% packet loss');
    });

    test('a switch moves every prefix at once, and the next apply agrees with it', async () => {
      await fib.applyFib(intent(family));
      const wanted = intent(family, 'wan1');
      expect(await fib.switchGroup(wanted.groups[0]!)).toEqual({ writes: 1, problems: [] });
      expect(wayTo(family)).toBe('wan1');
      expect((await fib.applyFib(wanted)).problems).toEqual([]);
      expect(wayTo(family)).toBe('wan1');
      expect(await fib.applyFib(wanted)).toEqual({ writes: 0, problems: [] });
    });

    test('an apply asked for before a switch does not undo it', async () => {
      await fib.applyFib(intent(family));
      const before = fib.applyFib(intent(family, 'both'));
      const during = fib.switchGroup(intent(family, 'wan1').groups[0]!);
      expect((await during).problems).toEqual([]);
      expect((await before).problems).toEqual([]);
      expect(wayTo(family)).toBe('wan1');
    });

    test('weights of members become weights of the nexthop group', async () => {
      await fib.applyFib(intent(family, 'both'));
      const id = 680_000 + 0x4000 + (family === 4 ? 0 : 1);
      const [group] = space.json<{ group: { id: number; weight?: number }[] }>(`nexthop show id ${id}`);
      expect(group!.group.map((member) => member.weight ?? 1)).toEqual([3, 1]);
    });

    test('when the link goes the plain route behind carries on by itself; apply heals all when it returns', async () => {
      await fib.applyFib(intent(family));
      const before = snapshot('ours');
      space.farIp('link set wan0 down');
      await until(() => wayTo(family) === 'wan1', { what: 'the plain route behind' });
      await usableAgain('wan0', false);
      expect((await fib.applyFib(intent(family, 'wan1'))).problems).toEqual([]);
      expect(wayTo(family)).toBe('wan1');
      expect(await fib.applyFib(intent(family, 'wan1'))).toEqual({ writes: 0, problems: [] });
      space.farIp('link set wan0 up');
      await usableAgain('wan0');
      expect((await fib.applyFib(intent(family))).problems).toEqual([]);
      expect(snapshot('ours')).toEqual(before);
      expect(wayTo(family)).toBe('wan0');
    });

    test('with the interface administratively down, bound traffic is unreachable and does not leak', async () => {
      await fib.applyFib(intent(family));
      space.ip('link set wan1 down');
      await usableAgain('wan1', false);
      expect((await fib.applyFib(intent(family))).problems).toEqual([]);
      expect(['unreachable', null]).toContain(wayTo(family, ' mark 0x6801'));
      expect(wayTo(family)).toBe('wan0');
    });

    test('without an active member the routes are withdrawn', async () => {
      await fib.applyFib(intent(family));
      expect((await fib.applyFib(intent(family, 'none'))).problems).toEqual([]);
      expect(wayTo(family)).toBe(null);
    });

    test('what somebody deleted of ours is told as a change, and comes back with the next apply', async () => {
      await fib.applyFib(intent(family));
      const before = snapshot('ours');
      const told = new Set<string>();
      fib.onChange((changes) => changes.forEach((change) => told.add(change)));
      space.ip(`-${family} route delete default table 6800`);
      space.ip(`-${family} rule delete priority 6800`);
      space.ip(`nexthop delete id ${680_000 + (family === 4 ? 0 : 1)}`);
      await until(() => told.has('route') && told.has('rule'), { what: 'the news' });
      expect((await fib.applyFib(intent(family))).problems).toEqual([]);
      expect(snapshot('ours')).toEqual(before);
    });

    test('foreign objects are left alone, and one that holds our place is a problem with its name', async () => {
      const gateway = ADDRESSES[family].wan1[0];
      space.ip(`-${family} route add default via ${gateway} dev wan1 metric 100 proto 4`);
      space.ip(`nexthop add id ${680_001 + (family === 4 ? 1 : 2)} via ${gateway} dev wan1 proto 4`);
      space.ip(`-${family} rule add from ${ADDRESSES[family].wan0[1]} lookup 99 priority 6801`);
      space.ip(`-${family} route add ${ADDRESSES[family].net} via ${gateway} dev wan1 metric 101 proto 4`);
      const foreign = snapshot('foreign');
      const { problems } = await fib.applyFib(intent(family));
      expect(problems.some((text) => /route .*\/0 metric 100 table 254 is held by protocol 4/.test(text))).toBe(true);
      expect(problems.some((text) => /metric 101 table 254 is held by protocol 4/.test(text))).toBe(true);
      expect(problems.some((text) => /nexthop id \d+ is held by protocol 4/.test(text))).toBe(true);
      expect(problems).toHaveLength(3);
      expect(snapshot('foreign')).toEqual(foreign);
      await fib.close({ keep: false });
      expect(snapshot('foreign')).toEqual(foreign);
      expect(snapshot('ours')).toEqual([]);
    });

    test('a foreign route in an uplink table is not overwritten either', async () => {
      space.ip(`-${family} route add default via ${ADDRESSES[family].wan1[0]} dev wan1 metric 1 table 6800 proto 4`);
      const foreign = snapshot('foreign');
      const { problems } = await fib.applyFib(intent(family));
      expect(problems).toEqual([expect.stringMatching(/create route .*\/0 metric 1 table 6800: EEXIST/)]);
      expect(snapshot('foreign')).toEqual(foreign);
    });

    test('closing withdraws exactly ours, or leaves it when told to; a later start takes it over', async () => {
      const foreign = snapshot('foreign');
      await fib.applyFib(intent(family));
      const ours = snapshot('ours');
      await fib.close({ keep: true });
      expect(snapshot('ours')).toEqual(ours);
      fib = await start();
      expect(await fib.applyFib(intent(family))).toEqual({ writes: 0, problems: [] });
      await fib.close({ keep: false });
      expect(snapshot('ours')).toEqual([]);
      expect(snapshot('foreign')).toEqual(foreign);
    });

    test('a later start that has judged nobody changes nothing, and goes on once it has', async () => {
      await fib.applyFib(intent(family));
      await fib.close({ keep: true });
      const everything = (): unknown => [
        space.json(`-${family} -N route show table all`).filter(({ table }) => table !== Monitor.markerTable),
        space.json('nexthop show'),
        space.json(`-${family} rule show`),
      ];
      const before = everything();
      fib = await start();
      const monitor = await Monitor.start(space);
      try {
        expect(await fib.applyFib(undecided(family))).toEqual({ writes: 0, problems: [] });
        expect(await monitor.changes()).toEqual([]);
        expect(everything()).toEqual(before);
        expect(await fib.applyFib(intent(family))).toEqual({ writes: 0, problems: [] });
        expect((await fib.applyFib(intent(family, 'wan1'))).problems).toEqual([]);
        expect((await monitor.changes()).filter((line) => line.startsWith('Deleted'))).toEqual([]);
        expect(wayTo(family)).toBe('wan1');
      } finally {
        monitor.close();
      }
    });

    test('what an earlier configuration left behind is cleaned up', async () => {
      await fib.applyFib(intent(family));
      await fib.close({ keep: true });
      fib = await start({ table: 6900, metric: 7, uplinkTableBase: 6950, nexthopIdBase: 690_000, rulePriority: 6900 });
      expect((await fib.applyFib(intent(family))).problems).toEqual([]);
      expect(snapshot('ours').filter((line) => / (table 68\d\d|metric 100|id 680|68000)\b/.test(line))).toEqual([]);
      await fib.close({ keep: false });
      expect(snapshot('ours')).toEqual([]);
    });

    test('a changed gateway, target or order replaces what is there', async () => {
      await fib.applyFib(intent(family));
      const changed = intent(family);
      changed.paths[0] = {
        ...changed.paths[0]!,
        gateway: IpAddress.parse(family === 4 ? '192.0.2.7' : '2001:db8:1::7'),
      };
      changed.routes = changed.routes.map(({ prefix, target }) =>
        target.kind === 'blackhole'
          ? { prefix, target: { kind: 'group', groupIndex: 0 } }
          : { prefix, target: { kind: 'blackhole' } },
      );
      expect((await fib.applyFib(changed)).problems).toEqual([]);
      expect(await fib.applyFib(changed)).toEqual({ writes: 0, problems: [] });
      expect(wayTo(family)).not.toBe('wan0');
      const back = await fib.applyFib(intent(family));
      expect(back.problems).toEqual([]);
      expect(wayTo(family)).toBe('wan0');
      expect(await fib.applyFib(intent(family))).toEqual({ writes: 0, problems: [] });
    });
  });
}

test('answers from an uplink address to the LAN find the LAN', async () => {
  await fib.applyFib(intent(4));
  const [route] = space.json<{ dev: string }>('route get 10.9.0.2 from 198.51.100.2');
  expect(route!.dev).toBe('lan0');
});

test('source-bound traffic to the rest of the world leaves by the uplink of its source', async () => {
  await fib.applyFib({
    ...intent(4),
    routes: [{ prefix: Prefix.everything(4), target: { kind: 'group', groupIndex: 0 } }],
  });
  expect(wayTo(4)).toBe('wan0');
  expect(wayTo(4, ' from 198.51.100.2')).toBe('wan1');
});

test('a link-local IPv6 gateway and a gateway outside of every connected prefix work', async () => {
  const wanted = intent(6);
  wanted.paths[1] = { ...wanted.paths[1]!, gateway: IpAddress.parse('fe80::1') };
  wanted.groups[0] = { ...wanted.groups[0]!, active: [{ uplink: 'wan1', weight: 1 }], fallback: ['wan0'] };
  expect((await fib.applyFib(wanted)).problems).toEqual([]);
  expect(wayTo(6)).toBe('wan1');
  const outside = intent(4);
  outside.paths[0] = { ...outside.paths[0]!, gateway: IpAddress.parse('100.64.0.1') };
  expect((await fib.applyFib(outside)).problems).toEqual([]);
  expect(wayTo(4)).toBe('wan0');
});

test('what the kernel refuses is reported in its own words', async () => {
  const wanted = intent(4);
  wanted.paths[0] = { ...wanted.paths[0]!, source: IpAddress.parse('192.0.2.99') };
  const { problems } = await fib.applyFib(wanted);
  expect(problems).toEqual(['create route 0.0.0.0/0 metric 1 table 6800: EINVAL: Invalid prefsrc address']);
});

test('hundreds of routes go in and out as one batch each', async () => {
  const wanted = intent(4);
  wanted.routes = Array.from({ length: 1000 }, (_, i) => ({
    prefix: Prefix.parse(`10.${100 + (i >> 8)}.${i & 255}.0/24`),
    target: { kind: 'group', groupIndex: 0 },
  }));
  const { writes, problems } = await fib.applyFib(wanted);
  expect(problems).toEqual([]);
  expect(writes).toBeGreaterThan(2000);
  expect(await fib.applyFib(wanted)).toEqual({ writes: 0, problems: [] });
  await fib.close({ keep: false });
  expect(snapshot('ours')).toEqual([]);
});
