/** The event log: a bounded list of what was decided, with a cursor for readers and a live feed. */
import { randomBytes } from 'node:crypto';
import type { LoggedRecord } from './records.js';
import type { EventEntry, EventPage } from './service.js';

export const EVENT_LOG_CAPACITY = 4096;

/** Eight hexadecimal digits: enough to tell a run from those that a reader may have seen before. */
const randomRun = (): string => randomBytes(4).toString('hex');

export class EventLog {
  readonly run: string;
  readonly #entries: EventEntry[] = [];
  readonly #listeners = new Set<(entry: EventEntry) => void>();
  readonly #wallMs: () => number;
  #sequence = 0;

  constructor(wallMs: () => number, run = randomRun()) {
    this.#wallMs = wallMs;
    this.run = run;
  }

  append(record: LoggedRecord): EventEntry {
    const entry: EventEntry = {
      run: this.run,
      sequence: ++this.#sequence,
      time: new Date(this.#wallMs()).toISOString(),
      record,
    };
    this.#entries.push(entry);
    if (this.#entries.length > EVENT_LOG_CAPACITY) this.#entries.shift();
    for (const listener of this.#listeners) listener(entry);
    return entry;
  }

  /** Entries with a sequence greater than `after`, oldest first, at most `limit`. */
  read(after: number, limit: number): EventPage {
    const oldest = this.#entries[0]?.sequence ?? this.#sequence + 1;
    const from = Math.max(0, after + 1 - oldest);
    return { run: this.run, entries: this.#entries.slice(from, from + limit), oldest, newest: this.#sequence };
  }

  onAppend(listener: (entry: EventEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
