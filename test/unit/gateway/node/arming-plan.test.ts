/** What a lease needs of the machine, as values: passages, rules, routes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { passagesOf, withoutContained } from '../../../../src/gateway/node/arming/passages.js';
import { planRoutes, type RoutingFacts } from '../../../../src/gateway/node/arming/routes.js';
import { renewalScript, structureScript } from '../../../../src/gateway/node/arming/ruleset.js';
import type { DefaultRoute } from '../../../../src/gateway/node/default-routes.js';
import { IpAddress } from '../../../../src/net/ip-address.js';
import { Prefix } from '../../../../src/net/prefix.js';
import { armedLease } from '../../../helpers/gateway/armed-lease.js';

const OUT = { 4: 'wwan0', 6: 'wwan0' } as const;

describe('the sources of a lease', () => {
  const sourcesOf = (router: string, clients: string[]): string[] =>
    passagesOf([armedLease(router, clients)], OUT).leases[0]!.passages.flatMap(({ sources }) => sources.map(String));

  test("are the router's address and the clients, each in its family", () => {
    expect(sourcesOf('192.0.2.1', ['2001:db8::1/128'])).toEqual(['192.0.2.1/32', '2001:db8::1/128']);
    expect(sourcesOf('192.0.2.1', ['192.0.2.0/24', '10.0.0.0/8'])).toEqual(['10.0.0.0/8', '192.0.2.0/24']);
  });

  test('are never a link-local address, which nobody forwards', () => {
    expect(sourcesOf('fe80::1', ['192.0.2.1/32'])).toEqual(['192.0.2.1/32']);
  });

  test('are needed: a family without one is left out and named, and a lease with none is refused', () => {
    const { leases, omitted } = passagesOf([armedLease('192.0.2.1')], OUT);
    expect(leases[0]!.passages.map(({ family }) => family)).toEqual([4]);
    expect(omitted).toEqual(['IPv6 for home: the router has not told which addresses it sends from (CLIENTS)']);
    expect(() => passagesOf([armedLease('fe80::1')], OUT)).toThrow(/IPv4 for home: .*CLIENTS.*; IPv6 for home/);
  });

  test('go nowhere without a way out', () => {
    expect(() => passagesOf([armedLease('192.0.2.1')], {})).toThrow('IPv4 for home: no way out (no default route)');
  });

  test.each(['a"b', 'wlan*', 'a;b', 'x}y', '$x'])('come by no interface that nft would misread: %s', (link) => {
    expect(() => passagesOf([armedLease('192.0.2.1', [], { link })], OUT)).toThrow('misread');
  });

  test('never overlap, and cover the same addresses', () => {
    const prefix = fc
      .tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.integer({ min: 0, max: 32 }))
      .map(([bytes, length]) => Prefix.of(IpAddress.fromBytes(bytes.map((byte) => byte & 0xc3)), length));
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 16 }), (prefixes) => {
        const kept = withoutContained(prefixes);
        for (const one of prefixes) expect(kept.filter((other) => other.contains(one))).toHaveLength(1);
        for (const one of kept) expect(prefixes.some((other) => other.equals(one))).toBe(true);
      }),
    );
  });
});

describe('the rules', () => {
  const slots = passagesOf([armedLease('192.0.2.1')], OUT).leases.map((lease) => ({ ...lease, id: 3 }));

  test('let nothing through without looking at the set that times out', () => {
    const script = structureScript(slots, [], [{ family: 4, interface: 'lan0' }], []);
    const verdicts = script.split('\n').filter((line) => /accept$|masquerade$/.test(line));
    expect(verdicts).toHaveLength(3);
    for (const line of verdicts) expect(line).toMatch(/[io]ifname @live-3/);
  });

  test('close what was opened only now, after what is leased', () => {
    const lines = structureScript(
      slots,
      [],
      [
        { family: 4, interface: 'lan0' },
        { family: 6, interface: null },
      ],
      [],
    );
    const forward = lines.split('\n').filter((line) => line.startsWith('add rule inet detour-gateway forward'));
    expect(forward.slice(-2)).toEqual([
      'add rule inet detour-gateway forward iifname "lan0" meta nfproto ipv4 drop',
      'add rule inet detour-gateway forward meta nfproto ipv6 drop',
    ]);
  });

  test('translate nothing of a routed prefix', () => {
    const script = structureScript(slots, [], [], [Prefix.parse('192.0.2.0/24'), Prefix.parse('2001:db8::/48')]);
    expect(script).toContain('ip saddr { 192.0.2.1/32 } ip saddr != { 192.0.2.0/24 } masquerade');
    expect(script).not.toContain('2001:db8');
  });

  test('give a lease the time that it has left', () => {
    expect(renewalScript(slots, 2_500_500)).toBe(
      'flush set inet detour-gateway live-3\n' +
        'add element inet detour-gateway live-3 { "lan0" timeout 12499ms, "wwan0" timeout 12499ms }\n',
    );
  });

  test('of a lease that has gone are deleted with its counters', () => {
    expect(structureScript(slots, [2], [], [])).toMatch(
      /delete set .* live-2\ndelete counter .* to-2\ndelete counter .* from-2\n$/,
    );
  });
});

describe('the routes', () => {
  const network = (cidr: string): { address: IpAddress; network: Prefix } => {
    const [address, length] = cidr.split('/');
    return { address: IpAddress.parse(address!), network: Prefix.of(IpAddress.parse(address!), Number(length)) };
  };
  const wwan: DefaultRoute = { interface: 'wwan0', gateway: null, metric: 700 };
  const lan: DefaultRoute = { interface: 'lan0', gateway: IpAddress.parse('192.0.2.1'), metric: 600 };
  const facts = (defaults: RoutingFacts['defaults'][4]): RoutingFacts => ({
    networks: new Map([['lan0', [network('192.0.2.7/24'), network('fe80::7/64')]]]),
    defaults: { 4: defaults, 6: [wwan] },
  });
  const planned = (router: string, clients: string[], defaults = [wwan]): string[] =>
    planRoutes(
      passagesOf([armedLease(router, clients)], OUT).leases.flatMap(({ passages }) => passages),
      facts(defaults),
    ).map(({ family, add }) => `-${family} ${add}`);

  test('are none for sources on the link, where the default route is the way out', () => {
    expect(planned('192.0.2.1', ['192.0.2.0/24'])).toEqual([]);
    expect(planned('203.0.113.1', [])).toEqual([]);
  });

  test('lead back by the router, of whichever family its messages are', () => {
    expect(planned('192.0.2.1', ['10.0.0.0/8'])).toEqual([
      '-4 route replace 10.0.0.0/8 via 192.0.2.1 dev lan0 proto 68 metric 6868',
    ]);
    expect(planned('fe80::1', ['10.0.0.0/8', '2001:db8::/64'])).toEqual([
      '-4 route replace 10.0.0.0/8 via inet6 fe80::1 dev lan0 proto 68 metric 6868',
      '-6 route replace 2001:db8::/64 via fe80::1 dev lan0 proto 68 metric 6868',
    ]);
    expect(() => planned('192.0.2.1', ['2001:db8::/64'])).toThrow('no way back to 2001:db8::/64');
  });

  test("lead out by the backhaul where the machine's own default route is another", () => {
    expect(planned('192.0.2.1', ['192.0.2.0/24'], [lan, wwan])).toEqual([
      '-4 route replace default dev wwan0 proto 68 table 6868',
      '-4 rule add pref 6866 from 192.0.2.7 lookup main protocol 68',
      '-4 rule add pref 6867 from 192.0.2.0/24 lookup main suppress_prefixlength 0 protocol 68',
      '-4 rule add pref 6868 from 192.0.2.0/24 lookup 6868 protocol 68',
    ]);
  });
});
