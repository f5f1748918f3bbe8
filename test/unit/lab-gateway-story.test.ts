/** The parts of the demo's second act that need no lab: captured packets, arrows of the chart, what is read off them. */
import { describe, expect, it } from 'vitest';
import { DialogueTeller } from '../../src/lab/dialogue.js';
import { PcapReader } from '../../src/lab/packet-capture.js';
import { describeMessage, udpPayload } from '../../src/lab/protocol-watch.js';
import type { SeenMessage } from '../../src/lab/protocol-watch.js';
import { disarmMs, firstThrough } from '../../src/lab/rescue.js';
import { chartArrow, chartHead } from '../../src/lab/sequence-chart.js';
import { dialogueSvg } from '../../src/lab/report-dialogue.js';
import type { Lease, Message } from '../../src/gateway/wire/types.js';

const MS = 1_000_000n;
const lease: Lease = { router: 'ab'.repeat(16), number: 7n, role: 'active', leftMs: 15_000 };
const usage = { toNetworkBytes: 1n, fromNetworkBytes: 2n };
const elect: Message = {
  type: 'elect',
  lease,
  echo: 1n,
  want: { families: [4], wayBack: 'router' },
  clients: [],
  path: [],
};
const status = (role: Lease['role']): Message => ({
  type: 'status',
  lease: { ...lease, role },
  echo: 1n,
  usage,
  families: [],
  backhaul: [],
});
const release: Message = { type: 'release', lease, echo: 1n, reason: { code: 're-established', text: 'line is up' } };
const released: Message = { type: 'released', lease, echo: 2n, usage };

describe('a pcap stream', () => {
  const packet = Buffer.from('a frame');
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b23c4d, 0);
  const lead = Buffer.alloc(16);
  lead.writeUInt32LE(5, 0);
  lead.writeUInt32LE(42, 4);
  lead.writeUInt32LE(packet.length, 8);
  lead.writeUInt32LE(packet.length, 12);
  const stream = Buffer.concat([header, lead, packet, lead, packet]);

  it('is cut into packets wherever the pieces end', () => {
    for (let at = 0; at <= stream.length; at++) {
      const reader = new PcapReader();
      const packets = [...reader.read(stream.subarray(0, at)), ...reader.read(stream.subarray(at))];
      expect(packets.map(({ wallNs, frame }) => [wallNs, frame.toString()])).toEqual([
        [5_000_000_042n, 'a frame'],
        [5_000_000_042n, 'a frame'],
      ]);
    }
  });

  it('is refused when it is something else', () => {
    expect(() => new PcapReader().read(Buffer.alloc(24))).toThrow('does not write pcap');
  });
});

describe('a frame of the protocol', () => {
  const udp = Buffer.from([0x1a, 0xd5, 0x1a, 0xd4, 0, 11, 0, 0, 1, 2, 3, 9, 9]);

  it('gives its payload, in either family and without what pads it', () => {
    const ipv4 = Buffer.concat([Buffer.alloc(12), Buffer.from([8, 0, 0x45]), Buffer.alloc(19), udp]);
    const ipv6 = Buffer.concat([Buffer.alloc(12), Buffer.from([0x86, 0xdd]), Buffer.alloc(40), udp]);
    for (const frame of [ipv4, ipv6]) expect([...(udpPayload(frame) ?? [])]).toEqual([1, 2, 3]);
  });

  it('is none when it is to another port', () => {
    const other = Buffer.from(udp);
    other.writeUInt16BE(53, 2);
    expect(
      udpPayload(Buffer.concat([Buffer.alloc(12), Buffer.from([8, 0, 0x45]), Buffer.alloc(19), other])),
    ).toBeNull();
  });
});

describe('the chart', () => {
  it('has lines of one length, whatever the label', () => {
    const lines = [chartHead('router', 'phone'), chartArrow({ from: 'left', label: 'ELECT' })];
    lines.push(
      chartArrow({ from: 'right', label: 'a label that is much longer than what fits between the two of them' }),
    );
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
    expect(lines[1]).toMatch(/^\|-+ ELECT -+>\|$/);
    expect(lines[2]).toMatch(/^\|<-+ a label .*\.\.\. -*\|$/);
  });

  it('tells what is new, and nothing that only repeats it', () => {
    const said: string[] = [];
    const teller = new DialogueTeller(['router', 'phone'], (text) => said.push(text));
    const messages = [elect, elect, status('active'), status('active'), status('standby'), release, released];
    messages.forEach((message, index) => teller.heard({ atNs: BigInt(index), message }));
    const labels = teller.dialogue.lines.map((line) => ('label' in line ? line.label : line.note));
    expect(labels).toEqual([
      'ELECT active, lease 15 s',
      'STATUS active, 3 bytes',
      'STATUS standby, 3 bytes',
      'RELEASE (re-established: line is up)',
      'RELEASED after 3 bytes',
    ]);
    expect(said).toHaveLength(1 + labels.length);
    expect(teller.seen).toHaveLength(messages.length);
  });

  it('is drawn with every message, and words are escaped', () => {
    const svg = dialogueSvg({
      between: ['router', '<phone>'],
      lines: [
        { atNs: 5n * MS, from: 'left', label: describeMessage(elect) },
        { atNs: 7n * MS, note: 'a & b' },
      ],
    });
    expect(svg).toContain('ELECT active, lease 15 s');
    expect(svg).toContain('2.0 ms');
    expect(svg).toContain('&lt;phone&gt;');
    expect(svg).toContain('a &amp; b');
  });
});

describe('what is read off', () => {
  const seen = (message: Message, atMs: number): SeenMessage => ({ atNs: BigInt(atMs) * MS, message });

  it('the time from RELEASE to the RELEASED that answers it, in this window alone', () => {
    const earlier = [seen(release, 1), seen(released, 2)];
    expect(disarmMs([...earlier, seen(release, 10), seen(release, 30), seen(released, 45)], { fromNs: 5n * MS })).toBe(
      35,
    );
    expect(() => disarmMs(earlier, { fromNs: 5n * MS })).toThrow('did not say that it was released');
  });

  it('the first packet through the node after the decision; none is an error', () => {
    const stream = {
      transmitNs: BigInt64Array.from([1n * MS, 2n * MS, 3n * MS]),
      receiveNs: BigInt64Array.from([1n * MS, 9n * MS, 0n]),
      ifindex: Int32Array.from([7, 9, 0]),
      packetsPerSecond: 1000,
    };
    const window = {
      name: 'x',
      family: 4 as const,
      fromNs: 1n * MS,
      toNs: 20n * MS,
      event: { sequence: 1, record: { kind: 'path', atUs: 4000 } },
    };
    const names = (ifindex: number): string => (ifindex === 9 ? 'phone' : 'line');
    expect(firstThrough(stream, window, names)).toBe(5);
    // The kernel was faster than the controller's pen.
    const late = { ...window, event: { sequence: 1, record: { kind: 'path', atUs: 12_000 } } };
    expect(firstThrough(stream, late, names)).toBe(0);
    expect(() => firstThrough(stream, window, () => 'line')).toThrow('nothing arrived through phone');
  });
});
