/** Probe frames, as an independent decoder sees them: Debian's python3-scapy, hence the system's Python. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { Constant, probePayloadCodec } from '../../src/abi/index.js';
import { buildProbeFrame } from '../../src/health/icmp/frame.js';
import { IpAddress } from '../../src/net/ip-address.js';
import { examplePath } from '../helpers/probe-intents.js';

const DECODER = `
import json, sys
from scapy.all import Ether, IP, IPv6, ICMP, ICMPv6EchoRequest, raw
def decode(entry):
    data = bytes.fromhex(entry["hex"])
    packet = {"ethernet": Ether, 4: IP, 6: IPv6}[entry["first"]](data)
    out = {"mac": None}
    if Ether in packet:
        out["mac"] = [packet[Ether].src, packet[Ether].dst]
    if IP in packet:
        ip = packet[IP]
        good = ip.chksum
        del ip.chksum
        out.update(src=ip.src, dst=ip.dst, ttl=ip.ttl, dscp=ip.tos >> 2, flags=str(ip.flags), len=ip.len,
                   checksum_ok=IP(raw(ip)).chksum == good, left=len(data) - (14 if out["mac"] else 0))
        icmp = packet[ICMP]
        out.update(type=icmp.type, code=icmp.code, id=icmp.id, payload=bytes(icmp.payload).hex())
    else:
        ip = packet[IPv6]
        out.update(src=ip.src, dst=ip.dst, ttl=ip.hlim, dscp=ip.tc >> 2, flow=ip.fl, len=ip.plen + 40,
                   left=len(data) - (14 if out["mac"] else 0))
        icmp = packet[ICMPv6EchoRequest]
        out.update(type=icmp.type, code=icmp.code, id=icmp.id, payload=icmp.data.hex())
    return out
print(json.dumps([decode(entry) for entry in json.load(sys.stdin)]))
`;

function decode(frames: { hex: string; first: 'ethernet' | 4 | 6 }[]): Record<string, unknown>[] {
  const output = execFileSync('/usr/bin/python3', ['-c', DECODER], { input: JSON.stringify(frames), encoding: 'utf8' });
  return JSON.parse(output) as Record<string, unknown>[];
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const session = 77;
const epoch = 0xfedcba98;

describe('a probe frame', () => {
  it('is an echo request that scapy understands, with and without Ethernet, IPv4 and IPv6', () => {
    const cases = ([4, 6] as const).flatMap((family) =>
      [true, false].map((ethernet) => {
        const path = examplePath({ family, ethernet });
        const destination = IpAddress.parse(family === 4 ? '198.51.100.7' : '2001:db8:f::7');
        return { family, ethernet, path, destination, ...buildProbeFrame({ path, destination, session, epoch }) };
      }),
    );
    const decoded = decode(
      cases.map(({ frame, ethernet, family }) => ({ hex: hex(frame), first: ethernet ? 'ethernet' : family })),
    );
    cases.forEach(({ family, ethernet, path, destination, frame, icmpOffset }, index) => {
      const found = decoded[index]!;
      expect(found).toMatchObject({
        mac: ethernet ? [path.sourceMac!.toString(), path.gatewayMac!.toString()] : null,
        src: path.source.toString(),
        dst: destination.toString(),
        ttl: 64,
        dscp: 48,
        type: family === 4 ? 8 : 128,
        code: 0,
        id: Constant.PROBE_ICMP_ID,
        ...(family === 4 ? { flags: 'DF', checksum_ok: true } : { flow: 0 }),
      });
      expect(found.len).toBe(found.left);
      const payload = frame.subarray(icmpOffset + 8);
      expect(found.payload).toBe(hex(payload));
      const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
      expect(payload.length).toBe(probePayloadCodec.size);
      expect(probePayloadCodec.decode(view, 0)).toMatchObject({ magic: Constant.PROBE_MAGIC, session, epoch });
    });
  }, 30_000);

  it('cannot be made without the MAC addresses where there is Ethernet', () => {
    const path = { ...examplePath({ family: 4 }), gatewayMac: null };
    const destination = IpAddress.parse('198.51.100.7');
    expect(() => buildProbeFrame({ path, destination, session, epoch })).toThrow(
      'a frame for wan0 needs the MAC addresses',
    );
  });

  it('cannot be made between families', () => {
    const options = { path: examplePath({ family: 4 }), destination: IpAddress.parse('2001:db8::1'), session, epoch };
    expect(() => buildProbeFrame(options)).toThrow('2001:db8::1 cannot be probed from 192.0.2.10');
  });
});
