import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { presentGroup } from '../../src/api/resources/group.js';
import { presentHealth } from '../../src/api/resources/health.js';
import { presentInterface } from '../../src/api/resources/interface.js';
import { presentRoute } from '../../src/api/resources/route.js';
import { pathStates, presentUplink } from '../../src/api/resources/uplink.js';
import { groupTable } from '../../src/cli/views/groups.js';
import { renderInterfaces } from '../../src/cli/views/interfaces.js';
import { renderLookup } from '../../src/cli/views/lookup.js';
import { renderRoutes } from '../../src/cli/views/routes.js';
import { renderStatus, type StatusSnapshot } from '../../src/cli/views/status.js';
import { renderUplink, renderUplinks } from '../../src/cli/views/uplinks.js';
import { bestWindow, orderText } from '../../src/cli/views/common.js';
import { FakeService, fakeTarget } from '../helpers/fake-service.js';

const plain = { width: 80, color: false };

function snapshotOf(service: FakeService): StatusSnapshot {
  return {
    health: presentHealth(service.health(), service.ready(), service.clock),
    uplinks: service.uplinks().map((uplink) => presentUplink(uplink, service.clock)),
    groups: service.groups().map(presentGroup),
    interfaces: service.interfaces().map(presentInterface),
  };
}

const text = (lines: string[]): string => `\n${lines.join('\n')}\n`;

describe('status', () => {
  it('shows states, quality, traffic, causes, and what the stack serves, in 80 characters', () => {
    expect(text(renderStatus(snapshotOf(new FakeService()), plain))).toMatchInlineSnapshot(`
      "
      detour: degraded, active, running for 1 h
      ! uplink lte is not forwarded by XDP: wwan0 has no Ethernet header (raw IP)

      UPLINK  IP  STATE        SINCE   LOSS  LATENCY  JITTER     SENT  CAUSE
      fibre   v4  up        3 m 12 s    0 %  12.3 ms  210 us  18.4 EB  icmp-1: reply …
              v6  up        3 m 12 s    0 %  12.3 ms  210 us  98.8 MB  icmp-1: reply …
      lte     v4  degraded  3 m 12 s    2 %   181 ms  9.4 ms  98.8 MB  see below
              v6  down      3 m 12 s  100 %        -       -      0 B  see below

      lte IPv4 degraded: icmp-1: 198.51.100.1 over 100 samples: latency 181 ms (limit
        150 ms)
      lte IPv6 down: icmp-1: 3 of 3 probes to 2001:db8:f::1 lost (no reply within 20
        ms), last reply seen 61 ms before

      GROUP     IP    ACTIVE  ORDER        CAUSE
      internet  IPv4  fibre   fibre > lte  fibre came up
      internet  IPv6  fibre   fibre > lte  fibre came up

      eth1 runs XDP in generic mode: the driver has no native XDP
      "
    `);
  });

  it('says that all are down, which one is kept, and marks the kept path', () => {
    const service = new FakeService();
    Object.assign(service.summary, { status: 'down', mode: 'observe', problems: [] });
    Object.assign(service.summary.families[0]!, { suspected: true, believed: true, sinceUs: 0, lastGood: 'fibre' });
    const kept = 'last good path: every other one is down too';
    Object.assign(service.uplinkList[0]!.paths[0]!, { state: 'down', alive: true, kept, cause: 'no carrier' });
    service.isReady = false;
    const lines = renderStatus(snapshotOf(service), plain);
    expect(lines[0]).toBe(
      'detour: down, observing only: no routes written, nothing forwarded, not ready yet, running for 1 h',
    );
    expect(lines[1]).toBe('! every IPv4 path is down: fibre is kept in use');
    expect(lines.find((line) => line.startsWith('fibre   v4'))).toMatch(/ down\* /);
    expect(lines.join(' ')).toContain(`fibre IPv4 down: no carrier; still in use: last good path: every`);
  });

  it('says everything once: what the table holds is not below it, and groups do not repeat their members', () => {
    const service = new FakeService();
    const cause = 'link down: interface eth1 has no carrier';
    for (const path of service.uplinkList[0]!.paths) Object.assign(path, { state: 'down', cause });
    for (const view of service.groupList) view.cause = `fibre is down: ${cause}`;
    const times = (width: number, what: string): number =>
      renderStatus(snapshotOf(service), { width, color: false }).join(' ').replace(/ +/g, ' ').split(what).length - 1;
    // Wide: in the two rows of the table. Narrow: in one sentence for both families.
    expect(times(200, cause)).toBe(2);
    expect(times(80, cause)).toBe(1);
    expect(times(80, 'fibre IPv4 and IPv6 down:')).toBe(1);
    expect(times(80, 'see below')).toBe(4);
    expect(times(80, 'fibre is down')).toBe(2);
    expect(times(80, 'has no Ethernet header')).toBe(1);
  });

  it('in observe mode says at the top that nothing is changed, and not of each uplink', () => {
    const service = new FakeService();
    const onlyPaths = ['lte IPv6 is down: icmp-1: lost'];
    Object.assign(service.summary, { mode: 'observe', problems: onlyPaths });
    const reason = 'mode is observe: Detour forwards nothing';
    for (const uplink of service.uplinkList) uplink.forwarding = { by: 'stack', reason };
    const lines = renderStatus(snapshotOf(service), plain);
    expect(lines[0]).toContain('observing only: no routes written, nothing forwarded');
    expect(lines.join('\n')).not.toContain('mode is observe');
    expect(lines.join('\n')).not.toContain('lte IPv6 is down');
  });

  it('shows rates against an earlier snapshot, and none when the counter began anew', () => {
    const service = new FakeService();
    const earlier = { snapshot: snapshotOf(service), elapsedMs: 2000 };
    service.uplinkList[0]!.paths[0]!.transmitted = { packets: 0n, bytes: 5n };
    service.uplinkList[0]!.paths[1]!.transmitted.bytes += 2_500_000n;
    const lines = renderStatus(snapshotOf(service), plain, earlier);
    expect(lines.find((line) => line.startsWith('UPLINK'))).toContain('RATE');
    expect(lines.find((line) => line.startsWith('fibre   v4'))).toMatch(/210 us +- {2}/);
    expect(lines.find((line) => line.startsWith('        v6'))).toContain('10 Mbit/s');
  });

  it('has colour only where it is asked for', () => {
    expect(renderStatus(snapshotOf(new FakeService()), plain).join('')).not.toContain('\u001b');
    expect(renderStatus(snapshotOf(new FakeService()), { ...plain, color: true }).join('')).toContain(
      '\u001b[31mdown\u001b[0m',
    );
  });

  it('without anything to show is still a page', () => {
    const service = new FakeService();
    for (const list of [service.uplinkList, service.groupList, service.interfaceList]) list.length = 0;
    expect(renderStatus(snapshotOf(service), plain)).toContain('no uplinks');
  });
});

