/** Messages as a Linux 6.18 sent them (payloads without struct nlmsghdr), for objects made by `ip`. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readAddress } from '../../../src/kernel/codec/address.js';
import { readLink } from '../../../src/kernel/codec/link.js';
import { readNeighbour } from '../../../src/kernel/codec/neighbour.js';
import { readNetconf } from '../../../src/kernel/codec/netconf.js';
import { readNetdevFamily, readXdpFeatures } from '../../../src/kernel/codec/netdev.js';
import { readNexthop, writeNexthop, writeNexthopGroup } from '../../../src/kernel/codec/nexthop.js';
import { readRoute, writeRoute, type RouteSpec } from '../../../src/kernel/codec/route.js';
import { readRule, ruleText, writeRule, type RuleSpec } from '../../../src/kernel/codec/rule.js';
import { MessageWriter } from '../../../src/kernel/netlink/message.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** Cut off behind IFLA_LINKINFO, without the long tail of statistics. */
const LINK =
  '00000100030000004310010000000000' + // ARPHRD_ETHER, ifindex 3, flags UP | RUNNING | LOWER_UP...
  '0900030077616e3000000000' + // name wan0
  '0500100006000000' + // operstate up
  '08000400dc050000' + // mtu 1500
  '0a00010002000000000200000a000200ffffffffffff0000' + // address, broadcast
  '100012000900010076657468000000000800050002000000'; // linkinfo: kind veth; link

