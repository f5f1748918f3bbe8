/**
 * What the little router must do with a frame, said a second time: slowly, from the RFCs and the topology's table, with
 * bounds-checked reads and a checksum computed from scratch instead of updated.
 */
import { native } from '../../../src/native.js';
import { neighbourMac, OUR_MAC, VLAN_8021AD } from './little-router.js';
import { COOKIE_KEY } from './probe-frames.js';

export interface Expectation {
  /** "slot:REASON" */
  reason: string;
  /** The frame that leaves; null: as it came. */
  out: Buffer | null;
}

const HOPS: Record<number, { mtu: number; tags: number[] } | string> = {
  1: { mtu: 1500, tags: [] },
  2: { mtu: 1500, tags: [100] },
  3: { mtu: 1500, tags: [200 | VLAN_8021AD, 30] },
  4: 'NEIGHBOUR_UNRESOLVED',
  5: 'EGRESS_NOT_XDP',
  6: { mtu: 600, tags: [] },
  7: 'EGRESS_NOT_XDP',
  8: 'NO_LIVE_MEMBER',
  9: 'BAD_GROUP',
};

const SLOTS: Record<string, number> = { '': 1, '100': 2, [`${200 | VLAN_8021AD},30`]: 3, '100,7': 5 };
const SLOT_OFF = { ids: `${100 | VLAN_8021AD}`, slot: 4 };

const IPV4_ROUTES: Record<string, string> = {
  '192.0.2.1': 'LOCAL',
  '192.0.2.66': 'BLACKHOLE',
  '192.0.2.67': 'STACK_ROUTE',
  '192.0.2.68': 'BAD_GROUP',
  '192.0.2.69': 'BAD_GROUP',
  '192.0.2.70': 'STACK_ROUTE',
};
/** Whose route is this machine's or the stack's. */
const REFUSED_SOURCES = new Set(['192.0.2.1', '192.0.2.67']);
const IPV6_ROUTES: Record<string, string> = {
  '20010db8ffff00000000000000000001': 'LOCAL',
  '20010db8ffff00000000000000000066': 'BLACKHOLE',
};

/** Of every reason: whether TTL is looked at before it (only where the route leads to a next hop or a group). */
const TTL_FIRST = new Set(['BAD_GROUP']);

class Stop extends Error {}
const stop = (reason: string): never => {
  throw new Stop(reason);
};

/** One's complement sum of big-endian words (RFC 1071). */
function internetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return 0xffff - sum;
}

interface Packet {
  family: 4 | 6;
  ip: Buffer; // exactly the IP packet
  trailer: Buffer; // padding
  payload: Buffer;
  protocol: number;
  fragment: boolean;
}

function readLink(frame: Buffer): { ids: number[]; type: number; rest: Buffer } {
  const ids: number[] = [];
  let type = frame.readUInt16BE(12);
  let rest = frame.subarray(14);
  for (let depth = 0; type === 0x8100 || type === 0x88a8; depth++) {
    if (depth === 2) stop('VLAN_DEPTH');
    if (rest.length < 4) stop('TRUNCATED');
    const id = rest.readUInt16BE(0) & 0xfff;
    if (id > 0) ids.push(type === 0x88a8 ? id | VLAN_8021AD : id);
    type = rest.readUInt16BE(2);
    rest = rest.subarray(4);
  }
  return { ids, type, rest };
}

function readIpv4(rest: Buffer): Packet {
  if (rest.length < 20) stop('TRUNCATED');
  const headerBytes = (rest.readUInt8(0) & 15) * 4;
  if (rest.readUInt8(0) >> 4 !== 4 || headerBytes < 20) stop('BAD_HEADER');
  const total = rest.readUInt16BE(2);
  if (total < headerBytes || total > rest.length) stop('TRUNCATED');
  if (headerBytes > 20) stop('IP_OPTIONS');
  const ip = rest.subarray(0, total);
  if (internetChecksum(ip.subarray(0, 20)) !== 0) stop('BAD_HEADER');
  const fragment = (ip.readUInt16BE(6) & 0x3fff) !== 0;
  return {
    family: 4,
    ip,
    trailer: rest.subarray(total),
    payload: ip.subarray(20),
    protocol: ip.readUInt8(9),
    fragment,
  };
}

function readIpv6(rest: Buffer): Packet {
  if (rest.length < 40) stop('TRUNCATED');
  if (rest.readUInt8(0) >> 4 !== 6) stop('BAD_HEADER');
  const total = 40 + rest.readUInt16BE(4);
  if (total > rest.length) stop('TRUNCATED');
  const ip = rest.subarray(0, total);
  let payload = ip.subarray(40);
  let protocol = ip.readUInt8(6);
  let fragment = false;
  for (let headers = 0; !fragment; headers++) {
    if (protocol === 0 || protocol === 43) stop('EXTENSION_HEADER');
    if (![44, 51, 60].includes(protocol)) break;
    if (payload.length < 8) stop(headers > 6 ? 'EXTENSION_HEADER' : 'TRUNCATED');
    const lengths: Record<number, number> = {
      44: 8,
      51: (payload.readUInt8(1) + 2) * 4,
      60: (payload.readUInt8(1) + 1) * 8,
    };
    const length = lengths[protocol] as number;
    if (length > payload.length) stop('TRUNCATED');
    fragment = protocol === 44;
    protocol = payload.readUInt8(0);
    payload = payload.subarray(length);
    if (headers === 6 && !fragment) stop('EXTENSION_HEADER');
  }
  return { family: 6, ip, trailer: rest.subarray(total), payload, protocol, fragment };
}

