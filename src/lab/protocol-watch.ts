/** The gateway protocol as it passes the node's interface: who said what to whom, and when. Read without any key. */
import { decode, peek } from '../gateway/wire/index.js';
import { PORTS } from '../gateway/wire/types.js';
import type { Lease, Message, Reason } from '../gateway/wire/types.js';
import { PacketCapture } from './packet-capture.js';

export interface SeenMessage {
  /** CLOCK_MONOTONIC. */
  atNs: bigint;
  message: Message;
}

const ports: readonly number[] = Object.values(PORTS);
const ETHERNET_BYTES = 14;
const UDP_BYTES = 8;
const ETHERTYPE_IPV6 = 0x86dd;

/** Payload of an unfragmented UDP packet without IP options or extension headers; null: something else. */
export function udpPayload(frame: Buffer): Buffer | null {
  const headerBytes = frame.readUInt16BE(12) === ETHERTYPE_IPV6 ? 40 : ((frame[ETHERNET_BYTES] ?? 0) & 15) * 4;
  const udp = frame.subarray(ETHERNET_BYTES + headerBytes);
  if (udp.length < UDP_BYTES || !ports.includes(udp.readUInt16BE(2))) return null;
  return udp.subarray(UDP_BYTES, udp.readUInt16BE(4));
}

export function watchProtocol(
  where: { namespace: string; name: string },
  onMessage: (seen: SeenMessage) => void,
): Promise<PacketCapture> {
  return PacketCapture.start(where, ports.map((port) => `udp port ${port}`).join(' or '), ({ atNs, frame }) => {
    const payload = udpPayload(frame);
    if (!payload || !peek(payload).ok) return;
    const decoded = decode(payload);
    if (decoded.ok) onMessage({ atNs, message: decoded.message });
  });
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
const terms = ({ role, leftMs }: Lease): string => `${role}, lease ${seconds(leftMs)}`;
const why = ({ code, text }: Reason): string => (text === '' ? code : `${code}: ${text}`);

/** One line for an arrow of the chart: "ELECT active, lease 15 s". */
export function describeMessage(message: Message): string {
  const name = message.type.toUpperCase();
  switch (message.type) {
    case 'advertise':
      return `${name} ${message.families.map(({ family }) => `IPv${family}`).join(', ')}${message.cost?.metered ? ', metered' : ''}`;
    case 'elect':
    case 'renew':
    case 'accept':
      return `${name} ${terms(message.lease)}`;
    case 'status':
      return `${name} ${message.lease.role}, ${message.usage.toNetworkBytes + message.usage.fromNetworkBytes} bytes`;
    case 'withdraw':
    case 'refuse':
    case 'release':
      return `${name} (${why(message.reason)})`;
    case 'released':
      return `${name} after ${message.usage.toNetworkBytes + message.usage.fromNetworkBytes} bytes`;
  }
}
