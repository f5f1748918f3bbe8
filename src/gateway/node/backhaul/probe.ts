/**
 * One probe by one interface, whatever the routing table prefers.
 *
 * Not ICMP: raw sockets need CAP_NET_RAW, and datagram ones a group in net.ipv4.ping_group_range, while an agent has
 * CAP_NET_ADMIN only. TCP and UDP sockets that are bound to a device need nothing. A refusal is an answer, too: it came
 * from the far end.
 */
import { randomInt } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { Socket as Stream } from 'node:net';
import { adoptUdp } from '../../../connected-udp.js';
import { IpAddress } from '../../../net/ip-address.js';
import { native, type NativeError, type PathSocket } from '../../../native.js';
import type { BackhaulTarget } from './types.js';

const NS_PER_US = 1000n;

/** @throws Error with the errno's name or another short reason */
export async function probeTarget(target: BackhaulTarget, ifname: string, timeoutMs: number): Promise<number> {
  const startNs = native.monotonicNs();
  const passedUs = (): number => Number((native.monotonicNs() - startNs) / NS_PER_US);
  try {
    return target.kind === 'tcp'
      ? await connect(target, ifname, timeoutMs)
      : await ask(target, ifname, timeoutMs).then(passedUs);
  } catch (error) {
    const code = (error as Partial<NativeError>).code;
    if (code === 'ECONNREFUSED') return passedUs();
    throw new Error(code ?? (error as Error).message, { cause: error });
  }
}

async function connect(target: BackhaulTarget, ifname: string, timeoutMs: number): Promise<number> {
  const { fd, connectUs } = await open('tcp', target, ifname, timeoutMs);
  // A reset, not a FIN: a probe every second would otherwise fill this machine with sockets in TIME_WAIT.
  new Stream({ fd }).on('error', () => {}).resetAndDestroy();
  return connectUs;
}

/** The kernel chooses the source for the device. */
function open(kind: 'tcp' | 'udp', target: BackhaulTarget, ifname: string, timeoutMs: number): Promise<PathSocket> {
  const { address, port } = target;
  const source = IpAddress.unspecified(address.family).bytes;
  return native.openPathSocket({
    kind,
    family: address.family,
    ifname,
    mark: 0,
    source,
    destination: address.bytes,
    port,
    scopeId: 0,
    timeoutMs,
  });
}

async function ask(target: BackhaulTarget, ifname: string, timeoutMs: number): Promise<void> {
  const query = rootQuery(randomInt(0x10000));
  const { fd } = await open('udp', target, ifname, timeoutMs);
  const { socket, send } = await adoptUdp(fd, target.address.family);
  const timer = setTimeout(() => socket.emit('error', new Error('ETIMEDOUT')), timeoutMs);
  try {
    await Promise.all([answered(socket, query), send(query)]);
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

function answered(socket: Socket, query: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (message) => {
      if (isAnswer(query, message)) resolve();
    });
  });
}

/** "Who serves the root?" (RFC 1035, section 4; type NS, class IN): every resolver has that at hand. */
export function rootQuery(id: number): Uint8Array {
  const recursionDesired = 0x01;
  return Uint8Array.of(id >> 8, id & 0xff, recursionDesired, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1);
}

/** The same id and the bit QR; what it says of the root does not matter. */
export function isAnswer(query: Uint8Array, message: Uint8Array): boolean {
  return message.length >= 12 && message[0] === query[0] && message[1] === query[1] && (message[2]! & 0x80) !== 0;
}