function checkProbeReply({ family, payload, protocol, fragment }: Packet): void {
  if (fragment || protocol !== (family === 4 ? 1 : 58) || payload.length < 40) return;
  if (payload.readUInt8(0) !== (family === 4 ? 0 : 129) || payload.readUInt8(1) !== 0) return;
  if (payload.readUInt16BE(4) !== 0xde70 || payload.readUInt32LE(8) !== 0x44455452) return;
  const genuine = native.sipHash(COOKIE_KEY, payload.subarray(8, 32)) === payload.readBigUInt64LE(32);
  stop(genuine ? 'PROBE_STALE' : 'PROBE_FORGED'); // the little router has no session
}

function checkIpv4Addresses(ip: Buffer): void {
  const addresses = [ip.readUInt32BE(12), ip.readUInt32BE(16)] as const;
  const multicast = (address: number) => address >>> 28 === 14 || address === 0xffffffff;
  if (multicast(addresses[1])) stop('MULTICAST');
  if (multicast(addresses[0])) stop('MARTIAN');
  if (addresses.some((a) => a >>> 24 === 0 || a >>> 24 === 127 || a >>> 28 === 15)) stop('MARTIAN');
  if (addresses.some((a) => a >>> 16 === 0xa9fe)) stop('LINK_LOCAL');
}

function checkIpv6Addresses(ip: Buffer): void {
  const addresses = [ip.subarray(8, 24).toString('hex'), ip.subarray(24, 40).toString('hex')] as const;
  if (addresses[1].startsWith('ff')) stop('MULTICAST');
  if (addresses[0].startsWith('ff')) stop('MARTIAN');
  const martian = /^(0{31}[01]|0{20}ffff.{8})$/;
  if (addresses.some((a) => martian.test(a))) stop('MARTIAN');
  if (addresses.some((a) => /^fe[89ab]/.test(a))) stop('LINK_LOCAL');
}

/** Group id, or the reason not to forward. */
function route({ family, ip }: Packet): number | string {
  if (family === 4) {
    const address = ip.subarray(16, 20).join('.');
    const match = /^198\.51\.([1-9])\./.exec(address);
    return match ? Number(match[1]) : (IPV4_ROUTES[address] ?? 'NO_ROUTE');
  }
  const address = ip.subarray(24, 40).toString('hex');
  const match = /^20010db8000([1-9])/.exec(address);
  return match ? Number(match[1]) : (IPV6_ROUTES[address] ?? 'NO_ROUTE');
}

function mac(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

function rebuilt(packet: Packet, group: number, tags: readonly number[]): Buffer {
  const protocols = [...tags.map((tag) => (tag & VLAN_8021AD ? 0x88a8 : 0x8100)), packet.family === 4 ? 0x800 : 0x86dd];
  const link = Buffer.alloc(2 + tags.length * 4);
  link.writeUInt16BE(protocols[0] as number, 0);
  tags.forEach((tag, i) => {
    link.writeUInt16BE(tag & 0xfff, 2 + i * 4);
    link.writeUInt16BE(protocols[i + 1] as number, 4 + i * 4);
  });
  const ip = Buffer.from(packet.ip);
  if (packet.family === 4) {
    ip.writeUInt8(ip.readUInt8(8) - 1, 8);
    ip.writeUInt16BE(0, 10);
    ip.writeUInt16BE(internetChecksum(ip.subarray(0, 20)), 10);
  } else {
    ip.writeUInt8(ip.readUInt8(7) - 1, 7);
  }
  return Buffer.concat([mac(neighbourMac(group)), mac(OUR_MAC), link, ip, packet.trailer]);
}

function forward(frame: Buffer, slot: { value: number }): Buffer {
  const { ids, type, rest } = readLink(frame);
  const key = ids.join(',');
  const off = key === SLOT_OFF.ids;
  slot.value = off ? SLOT_OFF.slot : (SLOTS[key] ?? stop('UNKNOWN_INTERFACE'));
  if (type !== 0x800 && type !== 0x86dd) stop('NOT_IP');
  if (frame.readUInt8(0) & 1) stop('MULTICAST');
  if (!frame.subarray(0, 6).equals(mac(OUR_MAC))) stop('NOT_OUR_MAC');
  const packet = type === 0x800 ? readIpv4(rest) : readIpv6(rest);
  checkProbeReply(packet);
  if (off) stop('FORWARDING_OFF');
  if (packet.family === 4) checkIpv4Addresses(packet.ip);
  else checkIpv6Addresses(packet.ip);

  const target = route(packet);
  if (typeof target === 'string' && !TTL_FIRST.has(target)) stop(target);
  if (packet.ip.readUInt8(packet.family === 4 ? 8 : 7) <= 1) stop('TTL');
  if (typeof target === 'string') return stop(target);
  const hop = HOPS[target] as { mtu: number; tags: number[] } | string;
  if (hop === 'NO_LIVE_MEMBER' || hop === 'BAD_GROUP') return stop(hop);
  if (packet.family === 4 && REFUSED_SOURCES.has(packet.ip.subarray(12, 16).join('.'))) return stop('MARTIAN_SOURCE');
  if (typeof hop === 'string') return stop(hop);
  const out = rebuilt(packet, target, hop.tags);
  if (packet.ip.length > hop.mtu || out.length > hop.mtu + 18) stop('OVER_MTU');
  return out;
}

export function verdictOracle(frame: Buffer): Expectation {
  const slot = { value: 0 };
  try {
    const out = forward(frame, slot);
    return { reason: `${slot.value}:FORWARDED`, out };
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    return { reason: `${slot.value}:${error.message}`, out: null };
  }
}
