/** Tells systemd what becomes of a service (sd_notify(3)): one datagram. Node.js has no Unix datagram sockets: libc. */
import ffi from 'ffi-napi';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const FAMILY_BYTES = 2;

type Libc = {
  socket(domain: number, type: number, protocol: number): number;
  sendto(fd: number, data: Buffer, length: number, flags: number, address: Buffer, addressLength: number): number;
  close(fd: number): number;
};

/**
 * @param state such as "READY=1"
 * @param path the socket, of $NOTIFY_SOCKET; one that begins with "@" is in the abstract namespace
 * @throws Error when the datagram is not taken
 */
export function notifySystemd(state: string, path: string): void {
  const libc = ffi.Library(null, {
    socket: ['int', ['int', 'int', 'int']],
    sendto: ['int', ['int', 'pointer', 'size_t', 'int', 'pointer', 'uint32']],
    close: ['int', ['int']],
  }) as unknown as Libc;
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new Error(`socket(AF_UNIX): errno ${ffi.errno()}`);
  try {
    const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`);
    const address = Buffer.from(new ArrayBuffer(FAMILY_BYTES + name.length));
    // struct sockaddr_un: the family in the host's byte order, then the path; a buffer of its own is aligned.
    new Uint16Array(address.buffer, address.byteOffset, 1)[0] = AF_UNIX;
    name.copy(address, FAMILY_BYTES);
    const data = Buffer.from(state);
    if (libc.sendto(fd, data, data.length, 0, address, address.length) < 0) {
      throw new Error(`sendto(${path}): errno ${ffi.errno()}`);
    }
  } finally {
    libc.close(fd);
  }
}
