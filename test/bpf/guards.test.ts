/** What the data plane leaves to the stack, and that it leaves it untouched. */
import { testPacketRows, type PacketRow } from '../helpers/bpf/packet-rows.js';

const pass = (description: string, packet: string, ...reasons: string[]): PacketRow => ({
  description,
  packet,
  verdict: 'PASS',
  reasons: reasons.map((reason) => (reason.includes(':') ? reason : `1:${reason}`)),
});

const TO = `IP(src='203.0.113.1', dst='198.51.1.1')`;
const TO6 = `IPv6(src='2001:db8:f::1', dst='2001:db8:1::1')`;

testPacketRows('link layer', [
  pass('ARP is not ours', `E/ARP()`, 'NOT_IP'),
  pass('an unknown EtherType is not ours', `Ether(src=E.src, dst=E.dst, type=0x88b5)/Raw(b'x'*46)`, 'NOT_IP'),
  pass('an 802.3 length field is not an EtherType', `Ether(src=E.src, dst=E.dst, type=46)/Raw(b'x'*46)`, 'NOT_IP'),
  pass('a frame to another MAC stays with the stack', `Ether(dst='02:00:00:00:00:02')/${TO}/UDP()`, 'NOT_OUR_MAC'),
  pass('one bit of the MAC decides', `Ether(dst='06:00:00:00:00:01')/${TO}/UDP()`, 'NOT_OUR_MAC'),
  pass('a broadcast frame stays with the stack', `Ether(dst='ff:ff:ff:ff:ff:ff')/${TO}/UDP()`, 'MULTICAST'),
  pass('a multicast frame stays with the stack', `Ether(dst='01:00:5e:00:00:01')/${TO}/UDP()`, 'MULTICAST'),
  pass('an unknown VLAN is no interface of ours', `E/Dot1Q(vlan=101)/${TO}/UDP()`, '0:UNKNOWN_INTERFACE'),
]);

testPacketRows('IPv4', [
  pass('TTL 1 is for the stack to answer', `E/IP(src='203.0.113.1', dst='198.51.1.1', ttl=1)/UDP()`, 'TTL'),
  pass('TTL 0 too', `E/IP(src='203.0.113.1', dst='198.51.1.1', ttl=0)/UDP()`, 'TTL'),
  pass(
    'options are for the stack',
    `E/IP(src='203.0.113.1', dst='198.51.1.1', options=[IPOption_RR()])/UDP()`,
    'IP_OPTIONS',
  ),
  pass('a wrong header checksum is not forwarded', `E/IP(dst='198.51.1.1', chksum=0x1234)/UDP()`, 'BAD_HEADER'),
  pass('IPv4 that says version 6 is not forwarded', `E/IP(dst='198.51.1.1', version=6)/UDP()`, 'BAD_HEADER'),
  pass('IPv6 that says version 4 is not forwarded', `E/IPv6(dst='2001:db8:1::1', version=4)/UDP()`, 'BAD_HEADER'),
  pass('IHL below 5 is not forwarded', `E/IP(dst='198.51.1.1', ihl=4)/UDP()`, 'BAD_HEADER'),
  pass('multicast', `E/IP(src='203.0.113.1', dst='224.0.0.5')/UDP()`, 'MULTICAST'),
  pass('limited broadcast', `E/IP(src='203.0.113.1', dst='255.255.255.255')/UDP()`, 'MULTICAST'),
  pass('a multicast source', `E/IP(src='224.0.0.1', dst='198.51.1.1')/UDP()`, 'MARTIAN'),
  pass('this-network source', `E/IP(src='0.0.0.0', dst='198.51.1.1')/UDP()`, 'MARTIAN'),
  pass('this-network destination', `E/IP(src='203.0.113.1', dst='0.1.2.3')/UDP()`, 'MARTIAN'),
  pass('loopback source', `E/IP(src='127.0.0.1', dst='198.51.1.1')/UDP()`, 'MARTIAN'),
  pass('loopback destination', `E/IP(src='203.0.113.1', dst='127.1.2.3')/UDP()`, 'MARTIAN'),
  pass('class E', `E/IP(src='240.0.0.1', dst='198.51.1.1')/UDP()`, 'MARTIAN'),
  pass('link-local source', `E/IP(src='169.254.1.1', dst='198.51.1.1')/UDP()`, 'LINK_LOCAL'),
  pass('link-local destination', `E/IP(src='203.0.113.1', dst='169.254.1.1')/UDP()`, 'LINK_LOCAL'),
]);

