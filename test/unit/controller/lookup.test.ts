import { describe, expect, test } from 'vitest';
import { allFacts } from '../../../src/controller/facts.js';
import { lookup } from '../../../src/controller/lookup.js';
import type { LookupInputs } from '../../../src/controller/lookup.js';
import type { KernelLink, KernelRoute, PortStatus } from '../../../src/controller/ports.js';
import type { LookupAnswer } from '../../../src/controller/service.js';
import type { GroupView, PathView } from '../../../src/engine/types.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import { configOf } from '../../helpers/config.js';
import { foreignRule, route, viewOf } from '../../helpers/fake-planes.js';
import { pathView } from '../../helpers/path-view.js';

const text = (more = ''): string => `
uplinks:
  a: {interface: eth1, gateway: 10.0.1.1${more}}
  b: {interface: eth2, gateway: 10.0.2.1}
groups: {net: {tiers: [[a], [b]]}}
routes:
  - {to: 0.0.0.0/0, group: net}
  - {to: "::/0", group: net}
  - {to: 192.0.2.0/24, blackhole: true}
`;

const path = (uplink: string, change: Partial<PathView> = {}): PathView => ({
  ...pathView(uplink, 'up'),
  cause: `${uplink} answers`,
  ...change,
});

function inputs(routes: KernelRoute[] = [], active: string[] = ['a'], config = configOf(text())): LookupInputs {
  const view = viewOf(2, routes);
  const order = [[{ uplink: 'a', weight: 1 }], [{ uplink: 'b', weight: 1 }]];
  const group: GroupView = { group: 'net', family: 4, order, active, forced: null, cause: '' };
  const paths = [path('a'), path('b')];
  const ports = [1, 2].map((n): PortStatus => ({ ifindex: n, name: `eth${n}`, xdp: 'native', reason: null }));
  return { config, view, facts: allFacts(config, view), groups: [group], paths, ports };
}

const ask = (given: LookupInputs, to: string): LookupAnswer => lookup(given, IpAddress.parse(to), null);
const short = ({ prefix, target, uplink, interface: device, gateway, forwardedBy }: LookupAnswer): string =>
  `${prefix} ${target} ${uplink} ${device} ${gateway} ${forwardedBy}`;

const via = (gateway: string, ifindex: number): Partial<KernelRoute> => ({
  gateway: IpAddress.parse(gateway),
  ifindex,
});

