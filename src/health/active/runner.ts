/**
 * Runs one active probe (tcp, http, dns) against one target again and again: at its interval with some jitter, never
 * two at a time, and not after a stall of the event loop, in which nothing could be timed.
 */
import type { Clock, TelemetryBlind } from '../../controller/ports.js';
import type { ProbeOutcome } from '../reporting.js';
import { type AttemptBody, attempt } from './attempt.js';

export interface RunnerDependencies {
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  onBlind: (blind: TelemetryBlind) => void;
  counters: ActiveCounters;
}

/** The names are those of `statistics()`. */
export interface ActiveCounters {
  activeStarted: number;
  activeSucceeded: number;
  activeFailed: number;
  /** No verdict, or not tried: the process stalled. */
  activeUnjudged: number;
}

export interface RunnerTask {
  intervalUs: number;
  timeoutMs: number;
  body: AttemptBody;
  report: (outcome: ProbeOutcome) => void;
}

/** Gaps are the interval minus up to this part of it, as for ICMP. */
const JITTER = 0.1;
/** First attempts are spread over this, so that not all connect in the same millisecond after a start. */
const FIRST_SPREAD_US = 100_000;
/** A timer that fires this late means that the process, or the machine, stood still: the attempt is put off. */
const STALL_US = 100_000;
/** Stalls of the process at least this long are told to the controller (ICMP does not depend on it). */
const STALL_REPORT_US = 500_000;

export class Runner {
  #cancel: (() => void) | null = null;
  #closed = false;

  constructor(
    private readonly deps: RunnerDependencies,
    private readonly task: RunnerTask,
  ) {
    this.#planIn(this.deps.random() * Math.min(task.intervalUs, FIRST_SPREAD_US));
  }

  /** An attempt under way comes to nothing. */
  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  #planIn(delayUs: number): void {
    const dueUs = this.deps.clock.nowUs() + delayUs;
    this.#cancel = this.deps.clock.at(dueUs, () => {
      this.#cancel = null;
      void this.#run(dueUs);
    });
  }

  async #run(dueUs: number): Promise<void> {
    const { clock, counters, onBlind, random } = this.deps;
    const { intervalUs, timeoutMs, body, report } = this.task;
    const startUs = clock.nowUs();
    const nextUs = startUs + intervalUs * (1 - random() * JITTER);
    const lateUs = startUs - dueUs;
    if (lateUs > STALL_US) {
      counters.activeUnjudged++;
      const detail = `the controller's event loop ran ${Math.round(lateUs / 1000)} ms late`;
      if (lateUs >= STALL_REPORT_US) onBlind({ fromUs: dueUs, toUs: startUs, detail });
    } else {
      counters.activeStarted++;
      const outcome = await attempt(clock, timeoutMs, body);
      if (this.#closed) return;
      if (outcome === null) counters.activeUnjudged++;
      else if (outcome.ok) counters.activeSucceeded++;
      else counters.activeFailed++;
      if (outcome !== null) report(outcome);
    }
    if (!this.#closed) this.#planIn(Math.max(0, nextUs - clock.nowUs()));
  }
}
