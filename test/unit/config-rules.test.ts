/** Mistakes between the parts of a configuration: the exact line that a person reads, with its place. */
import { describe, expect, test } from 'vitest';
import { checkProblems, problemsOf, uplinkYaml, withUplinks } from '../helpers/config.js';

const probe = (text: string): string => uplinkYaml(`probes: [{${text}}]`);

describe('uplinks', () => {
  checkProblems([
    ['none', 'uplinks: {}', '1:10: uplinks: must have at least one entry; write {fibre: {interface: eth1}}'],
    ['no key "uplinks"', 'mode: active', '1:1: uplinks: is missing; write "uplinks: {fibre: {interface: eth1}}"'],
    [
      'no interface',
      'uplinks:\n  a:\n    gateway: auto\n',
      '2:3: uplinks.a.interface: is missing; write "interface: eth1"',
    ],
    ['no value', 'uplinks:\n  a:\n', '2:3: uplinks.a: has no value; it must be a mapping; write {interface: eth1}'],
    [
      'missing gateway',
      uplinkYaml('gateway: {}'),
      '4:14: uplinks.a.gateway: no gateway is given, so the uplink carries nothing; write auto, an address, or {ipv4: auto, ipv6: auto}',
    ],
    [
      'a gateway that is no address',
      uplinkYaml('gateway: 192.0.2.256'),
      '4:14: uplinks.a.gateway: "192.0.2.256" is not an IP address: "256" is not a number from 0 to 255',
    ],
    [
      'a gateway of the other family',
      uplinkYaml('gateway: {ipv4: "2001:db8::1"}'),
      '4:21: uplinks.a.gateway.ipv4: 2001:db8::1 is an IPv6 address; write an IPv4 address, or move it to "ipv6"',
    ],
    [
      'a multicast gateway',
      uplinkYaml('gateway: 224.0.0.1'),
      '4:14: uplinks.a.gateway: 224.0.0.1 is no unicast address; write a unicast address of another machine',
    ],
    [
      'two on one interface',
      'uplinks:\n  a: {interface: eth1}\n  b: {interface: eth1}\n',
      '3:18: uplinks.b.interface: eth1 is the interface of uplink "a" already; write another interface, e.g. a VLAN device of its own',
    ],
    [
      'one that is in "interfaces" too',
      withUplinks('interfaces: [eth0, eth1]'),
      '2:20: interfaces[1]: eth1 is the interface of uplink "a" already: uplinks need not be listed here; write the list without it',
    ],
    [
      'an interface listed twice',
      withUplinks('interfaces: [eth0, {name: eth0}]'),
      '2:20: interfaces[1]: eth0 is there twice, first at interfaces[0]; write the list without it',
    ],
    [
      'a source without a gateway',
      uplinkYaml('gateway: 192.0.2.1', 'source: "2001:db8::2"'),
      '5:13: uplinks.a.source: an IPv6 source, but the uplink has no IPv6 gateway; write an IPv4 address',
    ],
    [
      'damping that releases above its cutoff',
      uplinkYaml('damping: {reuse_threshold: 3000}'),
      '4:32: uplinks.a.damping.reuse_threshold: reuse_threshold (3000) must be below cutoff_threshold (2500); write a reuse_threshold of 833',
    ],
    [
      'damping that never suppresses',
      uplinkYaml('damping: {maximum_suppress_ms: 60000}'),
      '4:36: uplinks.a.damping.maximum_suppress_ms: nothing would ever be suppressed: the figure of merit is capped at reuse_threshold x 2^(maximum_suppress_ms / half_life_ms) = 1060, not above cutoff_threshold (2500); write a maximum_suppress_ms above 208437, or "enabled: false"',
    ],
  ]);
});

