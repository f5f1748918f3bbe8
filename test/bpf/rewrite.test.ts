/** What a forwarded frame looks like: byte for byte what Scapy builds for the next hop, checksums included. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { littleRouter, OUR_MAC, neighbourMac } from '../helpers/bpf/little-router.js';
import { testPacketRows, type PacketRow } from '../helpers/bpf/packet-rows.js';
import { scapyChecksumFaults, scapyFrames } from '../helpers/bpf/scapy.js';
import type { TestRouter } from '../helpers/bpf/test-router.js';

const ETHER_OUT = `Ether(src='${OUR_MAC}', dst='${neighbourMac(1)}')`;

/** `template` with %TTL% replaced by the value before and after. */
function forwarded(description: string, template: string, ttl = 64, more: Partial<PacketRow> = {}): PacketRow {
  return {
    description,
    packet: 'E/' + template.replace('%TTL%', `${ttl}`),
    out: `${ETHER_OUT}/` + template.replace('%TTL%', `${ttl - 1}`),
    verdict: 'REDIRECT',
    reasons: ['1:FORWARDED'],
    ...more,
  };
}

const IP4 = `IP(src='203.0.113.1', dst='198.51.1.1', ttl=%TTL%)`;
const IP6 = `IPv6(src='2001:db8:f::1', dst='2001:db8:1::1', hlim=%TTL%)`;

testPacketRows('a forwarded IPv4 packet', [
  forwarded('UDP', `${IP4}/UDP(sport=1000, dport=2000)/Raw(b'hello')`),
  forwarded('TCP', `${IP4}/TCP(sport=1000, dport=2000, flags='S')`),
  forwarded('SCTP', `${IP4}/SCTP(sport=1, dport=2)/Raw(b'abcd')`),
  forwarded('ICMP', `${IP4}/ICMP()/Raw(b'ping')`),
  forwarded('GRE', `${IP4}/GRE()/IP()/UDP()`),
  forwarded('no protocol at all', `IP(src='203.0.113.1', dst='198.51.1.1', ttl=%TTL%, proto=253)`),
  forwarded('TTL 2 leaves with 1', `${IP4}/UDP()`, 2),
  forwarded('TTL 255', `${IP4}/UDP()`, 255),
  forwarded('TOS and DF are kept', `IP(src='203.0.113.1', dst='198.51.1.1', tos=0xb8, flags='DF', ttl=%TTL%)/UDP()`),
  forwarded('exactly the MTU', `${IP4}/UDP()/Raw(b'x'*1472)`),
  forwarded('Ethernet padding is no part of the packet', `${IP4}/UDP()`, 64, { resizeTo: 60, outResizeTo: 60 }),
  forwarded('the first fragment', `IP(src='203.0.113.1', dst='198.51.1.1', flags='MF', ttl=%TTL%)/UDP()/Raw(b'x'*16)`),
  forwarded('a later fragment', `IP(src='203.0.113.1', dst='198.51.1.1', frag=3, proto=17, ttl=%TTL%)/Raw(b'x'*3)`),
  forwarded('zero-length UDP', `${IP4}/UDP(len=0)`),
  forwarded('a UDP header cut short', `IP(src='203.0.113.1', dst='198.51.1.1', proto=17, ttl=%TTL%)/Raw(b'abc')`),
]);

testPacketRows('a forwarded IPv6 packet', [
  forwarded('UDP', `${IP6}/UDP(sport=1000, dport=2000)/Raw(b'hello')`),
  forwarded('TCP', `${IP6}/TCP(sport=1000, dport=2000)`),
  forwarded('ICMPv6', `${IP6}/ICMPv6EchoRequest(data=b'ping')`),
  forwarded('hop limit 2 leaves with 1', `${IP6}/UDP()`, 2),
  forwarded(
    'traffic class and flow label are kept',
    `IPv6(src='2001:db8:f::1', dst='2001:db8:1::1', tc=0xb8, fl=0xabcde, hlim=%TTL%)/UDP()`,
  ),
  forwarded('no next header', `IPv6(src='2001:db8:f::1', dst='2001:db8:1::1', nh=59, hlim=%TTL%)`),
  forwarded('destination options', `${IP6}/IPv6ExtHdrDestOpt()/UDP()/Raw(b'abc')`),
  forwarded('the first fragment', `${IP6}/IPv6ExtHdrFragment(offset=0, m=1, id=7)/UDP()/Raw(b'x'*16)`),
  forwarded('a later fragment', `${IP6}/IPv6ExtHdrFragment(offset=3, m=0, id=7, nh=17)/Raw(b'x'*5)`),
  forwarded('an authentication header', `${IP6}/AH(nh=17, spi=1, icv=b'0'*12)/Raw(b'\\0'*8)`),
  forwarded('six extension headers', `${IP6}/${'IPv6ExtHdrDestOpt()/'.repeat(6)}UDP()`),
  forwarded('Ethernet padding is no part of the packet', `${IP6}/Raw(b'')`, 64, { resizeTo: 64, outResizeTo: 64 }),
  forwarded('exactly the MTU', `${IP6}/UDP()/Raw(b'x'*1452)`),
]);

describe('the incremental checksum', () => {
  let router: TestRouter;
  beforeAll(() => {
    router = littleRouter();
  });
  afterAll(() => router.close());

  it('is right for every TTL and for headers whose checksum is at the edges', () => {
    // Identification values sweep the checksum through its range, 0x0000 and 0xffff included.
    const expressions: string[] = [];
    for (let ttl = 2; ttl < 256; ttl++) expressions.push(`E/IP(src='203.0.113.1', dst='198.51.1.1', ttl=${ttl})/UDP()`);
    for (let step = 0; step < 32; step++) {
      for (const ttl of [2, 3, 128, 255]) {
        // The identification that makes the checksum this value: base checksum minus wanted, in one's complement.
        const wanted = step < 16 ? step : 0xffff - (step - 16);
        expressions.push(
          `(lambda p: (setattr(p[IP], 'id', (lambda s: (s & 0xffff) + (s >> 16))(IP(raw(p[IP])).chksum + (0xffff - ${wanted}))), p)[1])` +
            `(E/IP(src='203.0.113.1', dst='198.51.1.1', id=0, ttl=${ttl})/UDP())`,
        );
      }
    }
    const sent = scapyFrames(expressions);
    const checksums = new Set(sent.map((frame) => frame.readUInt16BE(24)));
    expect([0, 1, 0xfffe].every((edge) => checksums.has(edge))).toBe(true);
    const received = sent.map((frame) => router.run(frame));
    expect(received.every((result) => result.verdict === 'REDIRECT')).toBe(true);
    expect(scapyChecksumFaults(received.map((result) => result.frame)).filter((fault) => fault !== '')).toEqual([]);
  });

  it('counts packets and bytes for the next hop, tags included', () => {
    const [plain, tagged] = scapyFrames([
      `E/IP(src='203.0.113.1', dst='198.51.1.1')/UDP()/Raw(b'x'*58)`,
      `E/IP(src='203.0.113.1', dst='198.51.2.1')/UDP()/Raw(b'x'*58)`,
    ]) as [Buffer, Buffer];
    const before = router.nextHopCounter(1);
    router.run(plain);
    router.run(tagged);
    const after = router.nextHopCounter(1);
    expect(after).toEqual({ packets: before.packets + 1, bytes: before.bytes + 100 });
    expect(router.nextHopCounter(2)).toEqual({ packets: 1, bytes: 104 });
  });
});