describe('interfaces', () => {
  it('says why XDP is not native, and what native XDP cannot do', () => {
    const { interfaceList } = new FakeService();
    Object.assign(interfaceList[0]!, { reason: 'eth0 takes no redirected frames' });
    const lines = renderInterfaces(interfaceList.map(presentInterface), plain);
    expect(lines).toContain('eth0: XDP native, but eth0 takes no redirected frames');
    expect(lines).toContain('eth1: XDP generic, because the driver has no native XDP');
  });
});

describe('every view', () => {
  const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 });

  it('keeps within 80 characters and lets no control character through, whatever the names and figures', () => {
    fc.assert(
      fc.property(
        fc.record({
          names: fc.array(name, { minLength: 2, maxLength: 2 }),
          cause: fc.string({ unit: 'binary', maxLength: 300 }),
          state: fc.constantFrom(...pathStates),
          ageUs: fc.integer({ min: 0, max: 2 ** 46 }),
          count: fc.bigInt(0n, 2n ** 64n - 1n),
          latencyUs: fc.option(fc.integer({ min: 0, max: 900_000_000 })),
          lossPercent: fc.double({ min: 0, max: 100, noNaN: true }),
        }),
        ({ names, cause, state, ageUs, count, latencyUs, lossPercent }) => {
          const service = new FakeService();
          const window = { samples: 9, lossPercent, latencyUs, jitterUs: latencyUs };
          for (const [index, uplink] of service.uplinkList.entries()) {
            Object.assign(uplink, { name: names[index], interface: names[index] });
            uplink.forwarding.reason = cause;
            for (const path of uplink.paths) {
              const sinceUs = service.clock.nowUs() - ageUs;
              Object.assign(path, {
                state,
                cause,
                kept: cause,
                sinceUs,
                transmitted: { packets: count, bytes: count },
              });
              path.targets = [fakeTarget({ probe: names[0]!, target: names[1]!, lastCause: cause, window })];
            }
          }
          service.summary.problems = [cause];
          for (const view of service.groupList) Object.assign(view, { group: names[0], active: names, cause });
          for (const status of service.interfaceList)
            Object.assign(status, { name: names[0], reason: cause, vlanId: 4094 });
          for (const route of service.routeList) Object.assign(route, { target: names[0], problem: cause });
          const snapshot = snapshotOf(service);
          const lines = [
            ...renderStatus(snapshot, plain),
            ...renderStatus(snapshot, plain, { snapshot, elapsedMs: 1000 }),
            ...renderUplinks(snapshot.uplinks, plain),
            ...renderUplink(snapshot.uplinks[0]!, plain),
            ...groupTable(snapshot.groups, plain),
            ...renderRoutes(service.routeList.map(presentRoute), plain),
            ...renderInterfaces(snapshot.interfaces, plain),
          ];
          for (const line of lines) {
            expect([...line].length, line).toBeLessThanOrEqual(80);
            expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('routes', () => {
  it('name a problem once with the prefixes that share it', () => {
    const route = (prefix: string, problem: string | null) =>
      presentRoute({ prefix, target: 'group g', programmed: { xdp: false, kernel: true }, problem });
    const shared = Array.from({ length: 5 }, (_, index) => route(`10.${index}.0.0/16`, 'a rule of others'));
    const lines = renderRoutes([...shared, route('::/0', null), route('10.9.0.0/16', 'another')], plain);
    expect(lines.slice(-2)).toEqual([
      '! 10.0.0.0/16, 10.1.0.0/16, 10.2.0.0/16 and 2 more: a rule of others',
      '! 10.9.0.0/16: another',
    ]);
  });
});

describe('lookup', () => {
  const base = { to: '192.0.2.1', from: null, why: ['because'] };

  it('says how a packet leaves, then why', () => {
    const way = {
      prefix: '0.0.0.0/0',
      target: 'group internet',
      uplink: 'fibre',
      interface: 'eth1',
      gateway: '192.0.2.9',
    };
    expect(renderLookup({ ...base, ...way, forwardedBy: 'xdp' }, { width: 200, color: false })).toEqual([
      '192.0.2.1: 0.0.0.0/0 -> group internet -> uplink fibre via 192.0.2.9 dev eth1, by xdp',
      '  1. because',
    ]);
  });

  it('says when there is no route, and when a route does not forward', () => {
    const nowhere = { uplink: null, interface: null, gateway: null, forwardedBy: 'none' as const };
    expect(renderLookup({ ...base, ...nowhere, prefix: null, target: 'none' }, plain)[0]).toBe('192.0.2.1: no route');
    const special = { ...base, ...nowhere, prefix: null, target: 'stack' };
    expect(renderLookup(special, plain)[0]).toBe('192.0.2.1: left to the stack');
    const off = { ...base, ...nowhere, prefix: '::/0', target: 'group net', uplink: 'a', interface: 'eth1' };
    expect(renderLookup(off, plain)[0]).toBe('192.0.2.1: ::/0 -> group net -> uplink a dev eth1, not forwarded');
    const blackhole = { ...base, ...nowhere, prefix: '192.0.2.0/24', target: 'blackhole' };
    expect(renderLookup(blackhole, plain)[0]).toBe('192.0.2.1: 192.0.2.0/24 -> blackhole, not forwarded');
  });
});

describe('what a path is judged by', () => {
  it('is its best target, since a dead target is no dead path', () => {
    const service = new FakeService();
    const path = presentUplink(service.uplinkList[1]!, service.clock).paths[0]!;
    const good = { samples: 10, lossPercent: 0, latencyUs: 5, jitterUs: null };
    const target = path.targets[0]!;
    path.targets = [
      { ...target, window: { samples: 10, lossPercent: 100, latencyUs: null, jitterUs: null } },
      { ...target, window: { ...good, latencyUs: 9 } },
      { ...target, window: good },
      { ...target, window: null },
    ];
    expect(bestWindow(path)).toEqual(good);
    expect(bestWindow({ ...path, targets: [] })).toBeNull();
  });

  it('and an order names tiers, members and weights', () => {
    expect(
      orderText([
        [
          { uplink: 'a', weight: 2 },
          { uplink: 'b', weight: 1 },
        ],
        [{ uplink: 'c', weight: 1 }],
      ]),
    ).toBe('a*2 + b > c');
  });
});
