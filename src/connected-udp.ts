/** A connected UDP descriptor, as `openPathSocket` makes it, as a socket of Node's. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, write } from 'node:fs';
import { promisify } from 'node:util';

const writeTo = promisify(write);

export interface ConnectedUdp {
  /** Tells of datagrams and errors; the descriptor is closed with it. */
  socket: Socket;
  send: (datagram: Uint8Array) => Promise<unknown>;
}

/** Takes the descriptor over, also when it fails. */
export async function adoptUdp(fd: number, family: 4 | 6): Promise<ConnectedUdp> {
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
  try {
    const listening = once(socket, 'listening');
    socket.bind({ fd });
    await listening;
  } catch (error) {
    closeSync(fd);
    socket.close();
    throw error;
  }
  // It is connected already, which dgram does not know and would refuse to send on.
  return { socket, send: (datagram) => writeTo(fd, datagram) };
}
