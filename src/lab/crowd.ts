/**
 * A crowd of gateway nodes as one program: each has an address, an id and a key of its own, and advertises once a second.
 * Reads what they are from standard input, as JSON; runs in the namespace of a lab's node.
 */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { encode, HOP_LIMIT, MULTICAST_GROUP, PORTS } from '../gateway/wire/index.js';
import type { Message } from '../gateway/wire/index.js';
import { IpAddress } from '../net/ip-address.js';

export interface CrowdMember {
  /** Link-local, on `interface`. */
  address: string;
  id: string;
  /** 32 bytes as hex. */
  key: string;
  keyId: string;
}

export interface Crowd {
  interface: string;
  intervalMs: number;
  members: CrowdMember[];
}

const text = await new Promise<string>((resolve) => {
  let all = '';
  process.stdin.setEncoding('utf8').on('data', (chunk: string) => (all += chunk));
  process.stdin.on('end', () => resolve(all));
});
const crowd = JSON.parse(text) as Crowd;
const group = `${MULTICAST_GROUP[6]}%${crowd.interface}`;

function open(address: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: 'udp6', ipv6Only: true });
    socket.once('error', reject);
    socket.bind({ address: `${address}%${crowd.interface}`, port: PORTS.node }, () => {
      socket.setMulticastTTL(HOP_LIMIT);
      socket.setMulticastInterface(`::%${crowd.interface}`);
      resolve(socket);
    });
  });
}

const epoch = BigInt(Math.floor(Date.now() / 1000)) << 32n;
let sequence = 0n;
let sent = 0;

function advertise(socket: Socket, { address, id, key, keyId }: CrowdMember): void {
  const gateway = IpAddress.parse(address);
  const order = epoch | ++sequence;
  const changing = Number(order % 1000n);
  // As a phone does: what it measures is never quite the same.
  const message: Message = {
    type: 'advertise',
    intervalMs: crowd.intervalMs,
    families: [{ family: 6, translation: 'masquerade', gateway }],
    name: 'phone of the crowd',
    capacity: { downKbps: 50_000, upKbps: 10_000 },
    cost: { preference: 100, metered: true, bytesLeft: null },
    power: { batteryPercent: 80, charging: false },
    backhaul: [{ family: 6, state: 'good', lossPermille: 0, rttUs: 20_000 + changing, ageMs: changing }],
    slots: { total: 1, used: 0 },
    path: [id],
  };
  const bytes = encode({ sender: id, receiver: null, order }, message, {
    id: keyId,
    key: Buffer.from(key, 'hex'),
    createdMs: 0,
  });
  socket.send(bytes, PORTS.router, group);
  sent++;
}

const sockets = await Promise.all(crowd.members.map(({ address }) => open(address)));
crowd.members.forEach((member, index) => {
  const socket = sockets[index];
  if (!socket) return;
  // Spread over the interval, as nodes that started at different times are.
  setTimeout(
    () => {
      advertise(socket, member);
      setInterval(() => advertise(socket, member), crowd.intervalMs);
    },
    (crowd.intervalMs * index) / crowd.members.length,
  );
});
console.log(JSON.stringify({ advertising: crowd.members.length }));
process.on('SIGTERM', () => {
  console.log(JSON.stringify({ sent }));
  process.exit(0);
});