testPacketRows('IPv6', [
  pass('hop limit 1', `E/IPv6(src='2001:db8:f::1', dst='2001:db8:1::1', hlim=1)/UDP()`, 'TTL'),
  pass('hop limit 0', `E/IPv6(src='2001:db8:f::1', dst='2001:db8:1::1', hlim=0)/UDP()`, 'TTL'),
  pass('hop-by-hop options', `E/${TO6}/IPv6ExtHdrHopByHop()/UDP()`, 'EXTENSION_HEADER'),
  pass('a routing header', `E/${TO6}/IPv6ExtHdrRouting(addresses=['2001:db8::2'])/UDP()`, 'EXTENSION_HEADER'),
  pass(
    'a routing header behind destination options',
    `E/${TO6}/IPv6ExtHdrDestOpt()/IPv6ExtHdrRouting(addresses=['2001:db8::2'])/UDP()`,
    'EXTENSION_HEADER',
  ),
  pass('too long a chain', `E/${TO6}/` + 'IPv6ExtHdrDestOpt()/'.repeat(7) + 'UDP()', 'EXTENSION_HEADER'),
  pass('multicast', `E/IPv6(src='2001:db8:f::1', dst='ff02::1')/UDP()`, 'MULTICAST'),
  pass('a multicast source', `E/IPv6(src='ff02::1', dst='2001:db8:1::1')/UDP()`, 'MARTIAN'),
  pass('an unspecified source', `E/IPv6(src='::', dst='2001:db8:1::1')/UDP()`, 'MARTIAN'),
  pass('an unspecified destination', `E/IPv6(src='2001:db8:f::1', dst='::')/UDP()`, 'MARTIAN'),
  pass('loopback', `E/IPv6(src='2001:db8:f::1', dst='::1')/UDP()`, 'MARTIAN'),
  pass('a mapped IPv4 address', `E/IPv6(src='::ffff:203.0.113.1', dst='2001:db8:1::1')/UDP()`, 'MARTIAN'),
  pass('link-local source', `E/IPv6(src='fe80::1', dst='2001:db8:1::1')/UDP()`, 'LINK_LOCAL'),
  pass('link-local destination', `E/IPv6(src='2001:db8:f::1', dst='febf::1')/UDP()`, 'LINK_LOCAL'),
]);

const to = (address: string) => `E/IP(src='203.0.113.1', dst='${address}')/UDP()`;
const to6 = (address: string) => `E/IPv6(src='2001:db8:f::1', dst='${address}')/UDP()`;

testPacketRows('routes and next hops', [
  pass('no route', to('203.0.113.77'), 'NO_ROUTE'),
  pass('no IPv6 route', to6('2001:db8:77::1'), 'NO_ROUTE'),
  pass('this machine', to('192.0.2.1'), 'LOCAL'),
  pass('this machine, IPv6', to6('2001:db8:ffff::1'), 'LOCAL'),
  pass('this machine, TTL 1', `E/IP(src='203.0.113.1', dst='192.0.2.1', ttl=1)/UDP()`, 'LOCAL'),
  { ...pass('a blackhole', to('192.0.2.66'), 'BLACKHOLE'), verdict: 'DROP' },
  { ...pass('a blackhole, IPv6', to6('2001:db8:ffff::66'), 'BLACKHOLE'), verdict: 'DROP' },
  pass('a route of the stack', to('192.0.2.67'), 'STACK_ROUTE'),
  pass('a route of a kind that we do not know', to('192.0.2.70'), 'STACK_ROUTE'),
  pass('a group that was never published', to('192.0.2.68'), 'BAD_GROUP'),
  pass('a group out of range', to('192.0.2.69'), 'BAD_GROUP'),
  pass('a next hop id without a row', to('198.51.9.1'), 'BAD_GROUP'),
  pass('an unresolved neighbour', to('198.51.4.1'), 'NEIGHBOUR_UNRESOLVED'),
  pass('an egress that takes no redirected frames', to('198.51.5.1'), 'EGRESS_NOT_XDP'),
  pass('a port that is not in the device map', to('198.51.7.1'), 'EGRESS_NOT_XDP'),
  pass('no live member', to('198.51.8.1'), 'NO_LIVE_MEMBER'),
  pass('no live member, IPv6', to6('2001:db8:8::1'), 'NO_LIVE_MEMBER'),
  pass('one byte over the MTU', `E/IP(src='203.0.113.1', dst='198.51.6.1')/UDP()/Raw(b'x'*573)`, 'OVER_MTU'),
  pass('over the MTU, IPv6', `E/IPv6(src='2001:db8:f::1', dst='2001:db8:6::1')/UDP()/Raw(b'x'*553)`, 'OVER_MTU'),
  {
    ...pass('padding that makes the frame too long for the device', to('198.51.6.1'), 'OVER_MTU'),
    resizeTo: 619,
  },
]);

testPacketRows('switches', [
  pass('an interface whose forwarding is off', `E/Dot1AD(vlan=100)/${TO}/UDP()`, '4:FORWARDING_OFF'),
  pass('the same, IPv6', `E/Dot1AD(vlan=100)/${TO6}/UDP()`, '4:FORWARDING_OFF'),
]);
