/** Frames that lie, frames that end too early, and thousands that chance has made: never forwarded wrongly. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { littleRouter } from '../helpers/bpf/little-router.js';
import { mutate } from '../helpers/bpf/mutate.js';
import { testPacketRows, type PacketRow } from '../helpers/bpf/packet-rows.js';
import { echoReply, probePayload } from '../helpers/bpf/probe-frames.js';
import { Random } from '../helpers/bpf/random.js';
import { declareFrames, frameOf } from '../helpers/bpf/scapy.js';
import type { TestRouter } from '../helpers/bpf/test-router.js';
import { verdictOracle } from '../helpers/bpf/verdict-oracle.js';

const TO = `src='203.0.113.1', dst='198.51.1.1'`;
const TO6 = `src='2001:db8:f::1', dst='2001:db8:1::1'`;

function pass(description: string, packet: string, reason: string, resizeTo?: number): PacketRow {
  return { description, packet, verdict: 'PASS', reasons: [`1:${reason}`], ...(resizeTo ? { resizeTo } : {}) };
}

testPacketRows('IPv4 that lies', [
  pass('total length beyond the frame', `E/IP(${TO}, len=200)/UDP()`, 'TRUNCATED'),
  pass('total length one byte beyond the frame', `E/IP(${TO}, len=29)/UDP()`, 'TRUNCATED'),
  pass('total length below the header', `E/IP(${TO}, len=19)/UDP()`, 'TRUNCATED'),
  pass('total length 0', `E/IP(${TO}, len=0)/UDP()`, 'TRUNCATED'),
  pass('IHL beyond the total length', `E/IP(${TO}, ihl=15)/UDP()`, 'TRUNCATED'),
  pass('IHL that makes options of the payload', `E/IP(${TO}, ihl=7)/UDP()`, 'IP_OPTIONS'),
  pass('IHL 0', `E/IP(${TO}, ihl=0)/UDP()`, 'BAD_HEADER'),
  pass('nothing behind Ethernet', `E/IP(${TO})`, 'TRUNCATED', 14),
]);

testPacketRows('IPv6 that lies', [
  pass('payload length beyond the frame', `E/IPv6(${TO6}, plen=100)/UDP()`, 'TRUNCATED'),
  pass('payload length one byte beyond the frame', `E/IPv6(${TO6}, plen=9)/UDP()`, 'TRUNCATED'),
  pass('a jumbogram', `E/IPv6(${TO6}, plen=0)/IPv6ExtHdrHopByHop(options=[Jumbo()])/UDP()`, 'EXTENSION_HEADER'),
  pass('destination options longer than the packet', `E/IPv6(${TO6})/IPv6ExtHdrDestOpt(len=200)/UDP()`, 'TRUNCATED'),
  pass('an extension header that is announced but missing', `E/IPv6(${TO6}, nh=60)`, 'TRUNCATED'),
  pass('a fragment header cut short', `E/IPv6(${TO6}, nh=44)/Raw(b'1234567')`, 'TRUNCATED'),
  pass('an authentication header cut short', `E/IPv6(${TO6}, nh=51)/Raw(bytes([17, 255] + [0]*10))`, 'TRUNCATED'),
  pass(
    'hop-by-hop options in the middle',
    `E/IPv6(${TO6})/IPv6ExtHdrDestOpt()/IPv6ExtHdrHopByHop()/UDP()`,
    'EXTENSION_HEADER',
  ),
]);

/** Valid frames of every kind, from which the others are made. */
const SEEDS = [
  `E/IP(${TO})/UDP(sport=1, dport=2)/Raw(b'payload')`,
  `E/IP(${TO})/TCP()`,
  `E/IP(${TO})/ICMP()/Raw(b'x'*56)`,
  `E/IP(${TO}, flags='MF', frag=0)/UDP()/Raw(b'x'*16)`,
  `E/IP(${TO}, options=[IPOption_RR()])/UDP()`,
  `E/IP(src='203.0.113.1', dst='198.51.6.1')/UDP()/Raw(b'x'*570)`,
  `E/IP(src='203.0.113.1', dst='192.0.2.1')/${echoReply(4, probePayload({ session: 1, epoch: 1, sequence: 1, transmitNs: 1n }))}`,
  `E/IP(src='203.0.113.1', dst='192.0.2.66')/UDP()`,
  `E/Dot1Q(vlan=100)/IP(src='203.0.113.1', dst='198.51.3.1')/UDP()`,
  `E/Dot1AD(vlan=200)/Dot1Q(vlan=30)/IP(src='203.0.113.1', dst='198.51.2.1')/TCP()`,
  `E/Dot1Q(vlan=0, prio=3)/IP(${TO})/UDP()`,
  `E/Dot1AD(vlan=100)/IP(${TO})/UDP()`,
  `E/IPv6(${TO6})/UDP(sport=1, dport=2)/Raw(b'payload')`,
  `E/IPv6(${TO6})/IPv6ExtHdrDestOpt()/UDP()/Raw(b'payload')`,
  `E/IPv6(${TO6})/IPv6ExtHdrFragment(offset=0, m=1, id=7)/UDP()/Raw(b'x'*16)`,
  `E/IPv6(${TO6})/AH(nh=17, spi=1, icv=b'0'*12)/Raw(b'x'*16)`,
  `E/IPv6(${TO6})/${'IPv6ExtHdrDestOpt()/'.repeat(5)}UDP()`,
  `E/IPv6(${TO6})/IPv6ExtHdrHopByHop()/UDP()`,
  `E/IPv6(src='fe80::1', dst='2001:db8:ffff::1')/${echoReply(6, probePayload({ session: 1, epoch: 1, sequence: 1, transmitNs: 1n }))}`,
  `E/Dot1AD(vlan=200)/Dot1Q(vlan=30)/IPv6(src='2001:db8:f::1', dst='2001:db8:2::1')/IPv6ExtHdrDestOpt()/TCP()`,
];