describe('probes', () => {
  checkProblems([
    [
      'no type',
      probe('targets: [gateway]'),
      '4:14: uplinks.a.probes[0].type: is missing; write "type: icmp" (or tcp, http, https, dns)',
    ],
    [
      'an unknown type',
      probe('type: ping, targets: [gateway]'),
      '4:21: uplinks.a.probes[0].type: must be one of icmp, tcp, http, https, dns, not "ping"',
    ],
    [
      'no targets',
      probe('type: icmp'),
      '4:14: uplinks.a.probes[0].targets: is missing; write "targets: [192.0.2.53, 198.51.100.53]"',
    ],
    [
      'an empty list of targets',
      probe('type: icmp, targets: []'),
      '4:36: uplinks.a.probes[0].targets: must have at least one item; write [192.0.2.53, 198.51.100.53]',
    ],
    [
      'a name for a target',
      probe('type: icmp, targets: [example.com]'),
      '4:37: uplinks.a.probes[0].targets[0]: "example.com" is not an IP address: expected e.g. 192.0.2.1 or 2001:db8::1',
    ],
    [
      'the same target twice',
      probe('type: icmp, targets: ["2001:db8::1", "2001:db8:0::1"]'),
      '4:52: uplinks.a.probes[0].targets[1]: the same target as targets[0]: it would count twice; write another target',
    ],
    [
      'the loopback address',
      probe('type: icmp, targets: [127.0.0.1]'),
      '4:37: uplinks.a.probes[0].targets[0]: 127.0.0.1 is the loopback address; write a unicast address of another machine',
    ],
    [
      'a timeout above the interval',
      probe('type: icmp, targets: [gateway], interval_ms: 20, timeout_ms: 21'),
      "4:76: uplinks.a.probes[0].timeout_ms: must not be above interval_ms (20): a late reply would be taken for the next one's; write 20 or less, or a longer interval_ms",
    ],
    [
      'a wrong interval alone says nothing of the timeout',
      probe('type: icmp, targets: [gateway], interval_ms: 4, timeout_ms: 2000'),
      '4:60: uplinks.a.probes[0].interval_ms: must be a whole number of ms from 5 to 3600000, not 4; write 5',
    ],
    [
      'an interval above the detection budget',
      probe('type: icmp, targets: [gateway], interval_ms: 300000'),
      '4:60: uplinks.a.probes[0].interval_ms: this probe notices a failure only after 900000 ms (interval_ms x (fail_after - 1) + timeout_ms); at most 600000 ms are allowed; write an interval_ms of 200000 or less',
    ],
    [
      'a quorum above the number of targets',
      probe('type: icmp, targets: [192.0.2.1, 192.0.2.2, "2001:db8::1"], quorum: 3'),
      '4:83: uplinks.a.probes[0].quorum: must not be above the number of targets in a family, 2; write 2',
    ],
    [
      'a family without a gateway',
      uplinkYaml('gateway: 192.0.2.1', 'probes: [{type: icmp, targets: [192.0.2.53, "2001:db8::53"]}]'),
      '5:49: uplinks.a.probes[0].targets[1]: an IPv6 target, but the uplink has no IPv6 gateway; write a target of IPv4, or a gateway with "ipv6: auto"',
    ],
    [
      'a wrong gateway says nothing of the targets',
      uplinkYaml('gateway: 1.2.3', 'probes: [{type: icmp, targets: ["2001:db8::53"]}]'),
      '4:14: uplinks.a.gateway: "1.2.3" is not an IP address: expected e.g. 192.0.2.1 or 2001:db8::1',
    ],
    [
      'a name that is taken',
      uplinkYaml(
        'probes:',
        '  - {type: icmp, targets: [gateway], name: icmp-2}',
        '  - {type: icmp, targets: [gateway]}',
      ),
      '6:9: uplinks.a.probes[1]: the name "icmp-2" is taken by probes[0]; write another name',
    ],
    [
      'tcp without a port',
      probe('type: tcp, targets: [192.0.2.1]'),
      '4:36: uplinks.a.probes[0].targets[0]: "192.0.2.1" has no port; write "192.0.2.1:443"',
    ],
    [
      'tcp with a port that is none',
      probe('type: tcp, targets: ["[2001:db8::1]:70000"]'),
      '4:36: uplinks.a.probes[0].targets[0]: "[2001:db8::1]:70000": the port must be 1 to 65535; write "[2001:db8::1]:443"',
    ],
    [
      'tcp mapping without a port',
      probe('type: tcp, targets: [{address: 192.0.2.1}]'),
      '4:36: uplinks.a.probes[0].targets[0].port: is missing; write "port: 443"',
    ],
    [
      'a URL of another scheme',
      probe('type: https, targets: ["http://192.0.2.80/"]'),
      '4:38: uplinks.a.probes[0].targets[0]: must be a URL that starts with https://, not "http://192.0.2.80/"; write https://192.0.2.80/',
    ],
    [
      'a URL with a name and no address',
      probe('type: http, targets: ["http://example.com/"]'),
      '4:37: uplinks.a.probes[0].targets[0]: the host "example.com" is a name, and DNS must not fail the path; write {url: "http://example.com/", address: 192.0.2.80}',
    ],
    [
      'a URL with a password',
      probe('type: http, targets: ["http://u:p@192.0.2.80/"]'),
      '4:37: uplinks.a.probes[0].targets[0]: a URL with a user name or password is not accepted; write it without',
    ],
    [
      'an empty range of status codes',
      probe('type: http, targets: ["http://192.0.2.80/"], expect_status: 299-200'),
      '4:75: uplinks.a.probes[0].expect_status: the range 299-200 is empty; write "200-299"',
    ],
    [
      'certificates are only for https',
      probe('type: http, targets: ["http://192.0.2.80/"], verify_certificate: false'),
      '4:60: uplinks.a.probes[0].verify_certificate: unknown key; known here: type, targets, expect_status, expect_body, name, interval_ms, timeout_ms, fail_after, recover_after, window_samples, quorum, limits',
    ],
    [
      'a query that is no name',
      probe('type: dns, targets: [192.0.2.53], query: "a..b"'),
      '4:56: uplinks.a.probes[0].query: "a..b" is not a domain name; write a name like example.com (xn-- form for others)',
    ],
  ]);
});