const ROWS: { name: string; read: (payload: Buffer) => unknown; hex: string; expected: unknown }[] = [
  {
    name: 'link wan0 address 02:00:00:00:00:02 type veth',
    read: readLink,
    hex: LINK,
    expected: {
      ifindex: 3,
      name: 'wan0',
      mac: '02:00:00:00:00:02',
      mtu: 1500,
      adminUp: true,
      carrier: true,
      kind: 'veth',
      ethernet: true,
      vlan: null,
      masterIfindex: 0,
      operstate: 6,
    },
  },
  {
    name: 'the same link, dormant: frames do not leave',
    read: (payload) => readLink(payload)?.carrier,
    hex: LINK.replace('0500100006', '0500100005'),
    expected: false,
  },
  {
    name: 'the same link without IFF_LOWER_UP',
    read: (payload) => readLink(payload)?.carrier,
    hex: LINK.replace('43100100', '03100000'),
    expected: false,
  },
  {
    name: 'a VLAN device: id 100 of 802.1ad on ifindex 2',
    read: (payload) => readLink(payload)?.vlan,
    hex:
      '00000100040000004310010000000000' +
      '0800050002000000' + // IFLA_LINK 2
      '24001200' + // IFLA_LINKINFO
      '09000100766c616e00000000' + // kind vlan
      '14000200' + // IFLA_INFO_DATA
      '0600010064000000' + // id
      '0600050088a80000', // protocol
    expected: { parentIfindex: 2, id: 100, protocol: '802.1ad' },
  },
  {
    name: 'a bridge telling about its port is no link message',
    read: readLink,
    hex: LINK.replace(/^00/, '07'),
    expected: null,
  },
  {
    name: 'address 192.0.2.2/24',
    read: readAddress,
    hex: '021880000300000008000100c000020208000200c00002020900030077616e3000000000080008008000000014000600ffffffffffffffff4ace04004ace0400',
    expected: { ifindex: 3, address: '192.0.2.2', prefixLength: 24, scope: 'global', usable: true },
  },
  {
    name: 'address 2001:db8:1::2/64 nodad',
    read: readAddress,
    hex: '0a408200030000001400010020010db800010000000000000000000214000600ffffffffffffffff4ace04004ace04000800080082000000',
    expected: { ifindex: 3, address: '2001:db8:1::2', prefixLength: 64, scope: 'global', usable: true },
  },
  {
    name: 'the same address, tentative',
    read: (payload) => readAddress(payload)?.usable,
    hex: '0a408200030000001400010020010db800010000000000000000000214000600ffffffffffffffff4ace04004ace040008000800c0000000',
    expected: false,
  },
  {
    name: 'a managed neighbour that is being resolved',
    read: readNeighbour,
    hex: '02000000030000000100000108000100c00002010800040005000000140003000d1800009d0000009d0000000100000008000f0001000000',
    expected: { ifindex: 3, address: '192.0.2.1', mac: null, state: 'incomplete', managed: true, protocol: 0 },
  },
  {
    name: 'route 203.0.113.0/24 nhid 9 metric 100 proto 68, whose members the kernel spells out',
    read: readRoute,
    hex: '02180000fe4400010000000008000f00fe00000008000100cb007100080006006400000008001e000900000024000900100004020300000008000500c0000201100000ff0300000008000500c0000203',
    expected: {
      prefix: '203.0.113.0/24',
      table: 254,
      type: 'unicast',
      protocol: 68,
      metric: 100,
      scope: 0,
      tos: 0,
      source: null,
      legs: [],
      ifindex: null,
      gateway: null,
      nexthopId: 9,
      preferredSource: null,
      multipath: true,
    },
  },
  {
    name: 'route 198.51.100.0/24 via 192.0.2.1 metric 5 src 192.0.2.2',
    read: readRoute,
    hex: '02180000fe0300010000000008000f00fe00000008000100c6336400080006000500000008000700c000020208000500c00002010800040003000000',
    expected: {
      prefix: '198.51.100.0/24',
      table: 254,
      type: 'unicast',
      protocol: 3,
      metric: 5,
      scope: 0,
      tos: 0,
      source: null,
      legs: [],
      ifindex: 3,
      gateway: '192.0.2.1',
      nexthopId: null,
      preferredSource: '192.0.2.2',
      multipath: false,
    },
  },
  {
    name: 'default route over two gateways',
    read: (payload) => {
      const route = readRoute(payload)!;
      return [route.prefix, route.multipath, route.ifindex, route.gateway];
    },
    hex: '02000000fe0300010000000008000f00fe00000024000900100000000300000008000500c0000201100000000300000008000500c0000203',
    expected: ['0.0.0.0/0', true, null, null],
  },
  {
    name: 'route 100.64.0.0/10 via inet6 fe80::1',
    read: (payload) => readRoute(payload)?.gateway,
    hex: '020a0000fe0300010000000008000f00fe0000000800010064400000160012000a00fe80000000000000000000000000000100000800040003000000',
    expected: 'fe80::1',
  },
  {
    name: 'unreachable 2001:db8:e::/48 belongs to no interface, whatever the kernel says',
    read: (payload) => {
      const route = readRoute(payload)!;
      return [route.type, route.prefix, route.ifindex];
    },
    hex: '0a300000fe0300070000000008000f00fe0000001400010020010db8000e000000000000000000000800060000040000080004000100000024000c0000000000000000000000000000000000000000000000000000000000000000000500140000000000',
    expected: ['unreachable', '2001:db8:e::/48', null],
  },
  {
    name: 'a rule with everything',
    read: (payload) => {
      const rule = readRule(payload)!;
      return [rule.text, rule.protocol, rule.isDefault];
    },
    hex: '02082000fc0000010000000008000f00e803000008000e000000000005001500440000000900030077616e3000000000080006008403000008000a000700000008001000ff0000000800180050005a000500160006000000080001000a00000008000200c0000202',
    expected: [
      'ipv4: 900: from 192.0.2.2 to 10.0.0.0/8 fwmark 0x7/0xff iif wan0 ipproto 6 dport 80-90 lookup 1000 suppress_prefixlength 0',
      68,
      false,
    ],
  },
  {
    name: 'the rule that looks up main in every namespace',
    read: (payload) => {
      const rule = readRule(payload)!;
      return [rule.text, rule.isDefault];
    },
    hex: '02000000fe0000010000000008000f00fe00000008000e00ffffffff050015000200000008000600fe7f0000',
    expected: ['ipv4: 32766: from all lookup main', true],
  },
  {
    name: 'nexthop 7 via 192.0.2.1 onlink proto 68',
    read: readNexthop,
    hex: '02fd4400040000000800010007000000080005000300000008000600c0000201',
    expected: { id: 7, protocol: 68, family: 4, ifindex: 3, gateway: '192.0.2.1', onlink: true, members: null },
  },
  {
    name: 'nexthop group 9 of 7 (weight 3) and 8 (weight 256)',
    read: readNexthop,
    hex: '00004400000000000800010009000000060003000000000014000200070000000200000008000000ff00000008000e0000000080',
    expected: {
      id: 9,
      protocol: 68,
      family: null,
      ifindex: null,
      gateway: null,
      onlink: false,
      members: [
        { id: 7, weight: 3 },
        { id: 8, weight: 256 },
      ],
    },
  },
  {
    name: 'netconf of "all"',
    read: readNetconf,
    hex: '0200000008000100ffffffff080002000100000008000300020000000800040000000000',
    expected: { family: 4, ifindex: -1, forwarding: true, rpFilter: 2 },
  },
];

