/** The sockets of one interface: one for each family, as far as the interface has them. */
import { messageOf } from '../../errors.js';
import type { LinkDatagram, LinkSocket, NativeAddon } from '../../native.js';
import { IpAddress, type Family } from '../../net/ip-address.js';
import { MAXIMUM_MESSAGE_BYTES, MULTICAST_GROUP, PORTS } from '../wire/types.js';

/** Some thousand messages: what 500 nodes send in several seconds; what comes on top in a flood the kernel drops. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

const GROUPS = { 4: IpAddress.parse(MULTICAST_GROUP[4]), 6: IpAddress.parse(MULTICAST_GROUP[6]) } as const;
const FAMILIES: readonly Family[] = [6, 4];

export interface InterfaceSocketsOptions {
  native: Pick<NativeAddon, 'openLinkSocket'>;
  role: 'router' | 'node';
  ifindex: number;
  ifname: string;
  /** Tried first when something goes to everybody. */
  prefer: Family;
  netns?: string;
  /** Datagrams wait; comes again only once `receive` has said that there are no more. */
  onReadable: () => void;
  /** A socket had an error and was closed: `open` again, soon. */
  onBroken: () => void;
}

export class InterfaceSockets {
  readonly ifindex: number;
  readonly ifname: string;
  readonly #options: InterfaceSocketsOptions;
  readonly #sockets = new Map<Family, LinkSocket>();
  readonly #readable = new Set<Family>();
  readonly #problems = new Map<Family, string>();
  #overrunsOfClosed = 0;

  constructor(options: InterfaceSocketsOptions) {
    this.ifindex = options.ifindex;
    this.ifname = options.ifname;
    this.#options = options;
  }

  /** Opens what is not open. @returns true if both families are open now */
  open(): boolean {
    for (const family of FAMILIES) if (!this.#sockets.has(family)) this.#openOne(family);
    return this.#sockets.size === FAMILIES.length;
  }

  /** Why the protocol cannot be spoken on this interface; null: it can, at least by one family. */
  get problem(): string | null {
    if (this.#sockets.size > 0) return null;
    return FAMILIES.map((family) => `IPv${family}: ${this.#problems.get(family) ?? 'not open yet'}`).join('; ');
  }

  /** Datagrams that the kernel dropped because nobody read them. */
  get overruns(): number {
    let sum = this.#overrunsOfClosed;
    for (const socket of this.#sockets.values()) sum += socket.overruns;
    return sum;
  }

  /** Up to `max` datagrams that wait; fewer: there are no more. */
  receive(max: number): LinkDatagram[] {
    const datagrams: LinkDatagram[] = [];
    for (const family of [...this.#readable]) {
      const wanted = max - datagrams.length;
      if (wanted === 0) break;
      const found = this.#sockets.get(family)?.receive(wanted) ?? [];
      datagrams.push(...found);
      if (found.length < wanted) this.#readable.delete(family);
    }
    return datagrams;
  }

  /** @throws NativeError */
  send(to: IpAddress, bytes: Uint8Array): void {
    const socket = this.#sockets.get(to.family);
    if (!socket) throw new Error(this.#problems.get(to.family) ?? 'not open yet');
    socket.send(to.bytes, bytes);
  }

  /**
   * To everybody on the link, once: by the preferred family where the interface has an address that the others may take
   * it from, by the other one otherwise. @returns false: by neither, for want of an address. @throws NativeError
   */
  sendToAll(bytes: Uint8Array): boolean {
    const { prefer } = this.#options;
    for (const family of [prefer, prefer === 6 ? 4 : 6] as const) {
      if (!this.#hasAddress(family)) continue;
      this.send(GROUPS[family], bytes);
      return true;
    }
    return false;
  }

  close(): void {
    for (const family of [...this.#sockets.keys()]) this.#closeOne(family);
  }

  /** A global address will do for the kernel; the others discard what comes from one (section 2). */
  #hasAddress(family: Family): boolean {
    const source = this.#sockets.get(family)?.source();
    return source ? family === 4 || IpAddress.fromBytes(source).isLinkLocal : false;
  }

  #openOne(family: Family): void {
    const { native, role, netns, onReadable, onBroken } = this.#options;
    try {
      const socket = native.openLinkSocket({
        family,
        ifindex: this.ifindex,
        ifname: this.ifname,
        port: PORTS[role],
        peerPort: PORTS[role === 'router' ? 'node' : 'router'],
        group: GROUPS[family].bytes,
        maximumBytes: MAXIMUM_MESSAGE_BYTES,
        receiveBufferBytes: RECEIVE_BUFFER_BYTES,
        ...(netns === undefined ? {} : { netns }),
        onReadable: () => {
          this.#readable.add(family);
          onReadable();
        },
        // The kernel may have undone its binding to the interface.
        onError: (code) => {
          this.#closeOne(family);
          this.#problems.set(family, code);
          onBroken();
        },
      });
      this.#sockets.set(family, socket);
      this.#problems.delete(family);
    } catch (error) {
      this.#problems.set(family, messageOf(error));
    }
  }

  #closeOne(family: Family): void {
    const socket = this.#sockets.get(family);
    if (!socket) return;
    this.#sockets.delete(family);
    this.#readable.delete(family);
    socket.close();
    this.#overrunsOfClosed += socket.overruns;
  }
}
