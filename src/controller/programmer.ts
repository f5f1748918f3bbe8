/**
 * Runs one reconciliation after another, never two at a time. The only place that retries: on problems with a growing
 * delay, and every AUDIT_INTERVAL_US in any case, so that a lost message or a foreign change heals.
 */
import { messageOf } from '../errors.js';
import type { Clock } from './ports.js';

const RETRY_FIRST_US = 100_000;
const RETRY_MAX_US = 10_000_000;
const AUDIT_INTERVAL_US = 30_000_000;
/** After a pass, news of the kernel waits for so long, or for so many times the pass's duration, whichever is longer. */
const PAUSE_MIN_US = 20_000;
const PAUSE_FACTOR = 2;

/**
 * `now`: a decision or an operator waits for it. `soon`: the kernel's news, which may come without end (a full table
 * that flaps, neighbours of a busy LAN): passes then take no more than a third of the thread's time.
 */
export type Urgency = 'now' | 'soon';

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
  /** Asked for, but not before `#notBeforeUs`. */
  #wantedSoon = false;
  #notBeforeUs = 0;
  #heldUntilUs = 0;
  #running: Promise<void> | null = null;
  #timer: { atUs: number; cancel: () => void } | null = null;
  #failed = false;
  #retryUs = RETRY_FIRST_US;
  #closed = false;
  /** Passes finished since start. */
  passes = 0;

  constructor(options: ProgrammerOptions) {
    this.#options = options;
  }

  /** Asks for a pass; many requests in one turn of the event loop are one pass. */
  request(urgency: Urgency = 'now'): void {
    if (this.#closed) return;
    if (urgency === 'now') this.#wanted = true;
    else this.#wantedSoon = true;
    this.#follow();
  }

  /**
   * No pass begins before then, whoever asks: what is urgent needs the thread. One that is under way goes on.
   * @param untilUs of the clock; in the past: as soon as it is asked for
   */
  hold(untilUs: number): void {
    this.#heldUntilUs = untilUs;
    if (!this.#closed) this.#follow();
  }

  /** When a pass that was asked for may begin; null: none was. */
  #dueUs(): number | null {
    if (this.#wanted) return this.#heldUntilUs;
    return this.#wantedSoon ? Math.max(this.#heldUntilUs, this.#notBeforeUs) : null;
  }

  #follow(): void {
    const dueUs = this.#dueUs();
    // While a pass runs, its end sees to it.
    if (dueUs === null || this.#running) return;
    if (this.#options.clock.nowUs() < dueUs) this.#wakeAt(dueUs);
    else this.#running = new Promise<void>((resolve) => setImmediate(resolve)).then(() => this.#run());
  }

  async #run(): Promise<void> {
    // Asked for and held in the same turn, it waits.
    while (this.#isDue() && !this.#closed) await this.#pass();
    this.#running = null;
    this.#schedule();
  }

  #isDue(): boolean {
    const dueUs = this.#dueUs();
    return dueUs !== null && this.#options.clock.nowUs() >= dueUs;
  }

  async #pass(): Promise<void> {
    const { clock, reconcile, onProblems } = this.#options;
    // Whoever asked so far is served by this pass.
    this.#wanted = false;
    this.#wantedSoon = false;
    const startUs = clock.nowUs();
    let problems: readonly string[];
    try {
      problems = await reconcile();
    } catch (error) {
      problems = [messageOf(error)];
    }
    const endUs = clock.nowUs();
    this.#notBeforeUs = endUs + Math.max(PAUSE_MIN_US, PAUSE_FACTOR * (endUs - startUs));
    this.#failed = problems.length > 0;
    this.passes++;
    onProblems(problems);
  }

  #schedule(): void {
    const delayUs = this.#failed ? this.#retryUs : AUDIT_INTERVAL_US;
    this.#retryUs = this.#failed ? Math.min(this.#retryUs * 2, RETRY_MAX_US) : RETRY_FIRST_US;
    const dueUs = this.#options.clock.nowUs() + delayUs;
    this.#wakeAt(Math.min(dueUs, this.#dueUs() ?? dueUs));
  }

  #wakeAt(atUs: number): void {
    if (this.#timer?.atUs === atUs) return;
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#closed) return;
    const cancel = this.#options.clock.at(atUs, () => {
      this.#timer = null;
      this.request();
    });
    this.#timer = { atUs, cancel };
  }

  /** Waits for the pass that is under way; none starts afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
  }
}
