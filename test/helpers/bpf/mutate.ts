/** Random damage to a frame, mostly where the headers are, and often with the IPv4 checksum put right again. */
import type { Random } from './random.js';

const EDGE_BYTES = [0, 1, 2, 4, 5, 6, 17, 43, 44, 51, 58, 60, 63, 64, 127, 128, 224, 254, 255];

/** Where the network header begins, and whether it says that it is IPv4; tags as deep as they go. */
function networkHeader(frame: Buffer): { at: number; ipv4: boolean } {
  for (let at = 12; at + 2 <= frame.length; at += 4) {
    const type = frame.readUInt16BE(at);
    if (type !== 0x8100 && type !== 0x88a8) return { at: at + 2, ipv4: type === 0x800 };
  }
  return { at: 14, ipv4: false };
}

function repairChecksum(frame: Buffer): void {
  const { at, ipv4 } = networkHeader(frame);
  if (!ipv4 || frame.length < at + 20) return;
  frame.writeUInt16BE(0, at + 10);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += frame.readUInt16BE(at + i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  frame.writeUInt16BE(0xffff - sum, at + 10);
}

function damageByte(frame: Buffer, random: Random): void {
  // Anywhere, behind the MAC addresses, or where there is most to break: TTL, lengths, protocols; addresses.
  const network = networkHeader(frame).at;
  const spans: [number, number][] = [
    [0, 90],
    [12, 90],
    [network, network + 10],
    [network + 8, network + 27],
  ];
  const [first, last] = random.pick(spans);
  const end = Math.min(frame.length - 1, last);
  const at = random.between(Math.min(first, end), end);
  const value = frame[at] as number;
  const kinds = [
    () => value ^ (1 << random.between(0, 7)),
    () => random.pick(EDGE_BYTES),
    () => random.between(0, 1),
    () => random.between(0, 255),
    () => (value + random.pick([1, 255])) & 255,
  ];
  frame[at] = random.pick(kinds)();
}

/** Puts the length field off by a little, or makes it agree with a frame that was cut. */
function resize(frame: Buffer, random: Random): Buffer {
  const length = random.between(0, 2) === 0 ? random.between(14, frame.length) : frame.length + random.between(-4, 40);
  const result = Buffer.alloc(Math.max(14, length));
  frame.copy(result);
  return result;
}

export function mutate(seed: Buffer, random: Random): Buffer {
  let frame: Buffer = Buffer.from(seed);
  if (random.between(0, 4) === 0) frame = resize(frame, random);
  for (let left = random.between(0, 3); left > 0; left--) damageByte(frame, random);
  if (random.between(0, 3) > 0) repairChecksum(frame);
  return frame;
}
