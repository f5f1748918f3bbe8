/**
 * A flood of the gateway protocol as one program: advertisements that look right up to their key, from made-up machines at
 * many addresses, as fast as one core sends them. Reads what to do from standard input, as JSON; runs in the namespace of
 * a lab's node. SIGTERM ends it.
 */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { randomFillSync } from 'node:crypto';
import { encode, HOP_LIMIT, MULTICAST_GROUP, PORTS } from '../gateway/wire/index.js';
import { IpAddress } from '../net/ip-address.js';

export interface Flood {
  interface: string;
  /** Link-local, on `interface`: sources. */
  addresses: string[];
}

/** What a line of its output says. */
export interface FloodReport {
  /** Messages so far. */
  sent: number;
}

const BATCH = 256;
const REPORT_EVERY = 64;
/** Of the header, docs/gateway-protocol.md, section 3.1. */
const SENDER = { offset: 8, bytes: 16 };
const ORDER = { offset: 40, bytes: 8 };
/** Of AUTH, at the end: key id and code. */
const PROOF_BYTES = 24;
/** One in so many says that it has no pairing, which routers remember for people to see. */
const UNPAIRED_EVERY = 4;

/** Everything but id, order and proof is as of a good node. */
function template(): Buffer {
  const id = '11'.repeat(SENDER.bytes);
  const gateway = IpAddress.parse('fe80::bad');
  const bytes = encode(
    { sender: id, receiver: null, order: 1n },
    {
      type: 'advertise',
      intervalMs: 1000,
      families: [{ family: 6, translation: 'masquerade', gateway }],
      backhaul: [{ family: 6, state: 'good', lossPermille: 0, rttUs: 1000, ageMs: 0 }],
      path: [id],
    },
    null,
  );
  return Buffer.from(bytes);
}

/** Another machine each time. */
function forge(bytes: Buffer, unpaired: boolean): Buffer {
  randomFillSync(bytes, SENDER.offset, SENDER.bytes);
  randomFillSync(bytes, ORDER.offset, ORDER.bytes);
  if (unpaired) bytes.fill(0, bytes.length - PROOF_BYTES);
  else randomFillSync(bytes, bytes.length - PROOF_BYTES);
  return bytes;
}

async function readFlood(): Promise<Flood> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk);
  return JSON.parse(text) as Flood;
}

function open(address: string, ifname: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: 'udp6', ipv6Only: true });
    socket.once('error', reject);
    socket.bind({ address: `${address}%${ifname}`, port: PORTS.node }, () => {
      socket.setMulticastTTL(HOP_LIMIT);
      socket.setMulticastInterface(`::%${ifname}`);
      socket.connect(PORTS.router, `${MULTICAST_GROUP[6]}%${ifname}`, () => resolve(socket));
    });
  });
}

const send = (socket: Socket, bytes: Buffer): Promise<boolean> =>
  new Promise((resolve) => socket.send(bytes, (error) => resolve(error === null)));

const flood = await readFlood();
const sockets = await Promise.all(flood.addresses.map((address) => open(address, flood.interface)));
const buffers = Array.from({ length: BATCH }, () => template());
let sent = 0;

process.on('SIGTERM', () => {
  console.log(JSON.stringify({ sent } satisfies FloodReport));
  process.exit(0);
});
console.log(JSON.stringify({ sent } satisfies FloodReport));
for (let batch = 1; ; batch++) {
  const results = await Promise.all(
    sockets.length === 0
      ? []
      : buffers.map((bytes, index) => {
          const socket = sockets[(batch + index) % sockets.length]!;
          return send(socket, forge(bytes, index % UNPAIRED_EVERY === 0));
        }),
  );
  sent += results.filter(Boolean).length;
  if (batch % REPORT_EVERY === 0) console.log(JSON.stringify({ sent } satisfies FloodReport));
  // Signals and the pipe have their turn.
  await new Promise((resolve) => setImmediate(resolve));
}
