/** The one timer of all ICMP sessions: calls back at the earliest time that anybody asked for. */
import type { Clock } from '../../controller/ports.js';
import type { SocketReceivers } from './socket-receivers.js';

export class PassTimer {
  #cancel: (() => void) | null = null;
  #atUs = Number.POSITIVE_INFINITY;
  #pending: NodeJS.Immediate | null = null;
  #pendingLateUs = 0;

  /** @param onDue told how much later than asked it is called */
  constructor(
    private readonly clock: Clock,
    private readonly receivers: SocketReceivers,
    private readonly onDue: (lateUs: number) => void,
  ) {}

  /** Later times than the one that is set change nothing. */
  wakeBy(atUs: number): void {
    if (atUs >= this.#atUs) return;
    this.reset();
    this.#atUs = atUs;
    this.#cancel = this.clock.at(atUs, () => {
      this.reset();
      const lateUs = this.clock.nowUs() - atUs;
      if (this.receivers.count === 0) this.onDue(lateUs);
      else this.afterPoll(lateUs);
    });
  }

  /** Calls back after the event loop's poll phase: timers run before it, and what is in the sockets must be read first. */
  afterPoll(lateUs: number): void {
    this.#pendingLateUs = Math.max(lateUs, this.#pendingLateUs);
    if (this.#pending !== null) return;
    this.receivers.beginTurn();
    this.#pending = setImmediate(() => {
      this.#pending = null;
      if (this.receivers.turnWasFull) {
        this.afterPoll(lateUs);
        return;
      }
      const latestUs = this.#pendingLateUs;
      this.#pendingLateUs = 0;
      this.onDue(latestUs);
    });
  }

  reset(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#atUs = Number.POSITIVE_INFINITY;
  }

  close(): void {
    this.reset();
    if (this.#pending !== null) clearImmediate(this.#pending);
  }
}
