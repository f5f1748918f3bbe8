/**
 * Runs one reconciliation after another, never two at a time. The only place that retries: on problems with a growing
 * delay, and every AUDIT_INTERVAL_US in any case, so that a lost message or a foreign change heals.
 */
import type { Clock } from './ports.js';

const RETRY_FIRST_US = 100_000;
const RETRY_MAX_US = 10_000_000;
const AUDIT_INTERVAL_US = 30_000_000;

export interface ProgrammerOptions {
  clock: Clock;
  /** One pass over all planes; resolves with what it could not do. Must not throw for a refused write. */
  reconcile: () => Promise<readonly string[]>;
  /** Told after each pass, also when the list is empty. */
  onProblems: (problems: readonly string[]) => void;
}

export class Programmer {
  readonly #options: ProgrammerOptions;
  #wanted = false;
  #running: Promise<void> | null = null;
  #cancelTimer: (() => void) | null = null;
  #retryUs = RETRY_FIRST_US;
  #closed = false;
  /** Passes finished since start. */
  passes = 0;

  constructor(options: ProgrammerOptions) {
    this.#options = options;
  }

  /** Asks for a pass; many requests in one turn of the event loop are one pass. */
  request(): void {
    if (this.#closed) return;
    this.#wanted = true;
    this.#running ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => this.#run());
  }

  async #run(): Promise<void> {
    let problems: readonly string[] = [];
    while (this.#wanted && !this.#closed) {
      this.#wanted = false;
      try {
        problems = await this.#options.reconcile();
      } catch (error) {
        problems = [error instanceof Error ? error.message : String(error)];
      }
      this.passes++;
      this.#options.onProblems(problems);
    }
    this.#running = null;
    this.#schedule(problems.length > 0);
  }

  #schedule(failed: boolean): void {
    this.#cancelTimer?.();
    if (this.#closed) return;
    const delayUs = failed ? this.#retryUs : AUDIT_INTERVAL_US;
    this.#retryUs = failed ? Math.min(this.#retryUs * 2, RETRY_MAX_US) : RETRY_FIRST_US;
    this.#cancelTimer = this.#options.clock.at(this.#options.clock.nowUs() + delayUs, () => this.request());
  }

  /** Waits for the pass that is under way; none starts afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    await this.#running;
  }
}
