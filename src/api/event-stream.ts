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
import { formatCursor, isOfEarlierRun, type EventCursor } from './event-cursor.js';
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

  /**
   * Sees whether a stream can be given, while the answer can still be a problem document.
   * @param after send the entries after this one; null: only those to come
   * @returns starts the stream, which goes on until either side closes
   * @throws DetourError TOO_MANY_STREAMS, NOT_READY
   */
  prepare(after: EventCursor | null): (response: ServerResponse) => void {
    const { maximumStreams, heartbeatMs } = this.#options;
    if (this.#streams.size >= maximumStreams) throw new DetourError('TOO_MANY_STREAMS', { limit: maximumStreams });
    const { run, newest } = this.#service.events(Number.MAX_SAFE_INTEGER, 1);
    // Also a bare number that does not exist yet is of an earlier run.
    const restarted = after !== null && (isOfEarlierRun(after, run) || after.sequence > newest);
    const begin = restarted ? 0 : (after?.sequence ?? newest);
    return (response) => {
      const stream = new EventStream(this.#service, response, { run, begin, restarted, heartbeatMs });
      this.#streams.add(stream);
      response.once('close', () => {
        stream.close();
        this.#streams.delete(stream);
      });
    };
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
  #woken = false;
  #stalledHeartbeats = 0;
  #closed = false;

  constructor(
    service: ControllerService,
    response: ServerResponse,
    { run, begin, restarted, heartbeatMs }: { run: string; begin: number; restarted: boolean; heartbeatMs: number },
  ) {
    this.#service = service;
    this.#response = response;
    this.#cursor = begin;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Proxies such as nginx hold answers back unless told not to.
      'x-accel-buffering': 'no',
    });
    // An error of the socket is followed by 'close', which ends the stream; unheard it would end the process.
    response.on('error', () => undefined);
    response.on('drain', () => this.#onDrain());
    // An id without data is no message, but the reader sends it when it comes back, also if nothing has happened by then.
    this.#write(`retry: 1000\nid: ${formatCursor(run, begin)}\n\n`);
    if (restarted) this.#restarted(run);
    this.#unsubscribe = service.onEvent(() => this.#wake());
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

  /** The caller is the controller in the middle of a decision: nothing is written, and nothing thrown, in its time. */
  #wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    setImmediate(() => {
      this.#woken = false;
      this.#pump();
    });
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
    this.#write(
      `id: ${formatCursor(entry.run, entry.sequence)}\nevent: ${entry.record.kind}\ndata: ${JSON.stringify(presentEvent(entry))}\n\n`,
    );
  }

  #restarted(run: string): void {
    const reason = 'the controller has been restarted: sequence numbers began anew';
    this.#write(`event: restarted\ndata: ${JSON.stringify({ run, reason })}\n\n`);
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