describe('a captured message says what ip says', () => {
  test.each(ROWS)('$name', ({ read, hex, expected }) => {
    expect(plain(read(bytes(hex)))).toEqual(expected);
  });
});

/** What `write` writes after the header. */
function written(write: (writer: MessageWriter) => void): Buffer {
  const writer = new MessageWriter(16);
  writer.message({ type: 1, flags: 0, body: write }, 1);
  return writer.take().subarray(16);
}

describe('what is written can be read back', () => {
  const prefix = Prefix.parse('2001:db8:f::/48');
  const route: RouteSpec = { prefix, table: 6800, metric: 7, target: { kind: 'blackhole' }, preferredSource: null };

  test('routes of each kind', () => {
    const gateway = IpAddress.parse('2001:db8:1::1');
    const source = IpAddress.parse('2001:db8:1::2');
    const common = { prefix, table: 6800, metric: 7, protocol: 68 };
    const read = (spec: RouteSpec): unknown => readRoute(written((writer) => writeRoute(writer, spec)));
    expect(read(route)).toMatchObject({ ...common, type: 'blackhole' });
    expect(read({ ...route, target: { kind: 'unreachable' } })).toMatchObject({ ...common, type: 'unreachable' });
    expect(read({ ...route, target: { kind: 'nexthop', id: 9 } })).toMatchObject({ ...common, nexthopId: 9 });
    expect(
      plain(read({ ...route, preferredSource: source, target: { kind: 'gateway', ifindex: 3, gateway } })),
    ).toMatchObject({ gateway: '2001:db8:1::1', ifindex: 3, preferredSource: '2001:db8:1::2', type: 'unicast' });
  });

  test('nexthops and groups', () => {
    const gateway = IpAddress.parse('fe80::1');
    const nexthop = readNexthop(written((writer) => writeNexthop(writer, { id: 5, family: 6, ifindex: 3, gateway })));
    expect(plain(nexthop)).toMatchObject({
      id: 5,
      family: 6,
      ifindex: 3,
      gateway: 'fe80::1',
      onlink: true,
      protocol: 68,
    });
    const members = [
      { id: 5, weight: 1 },
      { id: 6, weight: 256 },
    ];
    expect(readNexthop(written((writer) => writeNexthopGroup(writer, { id: 9, members })))).toMatchObject({
      id: 9,
      members,
    });
  });

  test.each<Partial<RuleSpec>>([
    { mark: 0x6800 },
    { oifname: 'wan0' },
    { source: IpAddress.parse('2001:db8:1::2') },
    { source: IpAddress.parse('2001:db8:1::2'), table: 254, suppressPrefixLength: 0 },
  ])('rule %j, as the text that the reconciler compares', (changed) => {
    const rule: RuleSpec = {
      family: 6,
      priority: 6800,
      table: 6801,
      mark: null,
      source: null,
      oifname: null,
      suppressPrefixLength: null,
      ...changed,
    };
    const found = readRule(written((writer) => writeRule(writer, rule)))!;
    // The kernel adds the full mask, which the writer leaves out.
    expect(found.text.replace('/0x0', '')).toBe(ruleText(rule));
    expect(found.protocol).toBe(68);
  });
});

test('no payload, however malformed, makes a reader throw', () => {
  const readers = [
    readLink,
    readAddress,
    readNeighbour,
    readRoute,
    readRule,
    readNexthop,
    readNetconf,
    readNetdevFamily,
    readXdpFeatures,
  ];
  const genuine = fc.constantFrom(...ROWS.map((row) => bytes(row.hex)));
  const damaged = fc
    .tuple(genuine, fc.nat(), fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }))
    .map(([message, length, changes]) => {
      const copy = Buffer.from(message.subarray(0, length % (message.length + 1)));
      for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value;
      return copy;
    });
  fc.assert(
    fc.property(
      fc.oneof(
        damaged,
        fc.uint8Array({ maxLength: 128 }).map((array) => Buffer.from(array)),
      ),
      (payload) => {
        for (const read of readers) read(payload);
      },
    ),
    { numRuns: 3000, seed: 3 },
  );
});