describe('what a packet meets', () => {
  test.each<[string, KernelRoute[], to: string, expected: string]>([
    ['the default group', [], '203.0.113.1', '0.0.0.0/0 group net a eth1 10.0.1.1 xdp'],
    ['a configured blackhole', [], '192.0.2.9', '192.0.2.0/24 blackhole null null null none'],
    ['a group without a path in the family', [], '2001:db8::1', '::/0 group net null null null none'],
    [
      'a longer route of others',
      [route('203.0.113.0/24', via('10.0.2.9', 2))],
      '203.0.113.1',
      '203.0.113.0/24 kernel unicast null eth2 10.0.2.9 xdp',
    ],
    [
      'a route of others that the kernel prefers',
      [route('0.0.0.0/0', { metric: 10, ...via('10.0.2.9', 2) })],
      '203.0.113.1',
      '0.0.0.0/0 kernel unicast null eth2 10.0.2.9 xdp',
    ],
    [
      'a route of others that is worse',
      [route('0.0.0.0/0', { metric: 11, ...via('10.0.2.9', 2) })],
      '203.0.113.1',
      '0.0.0.0/0 group net a eth1 10.0.1.1 xdp',
    ],
    [
      'the best of two routes of others',
      [route('203.0.113.0/24', { metric: 7, ifindex: 1 }), route('203.0.113.0/24', { metric: 5, ifindex: 2 })],
      '203.0.113.1',
      '203.0.113.0/24 kernel unicast null eth2 null xdp',
    ],
    [
      'table local, although something is longer',
      [route('203.0.112.0/20', { table: 255, type: 'local' }), route('203.0.113.0/24')],
      '203.0.113.1',
      '203.0.112.0/20 local null eth1 null stack',
    ],
    [
      'an unreachable route of others',
      [route('203.0.113.0/24', { type: 'unreachable', ifindex: null })],
      '203.0.113.1',
      '203.0.113.0/24 kernel unreachable null null null none',
    ],
    [
      'a route for a type of service only: not this packet',
      [route('0.0.0.0/0', { metric: 1, tos: 16, ...via('10.0.2.9', 2) })],
      '203.0.113.1',
      '0.0.0.0/0 group net a eth1 10.0.1.1 xdp',
    ],
    [
      'a multipath route of others',
      [
        route('203.0.113.0/24', {
          ifindex: null,
          legs: [
            { ifindex: 1, gateway: IpAddress.parse('10.0.1.9') },
            { ifindex: 2, gateway: IpAddress.parse('10.0.2.9') },
          ],
        }),
      ],
      '203.0.113.1',
      '203.0.113.0/24 kernel unicast null eth1, eth2 10.0.1.9, 10.0.2.9 xdp',
    ],
    [
      'a route by an interface that is not configured',
      [route('203.0.113.0/24', { ifindex: 77 })],
      '203.0.113.1',
      '203.0.113.0/24 kernel unicast null null null stack',
    ],
  ])('%s', (_what, routes, to, expected) => {
    expect(short(ask(inputs(routes), to))).toBe(expected);
  });

  test('nothing at all', () => {
    const given = inputs();
    const answer = ask({ ...given, config: { ...given.config, routes: [] } }, '203.0.113.1');
    expect([answer.prefix, answer.why]).toEqual([null, ['no route matches 203.0.113.1: the stack answers']]);
  });

  test('a group that shares flows: all of its members, and why each', () => {
    const answer = ask(inputs([], ['a', 'b']), '203.0.113.1');
    expect(answer.uplink).toBe('a, b');
    expect(answer.why.slice(1)).toEqual([
      "a, b share the flows by weight; the flow's hash decides",
      'a is up: a answers',
      'b is up: b answers',
    ]);
  });

  test('a path that is kept: why it is kept, not why it is down', () => {
    const given = inputs();
    const answer = ask({ ...given, paths: [path('a', { state: 'down', kept: 'the last good one' })] }, '203.0.113.1');
    expect(answer.why.at(-1)).toBe('a is down: the last good one');
  });

  test('a source-specific route of others, whatever its metric, for its sources alone', () => {
    const source = Prefix.parse('fd01::/64');
    const given = inputs([route('::/0', { metric: 1024, source, ...via('fd03::1', 2) })]);
    const from = (address: string): string | null =>
      lookup(given, IpAddress.parse('2001:db8::1'), IpAddress.parse(address)).gateway;
    expect([from('fd01::7'), from('fd02::7')]).toEqual(['fd03::1', null]);
  });

  test.each<[string, PortStatus[]]>([
    ['nothing attached', []],
    ['the program refused', [{ ifindex: 1, name: 'eth1', xdp: 'none', reason: 'no' }]],
    ['a device that takes no frames', [{ ifindex: 1, name: 'eth1', xdp: 'native', reason: '', redirectRefused: true }]],
  ])('%s: the stack', (_what, ports) => {
    expect(ask({ ...inputs(), ports }, '203.0.113.1').forwardedBy).toBe('stack');
  });

  test.each([
    ['forwarding: stack', configOf(text(', forwarding: stack'))],
    ['observe mode', configOf(`mode: observe${text()}`)],
  ])('%s: the stack', (_what, config) => {
    expect(ask(inputs([], ['a'], config), '203.0.113.1').forwardedBy).toBe('stack');
  });
});

