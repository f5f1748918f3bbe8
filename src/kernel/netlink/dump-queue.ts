/** Dumps of one socket, one after the other: the kernel answers a second one with EBUSY. */
import { NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR } from './constants.js';
import { NetlinkError, readAcknowledgement, readDumpEnd } from './error.js';
import type { NetlinkMessage, NetlinkRequest } from './message.js';

/** A dump that is interrupted this often is given up: whoever needs it asks again later. */
const MAXIMUM_ATTEMPTS = 8;
/** Without any part of the answer. */
const SILENCE_TIMEOUT_MS = 5_000;

export interface DumpHandlers {
  /** The dump begins, or begins again because the kernel's tables changed in between: forget what came before. */
  onStart?: () => void;
  onMessage: (message: NetlinkMessage) => void;
}

interface Dump {
  request: NetlinkRequest;
  handlers: DumpHandlers;
  resolve: () => void;
  reject: (error: NetlinkError) => void;
  sequence: number;
  attempts: number;
  interrupted: boolean;
  timer: NodeJS.Timeout | undefined;
}

export class DumpQueue {
  readonly #send: (request: NetlinkRequest) => number;
  readonly #waiting: Dump[] = [];
  #current: Dump | null = null;

  /** @param send sends a dump request and returns its sequence number */
  constructor(send: (request: NetlinkRequest) => number) {
    this.#send = send;
  }

  add(request: NetlinkRequest, handlers: DumpHandlers): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        request,
        handlers,
        resolve,
        reject,
        sequence: 0,
        attempts: 0,
        interrupted: false,
        timer: undefined,
      });
      this.#next();
    });
  }

  /** Takes a message that answers the current dump. False: it is none of its. */
  take(message: NetlinkMessage): boolean {
    const dump = this.#current;
    if (!dump || message.sequence !== dump.sequence) return false;
    if (message.flags & NLM_F_DUMP_INTR) dump.interrupted = true;
    if (message.type === NLMSG_ERROR) {
      this.#end(dump, readAcknowledgement(message));
    } else if (message.type !== NLMSG_DONE) {
      this.#watch(dump);
      dump.handlers.onMessage(message);
    } else if (dump.interrupted) {
      this.#again(dump);
    } else {
      this.#end(dump, readDumpEnd(message));
    }
    return true;
  }

  /** Messages were lost: what the current dump has said may be incomplete. */
  restart(): void {
    // Not at once: the kernel makes a dump's parts only as they are read, so its end still comes, and until then it
    // would answer a new request with EBUSY.
    if (this.#current) this.#current.interrupted = true;
  }

  close(error: NetlinkError): void {
    const dumps = [...(this.#current ? [this.#current] : []), ...this.#waiting.splice(0)];
    this.#current = null;
    for (const dump of dumps) {
      clearTimeout(dump.timer);
      dump.reject(error);
    }
  }

  #next(): void {
    if (this.#current) return;
    this.#current = this.#waiting.shift() ?? null;
    if (this.#current) this.#start(this.#current);
  }

  #start(dump: Dump): void {
    dump.attempts++;
    dump.interrupted = false;
    dump.handlers.onStart?.();
    try {
      dump.sequence = this.#send(dump.request);
      this.#watch(dump);
    } catch (error) {
      this.#end(dump, new NetlinkError((error as NodeJS.ErrnoException).code ?? 'EIO', 'sending failed'));
    }
  }

  #again(dump: Dump): void {
    if (dump.attempts < MAXIMUM_ATTEMPTS) this.#start(dump);
    else this.#end(dump, new NetlinkError('EINTR', `the dump was interrupted ${dump.attempts} times`));
  }

  #watch(dump: Dump): void {
    if (dump.timer) {
      dump.timer.refresh();
      return;
    }
    dump.timer = setTimeout(() => {
      this.#end(dump, new NetlinkError('ETIMEDOUT', `a dump fell silent for ${SILENCE_TIMEOUT_MS} ms`));
    }, SILENCE_TIMEOUT_MS);
  }

  #end(dump: Dump, error: NetlinkError | null): void {
    clearTimeout(dump.timer);
    this.#current = null;
    if (error) dump.reject(error);
    else dump.resolve();
    this.#next();
  }
}