describe('groups and routes', () => {
  const five =
    'uplinks: {a: {interface: e1}, b: {interface: e2}, c: {interface: e3}, d: {interface: e4}, e: {interface: e5}}';
  checkProblems([
    ['no groups at all', withUplinks('groups: {}'), '2:9: groups: must have at least one entry'],
    [
      'a group with no tier',
      withUplinks('groups: {g: {tiers: []}}'),
      '2:21: groups.g.tiers: must have at least one item; write [[fibre], [lte]]',
    ],
    [
      'a group with no member',
      withUplinks('groups: {g: {tiers: [[a], []]}}'),
      '2:27: groups.g.tiers[1]: must have at least one item; write [fibre]',
    ],
    [
      'an unknown uplink',
      withUplinks('groups: {g: {tiers: [[a, x]]}}'),
      '2:26: groups.g.tiers[0][1]: no uplink is named "x"; write one of a, b',
    ],
    [
      'a misspelt uplink',
      'uplinks: {fibre: {interface: eth1}}\ngroups: {g: {tiers: [[{uplink: fiber}]]}}',
      '2:32: groups.g.tiers[0][0].uplink: no uplink is named "fiber"; write fibre',
    ],
    [
      'an uplink that is wrong is still known',
      'uplinks: {fibre: {interface: 5/6}}\ngroups: {g: {tiers: [[fibre]]}}',
      '1:30: uplinks.fibre.interface: must be an interface name of 1 to 15 characters without "/", ":" and blanks, not "5/6"; write eth1',
    ],
    [
      'an uplink twice',
      withUplinks('groups: {g: {tiers: [[a], [{uplink: a}]]}}'),
      '2:37: groups.g.tiers[1][0].uplink: uplink "a" is in this group already, at tiers[0][0]; write it once (a weight gives it a larger share)',
    ],
    [
      'five tiers',
      `${five}\ngroups: {g: {tiers: [[a], [b], [c], [d], [e]]}}`,
      '2:21: groups.g.tiers: must have at most 4 items, not 5',
    ],
    [
      'five uplinks without groups',
      five,
      '1:1: uplinks: 5 uplinks without "groups": one tier each would be more than 4 tiers; write groups: {default: {tiers: [[a], [b], ...]}}',
    ],
    [
      'host bits',
      withUplinks('routes: [{to: 203.0.113.1/24, blackhole: true}]'),
      '2:15: routes[0].to: "203.0.113.1/24": host bits are set: write 203.0.113.0/24',
    ],
    [
      'no length',
      withUplinks('routes: [{to: 203.0.113.1, blackhole: true}]'),
      '2:15: routes[0].to: "203.0.113.1" is not a prefix: the length is missing, e.g. 192.0.2.0/24',
    ],
    [
      'a prefix twice, written in two ways',
      withUplinks('routes: [{to: "2001:db8::/32", group: default}, {to: "2001:DB8:0::/32", blackhole: true}]'),
      '2:54: routes[1].to: 2001:db8::/32 is there twice, first at routes[0]; write it once',
    ],
    [
      'an unknown group',
      withUplinks('routes: [{to: 0.0.0.0/0, group: defualt}]'),
      '2:33: routes[0].group: no group is named "defualt"; write default',
    ],
    [
      'to nowhere',
      withUplinks('routes: [{to: 0.0.0.0/0}]'),
      '2:10: routes[0]: the route says not where to; write "group: default" or "blackhole: true"',
    ],
    [
      'to two places',
      withUplinks('routes: [{to: 0.0.0.0/0, group: default, blackhole: true}]'),
      '2:53: routes[0].blackhole: a route has either "group" or "blackhole: true"; write one of them',
    ],
    [
      'more routes than the table holds',
      withUplinks(
        'routes: [{to: 0.0.0.0/0, group: default}, {to: 10.0.0.0/8, group: default}]\ndataplane: {max_routes: 1}',
      ),
      '2:1: routes: 2 IPv4 routes, but dataplane.max_routes is 1; write max_routes: 2',
    ],
  ]);

  test('seventeen members of a tier are one too many', () => {
    const names = Array.from({ length: 17 }, (_, i) => `u${i}`);
    const yaml = `uplinks: {${names.map((name) => `${name}: {interface: ${name}}`).join(', ')}}\ngroups: {g: {tiers: [[${names.join(', ')}]]}}`;
    expect(problemsOf(yaml)).toEqual(['2:22: groups.g.tiers[0]: must have at most 16 items, not 17']);
  });

  test('more icmp targets than the data plane has sessions', () => {
    const target = (i: number): string => `192.0.2.${i}`;
    const targets = `[${Array.from({ length: 16 }, (_, i) => target(i + 1)).join(', ')}]`;
    const probes = Array(16).fill(`{type: icmp, targets: ${targets}}`).join(', ');
    const yaml = `uplinks: {${[1, 2, 3, 4].map((i) => `u${i}: {interface: eth${i}, probes: [${probes}]}`).join(', ')}}`;
    expect(problemsOf(yaml)).toEqual(['1:1: uplinks: 1024 targets of icmp probes in all; the data plane holds 1023']);
  });
});

