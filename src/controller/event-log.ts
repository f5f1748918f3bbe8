/** The event log: a bounded list of what was decided, with a cursor for readers and a live feed. */
import type { TransitionRecord } from '../engine/types.js';
import type { EventEntry } from './service.js';

export const EVENT_LOG_CAPACITY = 4096;

export class EventLog {
  readonly #entries: EventEntry[] = [];
  readonly #listeners = new Set<(entry: EventEntry) => void>();
  readonly #wallMs: () => number;
  #sequence = 0;

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  append(record: TransitionRecord): EventEntry {
    const entry: EventEntry = {
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
  read(after: number, limit: number): { entries: EventEntry[]; oldest: number; newest: number } {
    const oldest = this.#entries[0]?.sequence ?? this.#sequence + 1;
    const from = Math.max(0, after + 1 - oldest);
    return { entries: this.#entries.slice(from, from + limit), oldest, newest: this.#sequence };
  }

  onAppend(listener: (entry: EventEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