declareFrames(SEEDS);

/** Under an emulated CPU (make test-vm, short form) an eighth of the damage is enough. */
const SHARE = process.env['DETOUR_SHORT'] ? 8 : 1;

describe('frames made from good ones', () => {
  let router: TestRouter;
  let seeds: Buffer[];

  beforeAll(() => {
    seeds = SEEDS.map((seed) => frameOf(seed));
    router = littleRouter();
  });
  afterAll(() => router.close());

  /** Verdict, reason and frame as the oracle says. */
  function checkAgainstOracle(frame: Buffer): string {
    const expected = verdictOracle(frame);
    const result = router.run(frame);
    const seen = { sent: frame.toString('hex'), reasons: result.reasons, out: result.frame.toString('hex') };
    expect(seen).toEqual({
      sent: seen.sent,
      reasons: { [expected.reason]: 1 },
      out: (expected.out ?? frame).toString('hex'),
    });
    expect(result.verdict === 'REDIRECT').toBe(expected.out !== null);
    return expected.reason;
  }

  it('are treated as the oracle says when they are whole', () => {
    const reasons = new Set(seeds.map((frame) => checkAgainstOracle(frame)));
    expect(reasons).toContain('1:FORWARDED');
    expect(reasons).toContain('3:FORWARDED');
    expect(reasons).toContain('1:PROBE_STALE');
  });

  it('are never forwarded when they are cut, at whichever byte', () => {
    for (const seed of seeds) {
      for (let length = 14; length < seed.length; length++) {
        const frame = seed.subarray(0, length);
        expect(verdictOracle(frame).out).toBeNull();
        checkAgainstOracle(frame);
        expect(router.run(frame).verdict).toBe('PASS');
      }
    }
  });

  it('get along with every value of the bytes that say what follows', () => {
    for (const seed of seeds) {
      for (const at of [12, 13, 14, 18, 20]) {
        for (let value = 0; value < 256; value += SHARE) {
          const frame = Buffer.from(seed);
          frame[at] = value;
          checkAgainstOracle(frame);
        }
      }
    }
  });

  it('are treated as the oracle says after random damage', () => {
    const random = new Random(4711);
    const reasons = new Map<string, number>();
    for (let round = 0; round < 8000 / SHARE; round++) {
      const reason = checkAgainstOracle(mutate(random.pick(seeds), random)).slice(2);
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    // The damage must not be so great that only the first guards are tested.
    expect(reasons.get('FORWARDED')).toBeGreaterThan(1000 / SHARE);
    for (const deep of ['TTL', 'OVER_MTU', 'MARTIAN', 'EXTENSION_HEADER', 'PROBE_FORGED', 'TRUNCATED', 'NO_ROUTE']) {
      expect([deep, reasons.get(deep) ?? 0]).toEqual([
        deep,
        expect.toSatisfy((count: number) => count >= (SHARE === 1 ? 10 : 1)),
      ]);
    }
  });
});
