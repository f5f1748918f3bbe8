/** Frames of more than one buffer, which only the xdp.frags program is given. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addNextHop, HOP_FRAGMENTS_OK, littleRouter, OUR_MAC, neighbourMac } from '../helpers/bpf/little-router.js';
import { frameTable } from '../helpers/bpf/scapy.js';
import type { TestRouter } from '../helpers/bpf/test-router.js';

const IP = (ttl: number) => `IP(src='203.0.113.1', dst='198.51.1.1', ttl=${ttl})/UDP(sport=1, dport=2)/Raw(b'x'*8000)`;
const OUT = `Ether(src='${OUR_MAC}', dst='${neighbourMac(1)}')`;
const RESOLVED_REDIRECT_OK = 3;

const frame = frameTable({
  jumbo: `E/${IP(64)}`,
  jumboOut: `${OUT}/${IP(63)}`,
  jumboTagged: `E/Dot1Q(vlan=100)/${IP(64)}`,
  lying: `E/IP(src='203.0.113.1', dst='198.51.1.1', len=9000)/UDP()/Raw(b'x'*8000)`,
  ordinary: `E/IP(src='203.0.113.1', dst='198.51.1.1', ttl=64)/UDP()`,
  ordinaryOut: `${OUT}/IP(src='203.0.113.1', dst='198.51.1.1', ttl=63)/UDP()`,
});

describe('the multi-buffer program', () => {
  let router: TestRouter;
  beforeAll(() => {
    router = littleRouter('detour_xdp_frags');
  });
  afterAll(() => router.close());

  it('forwards ordinary frames like the other one', () => {
    addNextHop(router, 1);
    expect(router.run(frame('ordinary'))).toEqual({
      verdict: 'REDIRECT',
      frame: frame('ordinaryOut'),
      reasons: { '1:FORWARDED': 1 },
    });
  });

  it('forwards a jumbo frame, whole, where the egress takes such frames', () => {
    addNextHop(router, 1, { mtu: 9000, flags: RESOLVED_REDIRECT_OK | HOP_FRAGMENTS_OK });
    const jumbo = frame('jumboOut');
    const before = router.nextHopCounter(1);
    const result = router.run(frame('jumbo'));
    expect(result.reasons).toEqual({ '1:FORWARDED': 1 });
    expect(result.verdict).toBe('REDIRECT');
    expect(result.frame.equals(jumbo)).toBe(true);
    expect(router.nextHopCounter(1).bytes - before.bytes).toBe(jumbo.length);
    expect(router.run(frame('jumboTagged')).frame.equals(jumbo)).toBe(true);
  });

  it('leaves it to the stack where the egress does not, or where it is over the MTU', () => {
    addNextHop(router, 1, { mtu: 9000 });
    expect(router.run(frame('jumbo'))).toMatchObject({ verdict: 'PASS', reasons: { '1:EGRESS_NOT_XDP': 1 } });
    addNextHop(router, 1, { mtu: 1500, flags: RESOLVED_REDIRECT_OK | HOP_FRAGMENTS_OK });
    expect(router.run(frame('jumbo'))).toMatchObject({ verdict: 'PASS', reasons: { '1:OVER_MTU': 1 } });
  });

  it('holds the IP length against all buffers, not against the first', () => {
    addNextHop(router, 1, { mtu: 9216, flags: RESOLVED_REDIRECT_OK | HOP_FRAGMENTS_OK });
    expect(router.run(frame('lying'))).toMatchObject({ verdict: 'PASS', reasons: { '1:TRUNCATED': 1 } });
  });
});
