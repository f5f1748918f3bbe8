/**
 * Something of another netlink protocol that is dumped whole whenever a notification says that it may be different:
 * netfilter's chains, IPsec's policies. Kernels without that protocol have none of it.
 */
import { NetlinkClient, type OpenNetlink } from '../netlink/client.js';
import type { NetlinkMessage, NetlinkRequest } from '../netlink/message.js';
import { Collection } from './collection.js';
import { Tracker } from './tracker.js';

/** Pause after a dump, and how much longer it is after a dump that took long: at most a twentieth of the time. */
const PAUSE_MS = 100;
const PAUSE_FACTOR = 20;

/**
 * No such protocol (EPROTONOSUPPORT, EAFNOSUPPORT, EOPNOTSUPP), no such subsystem of it (EINVAL), or no right to look
 * (EPERM: `doctor` of an ordinary user; a controller could not work at all).
 */
const UNAVAILABLE: ReadonlySet<string | undefined> = new Set([
  'EPROTONOSUPPORT',
  'EAFNOSUPPORT',
  'EOPNOTSUPP',
  'EINVAL',
  'EPERM',
]);

export interface FollowedDumpOptions<T extends object> {
  open: OpenNetlink;
  /** Network namespace file; absent: the current one. */
  netns?: string;
  protocol: number;
  group: number;
  request: NetlinkRequest;
  /** Whether a notification may mean that the dump would be different. */
  concerns: (message: NetlinkMessage) => boolean;
  /** Puts what a message of the dump says into the collection's gathered side. */
  gather: (message: NetlinkMessage, collection: Collection<T>) => void;
  onChange: () => void;
}

export class FollowedDump<T extends object> {
  readonly collection = new Collection<T>();
  readonly #options: FollowedDumpOptions<T>;
  #client: NetlinkClient | null = null;
  #tracker: Tracker<T> | null = null;
  #scheduled: NodeJS.Timeout | null = null;
  /** performance.now() before which no other dump is begun because of a notification. */
  #notBeforeMs = 0;

  constructor(options: FollowedDumpOptions<T>) {
    this.#options = options;
  }

  /** The first dump. @throws NetlinkError or NativeError, unless the kernel has nothing of the kind */
  async start(): Promise<void> {
    const { open, netns, protocol, group, request, gather, concerns } = this.#options;
    try {
      this.#client = new NetlinkClient(open, {
        protocol,
        groups: [group],
        ...(netns === undefined ? {} : { netns }),
        onNotification: (message) => {
          if (concerns(message)) this.#schedule();
        },
        onLost: () => this.#schedule(),
      });
      this.#tracker = new Tracker({ client: this.#client, request, collection: this.collection, gather });
      await this.resync();
    } catch (error) {
      if (!UNAVAILABLE.has((error as { code?: string }).code)) throw error;
      this.close();
      this.#tracker = null;
    }
  }

  /** @returns whether anything changed */
  async resync(): Promise<boolean> {
    const startMs = performance.now();
    const changed = (await this.#tracker?.resync()) ?? false;
    const endMs = performance.now();
    this.#notBeforeMs = endMs + Math.max(PAUSE_MS, (endMs - startMs) * PAUSE_FACTOR);
    return changed;
  }

  resyncSoon(onChange: () => void): void {
    this.#tracker?.resyncSoon(onChange);
  }

  close(): void {
    if (this.#scheduled) clearTimeout(this.#scheduled);
    this.#scheduled = null;
    this.#tracker?.close();
    this.#client?.close();
  }

  /** At once if the last dump is some time ago; then notifications that follow share one. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = setTimeout(
      () => {
        this.#scheduled = null;
        this.resync().then(
          (changed) => void (changed && this.#options.onChange()),
          () => this.resyncSoon(this.#options.onChange),
        );
      },
      Math.max(0, this.#notBeforeMs - performance.now()),
    );
  }
}