describe('the other sections', () => {
  checkProblems([
    [
      'agreement of more uplinks than there are',
      withUplinks('decision: {minimum_agreeing: 3}'),
      '2:30: decision.minimum_agreeing: must not be above the number of uplinks, 2; write 2',
    ],
    [
      "the kernel's local table",
      withUplinks('kernel: {table: 255}'),
      "2:17: kernel.table: table 255 (local) is the kernel's own; write main, or another number",
    ],
    [
      "an uplink's table",
      withUplinks('kernel: {table: 6801}'),
      "2:17: kernel.table: table 6801 is one of the uplinks' own, 6800 to 6801; write a number outside of them",
    ],
    [
      'a relative path',
      withUplinks('dataplane: {pin_path: detour}'),
      '2:23: dataplane.pin_path: must be an absolute path, not "detour"',
    ],
    [
      'TCP without a token',
      withUplinks('api: {tcp: {}}'),
      '2:7: api.tcp: the API over TCP needs a token; write "token_file: detour.token"',
    ],
    [
      'a short token',
      withUplinks('api: {tcp: {token: abc}}'),
      '2:20: api.tcp.token: must be a token of 16 to 256 characters, not "abc"',
    ],
    [
      'a token with blanks',
      withUplinks('api: {tcp: {token: "aaaaaaaaaaaaaaaa aaaa"}}'),
      '2:20: api.tcp.token: a token is made of letters, digits and . _ ~ + / - only; write the output of "openssl rand -hex 32"',
    ],
    [
      'token and token file',
      withUplinks('api: {tcp: {token: aaaaaaaaaaaaaaaa, token_file: x}}'),
      '2:20: api.tcp.token: either "token" or "token_file" is needed, not both; write only "token_file"',
    ],
    [
      'an address without a port',
      withUplinks('api: {tcp: {listen: 127.0.0.1, token: aaaaaaaaaaaaaaaa}}'),
      '2:21: api.tcp.listen: must be an address and a port, not "127.0.0.1"; write "127.0.0.1:8068" or "[::1]:8068"',
    ],
    [
      'a host name to listen on',
      withUplinks('api: {tcp: {listen: "localhost:80", token: aaaaaaaaaaaaaaaa}}'),
      '2:21: api.tcp.listen: "localhost" is not an IP address: expected e.g. 192.0.2.1 or 2001:db8::1; write "127.0.0.1:8068"',
    ],
  ]);

  test('a token file that is too short', () => {
    const yaml = withUplinks('api: {tcp: {token_file: t}}');
    expect(problemsOf(yaml, () => ({ token: 'short' }))).toEqual([
      '2:25: api.tcp.token_file: the token has 5 characters; at least 16 are needed; write the output of "openssl rand -hex 32"',
    ]);
  });
});
