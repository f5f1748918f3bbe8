/** The message of a flood, and what bpf/flood.bpf.c must know to vary it. */
import { encode, HOP_LIMIT, MULTICAST_GROUP, PORTS, UNPAIRED_KEY_ID } from '../gateway/wire/index.js';
import { IpAddress } from '../net/ip-address.js';

export interface FloodMessage {
  /** Link-local; its last 32 bits count as 0 where there are several sources. */
  source: string;
  sourceMac: string;
  /** There are 2 to the power of so many sources: the last bits of the address and of the MAC differ. 0: one, as given. */
  sourceBits: number;
  /** Id of the node that it claims to be; null: another one in each message. */
  sender: string | null;
  /** `unpaired`: as of a node without a pairing; `random`: another one in each message; else: a key id. */
  keyId: string;
}

export interface FloodTemplate {
  frame: Buffer;
  /** Of the program. */
  globals: Record<string, number>;
}

/** Fresh for ever: nothing with this order is ever authentic. */
const ORDER = 0xffff_ffff_0000_0000n;
const ID_BYTES = 16;
/** The end of AUTH, and of the message. */
const CODE_BYTES = 16;
const ETHERNET_BYTES = 14;
const IP_BYTES = 40;
const UDP_BYTES = 8;
const MESSAGE_OFFSET = ETHERNET_BYTES + IP_BYTES + UDP_BYTES;
/** In the message: docs/gateway-protocol.md, section 3.1. */
const SENDER_OFFSET = 8;
const ETHERTYPE_IPV6 = 0x86dd;
const PROTOCOL_UDP = 17;
const MAC_GROUP = Buffer.from('333300006868', 'hex');

/** Everything but what varies is as of a good node. */
function message({ sender, keyId }: FloodMessage): Buffer {
  const id = sender ?? '11'.repeat(ID_BYTES);
  const isUnpaired = keyId === 'unpaired';
  const bytes = encode(
    { sender: id, receiver: null, order: ORDER },
    {
      type: 'advertise',
      intervalMs: 1000,
      families: [{ family: 6, translation: 'masquerade', gateway: IpAddress.parse('fe80::bad') }],
      backhaul: [{ family: 6, state: 'good', lossPermille: 0, rttUs: 1000, ageMs: 0 }],
      path: [id],
    },
    isUnpaired ? null : { id: keyId === 'random' ? UNPAIRED_KEY_ID : keyId, key: Buffer.alloc(32), createdMs: 0 },
  );
  const copy = Buffer.from(bytes);
  if (!isUnpaired) copy.fill(0, copy.length - CODE_BYTES);
  if (sender === null) copy.fill(0, SENDER_OFFSET, SENDER_OFFSET + ID_BYTES);
  // The program sums half words.
  if (copy.length % 2 !== 0) throw new RangeError('a message of an odd length');
  return copy;
}

/** Of half words as they lie in memory, in the host's byte order: RFC 1071, section 2 (B). */
function sum(bytes: Buffer): number {
  return new Uint16Array(Uint8Array.from(bytes).buffer).reduce((total, word) => total + word, 0);
}

/** A whole Ethernet frame to all routers on the link; the fields that the program writes are 0. */
export function floodTemplate(flood: FloodMessage): FloodTemplate {
  const payload = message(flood);
  const source = Buffer.from(IpAddress.parse(flood.source).bytes);
  if (flood.sourceBits > 0) source.fill(0, 12);
  const destination = Buffer.from(IpAddress.parse(MULTICAST_GROUP[6]).bytes);
  const udp = Buffer.alloc(UDP_BYTES);
  udp.writeUInt16BE(PORTS.node, 0);
  udp.writeUInt16BE(PORTS.router, 2);
  udp.writeUInt16BE(UDP_BYTES + payload.length, 4);
  const ip = Buffer.alloc(IP_BYTES);
  ip.writeUInt8(6 << 4, 0);
  ip.writeUInt16BE(UDP_BYTES + payload.length, 4);
  ip.writeUInt8(PROTOCOL_UDP, 6);
  ip.writeUInt8(HOP_LIMIT, 7);
  source.copy(ip, 8);
  destination.copy(ip, 24);
  const ethernet = Buffer.alloc(ETHERNET_BYTES);
  MAC_GROUP.copy(ethernet);
  Buffer.from(flood.sourceMac.replaceAll(':', ''), 'hex').copy(ethernet, 6);
  ethernet.writeUInt16BE(ETHERTYPE_IPV6, 12);
  const frame = Buffer.concat([ethernet, ip, udp, payload]);
  // RFC 8200, section 8.1.
  const pseudo = Buffer.alloc(4);
  pseudo.writeUInt8(PROTOCOL_UDP, 3);
  const length = udp.subarray(4, 6);
  const constantSum = sum(Buffer.concat([source, destination, length, pseudo, udp, payload]));
  return {
    frame,
    globals: {
      source_mask: flood.sourceBits === 0 ? 0 : 2 ** flood.sourceBits - 1,
      random_sender: flood.sender === null ? 1 : 0,
      random_key: flood.keyId === 'random' ? 1 : 0,
      random_code: flood.keyId === 'unpaired' ? 0 : 1,
      frame_bytes: MESSAGE_OFFSET + payload.length,
      constant_sum: constantSum,
    },
  };
}
