/** A clock that stands until a test moves it. */
import type { Clock } from '../../src/controller/ports.js';

export class ManualClock implements Clock {
  #nowUs: number;
  readonly #timers = new Set<{ atUs: number; callback: () => void }>();

  constructor(nowUs = 1_000_000_000) {
    this.#nowUs = nowUs;
  }

  nowUs(): number {
    return this.#nowUs;
  }

  wallMs(): number {
    return this.#nowUs / 1000;
  }

  at(atUs: number, callback: () => void): () => void {
    const timer = { atUs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Each timer that is due goes off at its moment, in order; also those that others set meanwhile. */
  advance(byUs: number): void {
    const endUs = this.#nowUs + byUs;
    for (;;) {
      const due = [...this.#timers].filter(({ atUs }) => atUs <= endUs).sort((a, b) => a.atUs - b.atUs)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#nowUs = Math.max(this.#nowUs, due.atUs);
      due.callback();
    }
    this.#nowUs = endUs;
  }
}
