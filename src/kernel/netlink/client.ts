/**
 * Requests over one netlink socket: batches of writes with their answers, dumps, and the notifications in between.
 *
 * A batch leaves in one send per slice, and only its last message asks for an acknowledgement: the kernel works
 * through a send in order and always reports errors, so the last answer says that everything before it is done.
 */
import type { NativeAddon, NetlinkSocket } from '../../native.js';
import {
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_NOOP,
  NLMSG_OVERRUN,
} from './constants.js';
import { DumpQueue, type DumpHandlers } from './dump-queue.js';
import { NetlinkError, readAcknowledgement } from './error.js';
import { MessageWriter, readMessages, type NetlinkMessage, type NetlinkRequest } from './message.js';

/** Messages of one send: bounds the kernel's uninterrupted work, so that an urgent request need not wait long. */
export const SLICE_MESSAGES = 256;
const ANSWER_TIMEOUT_MS = 5_000;

export type OpenNetlink = NativeAddon['openNetlink'];

export interface NetlinkClientOptions {
  protocol: number;
  groups?: readonly number[];
  receiveBufferBytes?: number;
  /** Network namespace file; absent: the current one. */
  netns?: string;
  /** Everything that answers no request of this socket. */
  onNotification?: (message: NetlinkMessage) => void;
  /** All messages of a datagram have been handed over. */
  onDatagramEnd?: () => void;
  /** Notifications were lost: what is known may be wrong. Dumps in progress start again by themselves. */
  onLost?: () => void;
}

interface Slice {
  firstSequence: number;
  lastSequence: number;
  errors: (NetlinkError | null)[];
  finish: (unanswered: NetlinkError | null) => void;
}

export class NetlinkClient {
  readonly #options: NetlinkClientOptions;
  readonly #socket: NetlinkSocket;
  readonly #dumps: DumpQueue;
  readonly #writer = new MessageWriter();
  readonly #slices = new Set<Slice>();
  #sequence = 0;
  #closed = false;

  constructor(open: OpenNetlink, options: NetlinkClientOptions) {
    this.#options = options;
    this.#socket = open({
      protocol: options.protocol,
      groups: options.groups ?? [],
      strictDump: true,
      ...(options.receiveBufferBytes === undefined ? {} : { receiveBufferBytes: options.receiveBufferBytes }),
      ...(options.netns === undefined ? {} : { netns: options.netns }),
      onMessages: (datagram) => this.#receive(datagram),
      onError: (code) => this.#lost(code),
    });
    this.#dumps = new DumpQueue((request) => {
      const sequence = this.#nextSequence();
      this.#writer.message({ ...request, flags: request.flags | NLM_F_REQUEST | NLM_F_DUMP }, sequence);
      this.#socket.send(this.#writer.take());
      return sequence;
    });
  }

  /** Port of the socket: notifications of what this client changed carry it. */
  get portId(): number {
    return this.#socket.portId;
  }

  /**
   * Sends the requests in order, the first slice before this function returns.
   * @returns for each request null, or why it was refused. Later requests are executed although an earlier one fails.
   */
  async execute(requests: readonly NetlinkRequest[]): Promise<(NetlinkError | null)[]> {
    const errors: (NetlinkError | null)[] = [];
    for (let start = 0; start < requests.length; start += SLICE_MESSAGES) {
      errors.push(...(await this.#sendSlice(requests.slice(start, start + SLICE_MESSAGES))));
    }
    return errors;
  }

  /** @throws NetlinkError, also when the dump was interrupted by changes again and again (code EINTR). */
  dump(request: NetlinkRequest, handlers: DumpHandlers): Promise<void> {
    if (this.#closed) return Promise.reject(new NetlinkError('EBADF', 'the socket is closed'));
    return this.#dumps.add(request, handlers);
  }

  /** A dump as a list of what `read` makes of each message; null leaves one out. */
  async dumpAll<T>(request: NetlinkRequest, read: (message: NetlinkMessage) => T | null): Promise<T[]> {
    let found: T[] = [];
    await this.dump(request, {
      onStart: () => (found = []),
      onMessage: (message) => {
        const value = read(message);
        if (value !== null) found.push(value);
      },
    });
    return found;
  }

  joinGroup(group: number): void {
    this.#socket.joinGroup(group);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
    const error = new NetlinkError('ECANCELED', 'the socket was closed');
    this.#dumps.close(error);
    for (const slice of [...this.#slices]) slice.finish(error);
  }

  #sendSlice(requests: readonly NetlinkRequest[]): Promise<(NetlinkError | null)[]> {
    const firstSequence = this.#nextSequence(requests.length);
    const lastSequence = firstSequence + requests.length - 1;
    return new Promise((resolve) => {
      const errors = new Array<NetlinkError | null>(requests.length).fill(null);
      const finish = (unanswered: NetlinkError | null): void => {
        clearTimeout(timer);
        this.#slices.delete(slice);
        resolve(unanswered ? errors.map((error) => error ?? unanswered) : errors);
      };
      const slice: Slice = { firstSequence, lastSequence, errors, finish };
      const timeout = new NetlinkError('ETIMEDOUT', `no answer within ${ANSWER_TIMEOUT_MS} ms`);
      const timer = setTimeout(() => finish(timeout), ANSWER_TIMEOUT_MS);
      this.#slices.add(slice);
      for (const [index, request] of requests.entries()) {
        const acknowledge = index === requests.length - 1 ? NLM_F_ACK : 0;
        this.#writer.message({ ...request, flags: request.flags | NLM_F_REQUEST | acknowledge }, firstSequence + index);
      }
      try {
        this.#socket.send(this.#writer.take());
      } catch (error) {
        finish(new NetlinkError((error as NodeJS.ErrnoException).code ?? 'EIO', 'sending failed'));
      }
    });
  }

  /** Sequence numbers are never 0: that is what the kernel's own notifications carry. */
  #nextSequence(count = 1): number {
    if (this.#sequence + count >= 0xffff_ffff) this.#sequence = 0;
    const first = this.#sequence + 1;
    this.#sequence += count;
    return first;
  }

  #receive(datagram: Buffer): void {
    for (const message of readMessages(datagram)) {
      if (this.#closed) return;
      this.#dispatch(message);
    }
    if (!this.#closed) this.#options.onDatagramEnd?.();
  }

  #dispatch(message: NetlinkMessage): void {
    if (message.type === NLMSG_NOOP) return;
    if (message.type === NLMSG_OVERRUN) return this.#lost('ENOBUFS');
    if (message.portId === this.portId && this.#dumps.take(message)) return;
    if (message.type === NLMSG_ERROR) return this.#acknowledged(message);
    if (message.type !== NLMSG_DONE) this.#options.onNotification?.(message);
  }

  #acknowledged(message: NetlinkMessage): void {
    const { sequence } = message;
    for (const slice of this.#slices) {
      if (sequence < slice.firstSequence || sequence > slice.lastSequence) continue;
      slice.errors[sequence - slice.firstSequence] = readAcknowledgement(message);
      if (sequence === slice.lastSequence) slice.finish(null);
      return;
    }
  }

  #lost(code: string): void {
    const error = new NetlinkError(code, 'answers were lost');
    for (const slice of [...this.#slices]) slice.finish(error);
    this.#dumps.restart();
    this.#options.onLost?.();
  }
}
