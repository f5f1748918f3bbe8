/** Replies to our probes, as a neighbour would send them, and the events that they cause. */
import { native, type RingBuffer } from '../../../src/native.js';

export const COOKIE_KEY = Uint8Array.from({ length: 16 }, (_, i) => i);

const MAGIC = 0x44455452;
const ICMP_ID = 0xde70;

export interface PayloadFields {
  session: number;
  epoch: number;
  sequence: number;
  transmitNs: bigint;
  cookie?: bigint;
}

/** struct probe_payload of bpf/abi.h; little-endian, as the machine that the tests run on. */
export function probePayload(fields: PayloadFields): Buffer {
  const payload = Buffer.alloc(32);
  payload.writeUInt32LE(MAGIC, 0);
  payload.writeUInt32LE(fields.session, 4);
  payload.writeUInt32LE(fields.epoch, 8);
  payload.writeUInt32LE(fields.sequence, 12);
  payload.writeBigUInt64LE(fields.transmitNs, 16);
  payload.writeBigUInt64LE(fields.cookie ?? native.sipHash(COOKIE_KEY, payload.subarray(0, 24)), 24);
  return payload;
}

/** Scapy expressions of the ICMP part of a reply. */
export function echoReply(family: 4 | 6, payload: Buffer, { id = ICMP_ID, code = 0 } = {}): string {
  const raw = `Raw(bytes.fromhex('${payload.toString('hex')}'))`;
  const sequence = payload.readUInt16LE(12);
  return family === 4
    ? `ICMP(type=0, code=${code}, id=${id}, seq=${sequence})/${raw}`
    : `ICMPv6EchoReply(code=${code}, id=${id}, seq=${sequence})/${raw}`;
}

export interface ProbeEvent {
  type: number;
  session: number;
  epoch: number;
  sequence: number;
  transmitNs: bigint;
  receiveNs: bigint;
  ifindex: number;
  family: number;
  wrongPath: number;
  source: string;
}

/** Everything that is in the ring buffer. */
export function drainEvents(ring: RingBuffer): ProbeEvent[] {
  const into = Buffer.alloc(1 << 16);
  const events: ProbeEvent[] = [];
  for (let bytes = ring.drain(into); bytes > 0; bytes = ring.drain(into)) {
    for (let at = 0; at < bytes; at += 64) {
      if (into.readUInt32LE(at) !== 56) throw new Error(`a record of ${into.readUInt32LE(at)} bytes`);
      events.push(decode(into.subarray(at + 8, at + 64)));
    }
  }
  return events;
}

function decode(record: Buffer): ProbeEvent {
  return {
    type: record.readUInt32LE(0),
    session: record.readUInt32LE(4),
    epoch: record.readUInt32LE(8),
    sequence: record.readUInt32LE(12),
    transmitNs: record.readBigUInt64LE(16),
    receiveNs: record.readBigUInt64LE(24),
    ifindex: record.readUInt32LE(32),
    family: record.readUInt8(36),
    wrongPath: record.readUInt8(37),
    source: record.subarray(40, 56).toString('hex'),
  };
}