describe('what the routes do not decide', () => {
  test.each([
    ['240.0.0.1', null, '240.0.0.1 is no address that a router may forward: XDP passes it to the stack (martian)'],
    ['255.255.255.255', null, '255.255.255.255 is multicast or broadcast: XDP passes it to the stack (multicast)'],
    [
      '203.0.113.1',
      '127.0.0.1',
      '127.0.0.1 is no address that a router may forward: XDP passes it to the stack (martian)',
    ],
    [
      '203.0.113.1',
      '169.254.1.1',
      '169.254.1.1 is link-local, which no router forwards: XDP passes it to the stack (link-local)',
    ],
  ])('to %s from %s', (to, from, why) => {
    const answer = lookup(inputs(), IpAddress.parse(to), from === null ? null : IpAddress.parse(from));
    expect([short(answer), answer.why]).toEqual(['null stack null null null stack', [why]]);
  });

  const withLinks = (given: LookupInputs, changes: Partial<KernelLink>[]): LookupInputs => {
    const links = new Map([...given.view.links].map(([n, link]) => [n, { ...link, ...changes[n - 1] }]));
    const view = { ...given.view, links };
    return { ...given, view, facts: allFacts(given.config, view) };
  };
  const off = { forwarding: { 4: false, 6: true } };

  test('the sysctl: off on every interface nothing is forwarded, off on one nothing that comes in there', () => {
    const nowhere = ask(withLinks(inputs(), [off, off]), '203.0.113.1');
    expect([nowhere.forwardedBy, nowhere.why.at(-1)]).toEqual([
      'none',
      'IPv4 forwarding is off on eth1, eth2: what comes in there is not forwarded',
    ]);
    const somewhere = ask(withLinks(inputs(), [{}, off]), '203.0.113.1');
    expect([somewhere.forwardedBy, somewhere.why.at(-1)]).toEqual([
      'xdp',
      'IPv4 forwarding is off on eth2: what comes in there is not forwarded',
    ]);
  });

  test('a path that is kept although its link is dead: nothing leaves by it', () => {
    const answer = ask(withLinks(inputs(), [{ carrier: false }, { carrier: false }]), '203.0.113.1');
    expect(short(answer)).toBe('0.0.0.0/0 group net null null null none');
    expect(answer.why.slice(-2)).toEqual([
      'interface eth1 has no carrier: nothing leaves by a',
      'the kernel has no other route to it',
    ]);
  });

  test('no live member: the stack, by a route of others that is worse than ours, where there is one', () => {
    const worse = route('0.0.0.0/0', { metric: 100, ...via('10.0.2.9', 2) });
    expect(short(ask(inputs([worse], []), '203.0.113.1'))).toBe('0.0.0.0/0 kernel unicast null eth2 10.0.2.9 stack');
    expect(ask(inputs([], []), '203.0.113.1').why.slice(1)).toEqual([
      'no member of net is alive for IPv4: the stack answers',
      'the kernel has no other route to it',
    ]);
  });
});

describe('under a policy rule of others', () => {
  const under = (selects: 'none' | 'addresses' | 'more', to: string): [string, string | undefined] => {
    const given = inputs();
    const foreignRules = [foreignRule('ipv4: 7: from all fwmark 1 lookup 7', selects)];
    const { forwardedBy, why } = ask({ ...given, view: { ...given.view, foreignRules } }, to);
    return [forwardedBy, why.find((step) => step.includes('policy rule'))];
  };

  test.each([
    ['none', 'xdp'],
    ['addresses', 'xdp'],
    ['more', 'stack'],
  ] as const)('that selects by %s, it is %s that forwards', (selects, forwardedBy) => {
    const [by, step] = under(selects, '203.0.113.1');
    expect([by, step !== undefined]).toEqual([forwardedBy, selects !== 'none']);
  });

  test('a blackhole drops all the same', () => {
    expect(under('more', '192.0.2.9')).toEqual(['none', undefined]);
  });
});
