/** What the router's table says, and of which networks; the packets themselves are in test/netns/gateway. */
import { describe, expect, test } from 'vitest';
import type { GatewayEdge, KernelRoute } from '../../../src/controller/ports.js';
import { Inside, networksBehind, type LookedAt } from '../../../src/kernel/edges/inside.js';
import { edgeRuleset, zoneOf } from '../../../src/kernel/edges/ruleset.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import { link } from '../../helpers/fake-planes.js';

const edge = (ifname: string, node: string, translated = true): GatewayEdge => {
  const address = IpAddress.parse(node);
  return { ifname, family: address.family, node: address, translated };
};
const route = (prefix: string, change: Partial<KernelRoute> = {}): KernelRoute => ({
  prefix: Prefix.parse(prefix),
  source: null,
  tos: 0,
  table: 254,
  type: 'unicast',
  protocol: 2,
  metric: 0,
  scope: 0,
  ifindex: 1,
  gateway: null,
  legs: [],
  nexthopId: null,
  ...change,
});
const view = (routes: KernelRoute[]): LookedAt => ({
  links: new Map([link(1, 'lan0'), link(2, 'wan0')].map((one) => [one.ifindex, one])),
  routes,
  nexthops: new Map([[7, [{ ifindex: 1, gateway: null }]]]),
});
const texts = (prefixes: readonly Prefix[]): string[] => prefixes.map((prefix) => prefix.toString());

describe('networks behind an interface', () => {
  test('are those of every kind of route that leads there, but for defaults and other families', () => {
    const leg = { ifindex: 1, gateway: null };
    const looked = view([
      route('0.0.0.0/0'),
      route('192.0.2.0/24'),
      route('10.9.0.0/16', { ifindex: null, nexthopId: 7 }),
      route('10.8.0.0/16', { ifindex: null, legs: [{ ...leg, ifindex: 2 }, leg] }),
      route('198.51.100.0/24', { ifindex: 2 }),
      route('203.0.113.0/24', { type: 'unreachable' }),
      route('2001:db8::/32'),
    ]);
    expect(texts(networksBehind(looked, 1, 4))).toEqual(['10.8.0.0/16', '10.9.0.0/16', '192.0.2.0/24']);
    expect(texts(networksBehind(looked, 1, 6))).toEqual(['2001:db8::/32']);
  });

  test('are none within another, and the widest of too many', () => {
    const many = Array.from({ length: 3000 }, (_, i) => route(`10.${i >> 8}.${i & 255}.0/24`));
    expect(texts(networksBehind(view([...many, route('10.0.0.0/8')]), 1, 4))).toEqual(['10.0.0.0/8']);
    const found = networksBehind(view([...many, route('172.16.0.0/12')]), 1, 4);
    expect([found.length, found[0]!.toString()]).toEqual([500, '172.16.0.0/12']);
  });

  test('are looked for once in a list of routes', () => {
    let reads = 0;
    const counted = [route('192.0.2.0/24')];
    let looked = view(
      new Proxy(counted, { get: (list, key) => (key === Symbol.iterator && reads++, Reflect.get(list, key)) }),
    );
    const inside = new Inside(() => looked);
    for (let i = 0; i < 5; i++) expect(texts(inside.behind('lan0', 4))).toEqual(['192.0.2.0/24']);
    expect(reads).toBe(1);
    looked = view([route('192.0.3.0/24')]);
    expect(texts(inside.behind('lan0', 4))).toEqual(['192.0.3.0/24']);
    expect(inside.behind('gone0', 4)).toEqual([]);
  });
});

describe('the table', () => {
  const inside = (): Prefix[] => [Prefix.parse('192.0.2.0/24')];

  test('is not needed without nodes, nor for one that answers IPv4 clients straight', () => {
    expect(edgeRuleset([], inside)).toBeNull();
    expect(edgeRuleset([edge('lan0', '192.0.2.9', false)], inside)).toBeNull();
  });

  test('translates for each node, in one zone for each interface', () => {
    const { script, rules } = edgeRuleset(
      [edge('lan0', '192.0.2.9'), edge('lan0', '192.0.2.10'), edge('lan1', '192.0.3.9'), edge('lan0', 'fe80::9')],
      inside,
    )!;
    expect(script.match(/masquerade/g)).toHaveLength(4);
    const zones = (ifname: string) =>
      script.split(`oifname "${ifname}" ct original zone set ${zoneOf(ifname)}`).length - 1;
    expect([zones('lan0'), zones('lan1')]).toEqual([2, 1]); // of both families in lan0
    expect(zoneOf('lan0')).not.toBe(zoneOf('lan1'));
    expect(rules).toBe(4 + 3 + 1);
  });

  test('is marked by all that it says', () => {
    const mark = (edges: GatewayEdge[], networks = inside): string => edgeRuleset(edges, networks)!.mark;
    const first = mark([edge('lan0', '192.0.2.9')]);
    expect(mark([edge('lan0', '192.0.2.9')])).toBe(first);
    expect(mark([edge('lan0', '192.0.2.10')])).not.toBe(first);
    expect(mark([edge('lan1', '192.0.2.9')])).not.toBe(first);
    expect(mark([edge('lan0', '192.0.2.9')], () => [])).not.toBe(first);
  });
});
