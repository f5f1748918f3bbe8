/** Keeps one collection true: one dump request, and whether a dump is wanted, running, or wanted again. */
import type { NetlinkClient } from '../netlink/client.js';
import { NetlinkError } from '../netlink/error.js';
import type { NetlinkMessage, NetlinkRequest } from '../netlink/message.js';
import type { Collection } from './collection.js';

/** A dump that failed (interrupted again and again, or timed out) is repeated after this. */
const RETRY_MS = 250;

export interface TrackerOptions<T extends object> {
  client: NetlinkClient;
  request: NetlinkRequest;
  collection: Collection<T>;
  /** Puts what the message says into the collection's gathered side. */
  gather: (message: NetlinkMessage, collection: Collection<T>) => void;
}

export class Tracker<T extends object> {
  readonly #options: TrackerOptions<T>;
  #running: Promise<boolean> | null = null;
  #queued: Promise<boolean> | null = null;
  #retry: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: TrackerOptions<T>) {
    this.#options = options;
  }

  /**
   * Dumps from now on, not from before: a call during a dump waits for another one after it; further calls share that.
   * @returns whether the collection changed; a dump that fails changes nothing and rejects
   */
  resync(): Promise<boolean> {
    if (!this.#running) return this.#start();
    return (this.#queued ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    ));
  }

  /** Like resync, for those who do not wait: repeats until it has worked; `onChange` is called if anything differed. */
  resyncSoon(onChange: () => void): void {
    if (this.#closed || this.#retry) return;
    this.resync().then(
      (changed) => void (changed && onChange()),
      () => {
        if (this.#closed || this.#retry) return;
        this.#retry = setTimeout(() => {
          this.#retry = null;
          this.resyncSoon(onChange);
        }, RETRY_MS);
      },
    );
  }

  close(): void {
    this.#closed = true;
    if (this.#retry) clearTimeout(this.#retry);
  }

  #start(): Promise<boolean> {
    this.#queued = null;
    const running = this.#dump().finally(() => {
      if (this.#running === running) this.#running = null;
    });
    return (this.#running = running);
  }

  async #dump(): Promise<boolean> {
    const { client, request, collection, gather } = this.#options;
    try {
      await client.dump(request, {
        onStart: () => collection.beginDump(),
        onMessage: (message) => gather(message, collection),
      });
    } catch (error) {
      collection.abandonDump();
      // A routing table that does not exist (strict checking says so) is empty.
      if (!(error instanceof NetlinkError && error.code === 'ENOENT')) throw error;
      collection.beginDump();
    }
    return collection.finishDump();
  }
}
