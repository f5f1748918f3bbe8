/**
 * Live events as Server-Sent Events (HTML Living Standard, section 9.2).
 *
 * A stream is only a cursor into the controller's event log. A new entry wakes the stream, which writes from its cursor
 * on until the socket says "full"; the rest stays in the log. So a slow reader costs one batch of memory and not one
 * queue, and loses nothing that the log still has; what the log has dropped is told by a `gap` message.
 */
import type { ServerResponse } from 'node:http';
import type { ControllerService, EventEntry } from '../controller/service.js';
import { DetourError } from '../errors.js';
import { presentEvent } from './resources/event.js';

/** Entries written between two looks at the socket. */
const BATCH = 64;
/** Heartbeats in a row that find the socket still full, before the reader is given up. */
const STALLED_HEARTBEATS = 3;

export interface EventStreamOptions {
  heartbeatMs: number;
  maximumStreams: number;
}

/** The open streams of one app: bounded in number, closed together. */
export class EventStreams {
  readonly #service: ControllerService;
  readonly #options: EventStreamOptions;
  readonly #streams = new Set<EventStream>();

  constructor(service: ControllerService, options: EventStreamOptions) {
    this.#service = service;
    this.#options = options;
  }

  get count(): number {
    return this.#streams.size;
  }

  /** @throws DetourError TOO_MANY_STREAMS; call it while the answer can still be a problem document. */
  assertRoom(): void {
    const { maximumStreams } = this.#options;
    if (this.#streams.size >= maximumStreams) throw new DetourError('TOO_MANY_STREAMS', { limit: maximumStreams });
  }

  /** Sends the entries after `after` (null: only those to come) until either side closes. */
  open(response: ServerResponse, after: number | null): void {
    const stream = new EventStream(this.#service, response, after, this.#options.heartbeatMs);
    this.#streams.add(stream);
    response.once('close', () => {
      stream.close();
      this.#streams.delete(stream);
    });
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
  }
}

class EventStream {
  readonly #service: ControllerService;
  readonly #response: ServerResponse;
  readonly #unsubscribe: () => void;
  readonly #heartbeat: NodeJS.Timeout;
  #cursor: number;
  #full = false;
  #stalledHeartbeats = 0;
  #closed = false;

  constructor(service: ControllerService, response: ServerResponse, after: number | null, heartbeatMs: number) {
    this.#service = service;
    this.#response = response;
    const newest = service.events(Number.MAX_SAFE_INTEGER, 1).newest;
    this.#cursor = after ?? newest;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Proxies such as nginx hold answers back unless told not to.
      'x-accel-buffering': 'no',
    });
    // An error of the socket is followed by 'close', which ends the stream; unheard it would end the process.
    response.on('error', () => undefined);
    response.on('drain', () => this.#onDrain());
    this.#write('retry: 1000\n\n');
    if (this.#cursor > newest) this.#restart(newest);
    this.#unsubscribe = service.onEvent(() => this.#pump());
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs);
    this.#pump();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unsubscribe();
    clearInterval(this.#heartbeat);
    this.#response.end();
  }

  #pump(): void {
    while (!this.#full && !this.#closed) {
      const { entries, oldest } = this.#service.events(this.#cursor, BATCH);
      const [first] = entries;
      if (first === undefined) return;
      if (first.sequence > this.#cursor + 1 && this.#cursor + 1 < oldest) {
        this.#gap(this.#cursor + 1, first.sequence - 1, 'the log no longer has these entries');
      }
      for (const entry of entries) this.#entry(entry);
    }
  }

  #entry(entry: EventEntry): void {
    this.#cursor = entry.sequence;
    this.#write(`id: ${entry.sequence}\nevent: ${entry.record.kind}\ndata: ${JSON.stringify(presentEvent(entry))}\n\n`);
  }

  /** The reader knows numbers that do not exist yet: they are of an earlier run of the controller. */
  #restart(newest: number): void {
    this.#gap(this.#cursor, newest, 'numbers began anew: the controller has been restarted');
    this.#cursor = 0;
  }

  #gap(missedFrom: number, missedTo: number, reason: string): void {
    this.#write(`event: gap\ndata: ${JSON.stringify({ missedFrom, missedTo, reason })}\n\n`);
  }

  #write(text: string): void {
    if (!this.#response.write(text)) this.#full = true;
  }

  #onDrain(): void {
    this.#full = false;
    this.#stalledHeartbeats = 0;
    this.#pump();
  }

  #beat(): void {
    if (!this.#full) return this.#write(': still here\n\n');
    this.#stalledHeartbeats += 1;
    if (this.#stalledHeartbeats >= STALLED_HEARTBEATS) this.#response.destroy();
  }
}
