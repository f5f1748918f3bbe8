/** Echo request frames for the transmitter, made without any code of src/. */
import { isIPv4 } from 'node:net';

const ICMP_AND_PAYLOAD_BYTES = 40;

export interface ProbeFrame {
  frame: Uint8Array;
  icmpOffset: number;
}

/** IP addresses as bytes; IPv6 in full or with one "::". */
export function addressBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split('.').map(Number));
  const [left = '', right] = address.split('::');
  const groups = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => parseInt(group, 16)));
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const all = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function ipv4Header(source: string, destination: string): Buffer {
  const header = Buffer.alloc(20);
  header.set([0x45, 0, 0, 20 + ICMP_AND_PAYLOAD_BYTES, 0, 0, 0x40, 0, 64, 1]);
  header.set(addressBytes(source), 12);
  header.set(addressBytes(destination), 16);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += header.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  header.writeUInt16BE(~sum & 0xffff, 10);
  return header;
}

function ipv6Header(source: string, destination: string): Buffer {
  const header = Buffer.alloc(40);
  header.set([0x60, 0, 0, 0, 0, ICMP_AND_PAYLOAD_BYTES, 58, 64]);
  header.set(addressBytes(source), 8);
  header.set(addressBytes(destination), 24);
  return header;
}

/** `macs`: destination, then source; absent for a device without link-layer header. `vlan`: an 802.1Q tag. */
export function probeFrame(
  source: string,
  destination: string,
  macs?: readonly [Uint8Array, Uint8Array],
  vlan?: number,
): ProbeFrame {
  const ipv4 = isIPv4(source);
  const etherType = ipv4 ? [0x08, 0x00] : [0x86, 0xdd];
  const tag = vlan === undefined ? [] : [0x81, 0x00, vlan >> 8, vlan & 0xff];
  const link = macs ? Buffer.from([...macs[0], ...macs[1], ...tag, ...etherType]) : Buffer.alloc(0);
  const header = ipv4 ? ipv4Header(source, destination) : ipv6Header(source, destination);
  const icmp = Buffer.alloc(ICMP_AND_PAYLOAD_BYTES);
  icmp[0] = ipv4 ? 8 : 128;
  return { frame: Buffer.concat([link, header, icmp]), icmpOffset: link.length + header.length };
}
