/**
 * The frame of an echo request, complete but for what the transmitter stamps into each copy: sequence number, time,
 * cookie and ICMP checksum (ICMP: RFC 792; ICMPv6: RFC 4443, section 4.1).
 */
import type { ProbePath } from '../../controller/ports.js';
import { Constant, probePayloadCodec } from '../../abi/index.js';
import type { IpAddress } from '../../net/ip-address.js';
import { internetChecksum } from './internet-checksum.js';

const ETHERNET_BYTES = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const ICMP_HEADER_BYTES = 8;
const PROTOCOL_ICMP = 1;
const PROTOCOL_ICMPV6 = 58;
const ECHO_REQUEST = { 4: 8, 6: 128 } as const;
const DONT_FRAGMENT = 0x4000;

/**
 * DSCP CS6, network control (RFC 4594, section 3.1), in the upper six bits: where a queue on the way honours it, a
 * saturated uplink does not kill its own probes. Where it is bleached nothing is lost.
 */
const TRAFFIC_CLASS_CS6 = 48 << 2;
/** A probe that needs more hops than this is lost anyway; 64 is what ping uses. */
const HOP_LIMIT = 64;

export interface ProbeFrameOptions {
  path: ProbePath;
  destination: IpAddress;
  session: number;
  epoch: number;
}

/**
 * @returns the frame, starting with the Ethernet header, or with the IP header where the path has no Ethernet
 * @throws RangeError for an Ethernet path whose MAC addresses are not known, or a family that does not match
 */
export function buildProbeFrame(options: ProbeFrameOptions): { frame: Uint8Array; icmpOffset: number } {
  const { path, destination, session, epoch } = options;
  const { family } = destination;
  if (path.source.family !== family)
    throw new RangeError(`${destination.toString()} cannot be probed from ${path.source.toString()}`);

  const ipOffset = path.ethernet ? ETHERNET_BYTES : 0;
  const icmpOffset = ipOffset + (family === 4 ? IPV4_BYTES : IPV6_BYTES);
  const icmpBytes = ICMP_HEADER_BYTES + probePayloadCodec.size;
  const frame = new Uint8Array(icmpOffset + icmpBytes);
  const view = new DataView(frame.buffer);

  if (path.ethernet) writeEthernet(frame, view, path, family === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
  const ip = new DataView(frame.buffer, ipOffset);
  if (family === 4) writeIpv4(ip, path.source, destination, icmpBytes);
  else writeIpv6(ip, path.source, destination, icmpBytes);

  frame[icmpOffset] = ECHO_REQUEST[family];
  view.setUint16(icmpOffset + 4, Constant.PROBE_ICMP_ID);
  probePayloadCodec.encode(view, icmpOffset + ICMP_HEADER_BYTES, {
    magic: Constant.PROBE_MAGIC,
    session,
    epoch,
    sequence: 0,
    transmitNs: 0n,
    cookie: 0n,
  });
  return { frame, icmpOffset };
}

function writeEthernet(frame: Uint8Array, view: DataView, path: ProbePath, etherType: number): void {
  if (path.gatewayMac === null || path.sourceMac === null) {
    throw new RangeError(`a frame for ${path.ifname} needs the MAC addresses of both ends`);
  }
  frame.set(path.gatewayMac.bytes, 0);
  frame.set(path.sourceMac.bytes, 6);
  view.setUint16(12, etherType);
}

/** RFC 791. DF, and so identification 0 (RFC 6864, section 4.1). */
function writeIpv4(ip: DataView, source: IpAddress, destination: IpAddress, payloadBytes: number): void {
  const header = new Uint8Array(ip.buffer, ip.byteOffset, IPV4_BYTES);
  header[0] = 0x45;
  header[1] = TRAFFIC_CLASS_CS6;
  ip.setUint16(2, IPV4_BYTES + payloadBytes);
  ip.setUint16(6, DONT_FRAGMENT);
  header[8] = HOP_LIMIT;
  header[9] = PROTOCOL_ICMP;
  header.set(source.bytes, 12);
  header.set(destination.bytes, 16);
  ip.setUint16(10, internetChecksum(header));
}

/** RFC 8200. Flow label 0. */
function writeIpv6(ip: DataView, source: IpAddress, destination: IpAddress, payloadBytes: number): void {
  const header = new Uint8Array(ip.buffer, ip.byteOffset, IPV6_BYTES);
  ip.setUint32(0, (6 << 28) | (TRAFFIC_CLASS_CS6 << 20));
  ip.setUint16(4, payloadBytes);
  header[6] = PROTOCOL_ICMPV6;
  header[7] = HOP_LIMIT;
  header.set(source.bytes, 8);
  header.set(destination.bytes, 24);
}
