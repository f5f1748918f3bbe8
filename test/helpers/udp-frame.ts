/** The plainest Ethernet frame with UDP in it, for tests that need thousands of them. */
import { internetChecksum } from '../../src/health/icmp/internet-checksum.js';
import type { IpAddress } from '../../src/net/ip-address.js';
import type { MacAddress } from '../../src/net/mac-address.js';

const ETHERNET_BYTES = 14;
const UDP_BYTES = 8;
const UDP = 17;
const TTL = 64;

export interface UdpFrameFields {
  to: MacAddress;
  source: IpAddress;
  destination: IpAddress;
  sourcePort?: number;
}

/** UDP without payload; its checksum is not computed, no router looks at it. */
export function udpFrame({ to, source, destination, sourcePort = 1 }: UdpFrameFields): Buffer {
  const header = source.family === 4 ? ipv4Header(source, destination) : ipv6Header(source, destination);
  const ethernet = Buffer.alloc(ETHERNET_BYTES);
  ethernet.set(to.bytes, 0);
  ethernet.set([2, 0, 0, 0, 0, 0x99], 6);
  ethernet.writeUInt16BE(source.family === 4 ? 0x0800 : 0x86dd, 12);
  const udp = Buffer.alloc(UDP_BYTES);
  udp.writeUInt16BE(sourcePort, 0);
  udp.writeUInt16BE(9, 2);
  udp.writeUInt16BE(UDP_BYTES, 4);
  return Buffer.concat([ethernet, header, udp]);
}

function ipv4Header(source: IpAddress, destination: IpAddress): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(header.length + UDP_BYTES, 2);
  header[8] = TTL;
  header[9] = UDP;
  header.set(source.bytes, 12);
  header.set(destination.bytes, 16);
  header.writeUInt16BE(internetChecksum(header), 10);
  return header;
}

function ipv6Header(source: IpAddress, destination: IpAddress): Buffer {
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(UDP_BYTES, 4);
  header[6] = UDP;
  header[7] = TTL;
  header.set(source.bytes, 8);
  header.set(destination.bytes, 24);
  return header;
}
