/**
 * One ICMP echo session: one target by one path. Fed with what was sent and what came back, says which probes are good
 * and which are lost, and when it must be looked at next. No I/O, no clock.
 *
 * Evidence is reported in the order in which it became known on the wire (reply received, deadline passed), not in the
 * order of sequence numbers: a reply to a newer probe proves that the path works although an older one is still open.
 */
import type { TransmitRecord } from '../../native.js';
import type { ProbeOutcome } from '../reporting.js';
import { OutstandingProbes } from './outstanding-probes.js';
import { classifyTransmitError, errnoName } from './transmit-errors.js';

export interface SessionTiming {
  intervalUs: number;
  /** Shortest gap between two probes of the stream (jitter makes it shorter than the interval). */
  minimumGapUs: number;
  timeoutUs: number;
  failAfter: number;
  recoverAfter: number;
}

/** Counted over all sessions of a telemetry source; the names are those of `statistics()`. */
export interface IcmpCounters {
  sent: number;
  answered: number;
  lost: number;
  /** Replies after the timeout, and duplicates: no evidence. */
  lateReplies: number;
  /** Genuine replies by another interface: counts as not received. */
  wrongPath: number;
  sendFailed: number;
  sendCongested: number;
  sendRefused: number;
  /** Probes without a verdict: path changed, or the queues had overflowed. */
  unjudged: number;
}

/**
 * Time between a reply's time stamp in XDP and its record being readable, with room for a CPU being preempted by its
 * hypervisor in between.
 */
export const JUDGE_MARGIN_US = 200;
/** Full queues are load and not failure, unless not one probe gets through for this long. */
const CONGESTION_PATIENCE_US = 250_000;
/** Probes of this much time fit in the ring: a controller that stalled for less loses no verdict. */
const RING_US = 10_000_000;
const MINIMUM_RING = 64;
const MAXIMUM_RING = 8192;

export class IcmpSession {
  readonly #timeoutText: string;
  readonly #probes: OutstandingProbes;
  #lastSendUs: number;
  #consecutiveLosses = 0;
  #consecutiveReplies = 0;
  #settled = false;
  #congestedSinceUs: number | null = null;
  #countedEvictions = 0;

  /** @param startedUs when its stream was set up: the first probe follows within one interval */
  constructor(
    readonly timing: SessionTiming,
    startedUs: number,
    private readonly counters: IcmpCounters,
    private readonly report: (outcome: ProbeOutcome) => void,
  ) {
    const wanted = (RING_US + timing.timeoutUs) / timing.minimumGapUs;
    const bounded = Math.min(Math.max(wanted, MINIMUM_RING), MAXIMUM_RING);
    this.#probes = new OutstandingProbes(2 ** Math.ceil(Math.log2(bounded)));
    this.#timeoutText = `no reply within ${timing.timeoutUs / 1000} ms`;
    this.#lastSendUs = startedUs;
  }

  /**
   * Wants to hear of each reply at once: as long as it has not proved itself, and after it has failed. Otherwise replies
   * wait in the ring buffer until a deadline is due.
   */
  get wantsWake(): boolean {
    return !this.#settled;
  }

  /** @returns a text for people if the failure is our own and says nothing about the path */
  sent(record: TransmitRecord, transmitUs: number, blindUs: number): string | null {
    this.#lastSendUs = transmitUs;
    this.counters.sent++;
    if (record.errno === 0) {
      this.#congestedSinceUs = null;
      this.#probes.sent(record.sequence, transmitUs, blindUs);
      this.#countEvictions();
      return null;
    }
    this.#probes.failed(record.sequence);
    return this.#sendFailed(record.errno, transmitUs);
  }

  #sendFailed(errno: number, atUs: number): string | null {
    const name = errnoName(errno);
    const kind = classifyTransmitError(errno);
    if (kind === 'internal') {
      this.counters.sendRefused++;
      return `send failed: ${name}`;
    }
    if (kind === 'unusable') {
      this.counters.sendFailed++;
      this.#loss(`send failed: ${name}`);
      return null;
    }
    this.counters.sendCongested++;
    this.#congestedSinceUs ??= atUs;
    const congestedUs = atUs - this.#congestedSinceUs;
    if (congestedUs >= Math.max(CONGESTION_PATIENCE_US, this.timing.failAfter * this.timing.intervalUs)) {
      this.#loss(`send failed: ${name} for ${Math.round(congestedUs / 1000)} ms, nothing leaves`);
    }
    return null;
  }

  /** A genuine reply of this session by its own path. */
  replied(sequence: number, transmitUs: number, receiveUs: number, blindUs: number): void {
    // What was overdue when this reply came is older news, and is told first.
    this.judge(receiveUs - JUDGE_MARGIN_US, blindUs);
    const known = this.#probes.answered(sequence);
    this.#countEvictions();
    const tooLate = receiveUs - transmitUs > this.timing.timeoutUs + JUDGE_MARGIN_US;
    if (known === 'settled' || (known === 'unknown' && tooLate)) {
      this.counters.lateReplies++;
      return;
    }
    this.counters.answered++;
    this.#consecutiveLosses = 0;
    this.#consecutiveReplies++;
    if (this.#consecutiveReplies >= this.timing.recoverAfter) this.#settled = true;
    this.report({ ok: true, rttUs: Math.max(0, receiveUs - transmitUs) });
  }

  /**
   * Declares lost what was unanswered when `atUs` came. All replies received before `atUs` must have been fed in.
   * @param blindUs total blindness up to `atUs`; infinite while a stall lasts: nothing is lost then
   */
  judge(atUs: number, blindUs: number): void {
    for (;;) {
      const deadlineUs = this.#oldestDeadlineUs(blindUs);
      if (deadlineUs === null || deadlineUs > atUs) return;
      this.#probes.settleOldest();
      this.#loss(this.#timeoutText);
    }
  }

  /** Forgets every probe that is open: nothing can be said about them. */
  forget(): void {
    this.counters.unjudged += this.#probes.forgetWaiting();
  }

  /**
   * When to judge next. A loss after good replies may wait until the next one could be lost too, so that the sessions
   * share wake-ups; as soon as one is lost, the following are judged to the millisecond. The loss that completes
   * `failAfter` is therefore never late.
   */
  nextDueUs(blindUs: number): number {
    const { minimumGapUs, timeoutUs, failAfter } = this.timing;
    const deadlineUs = this.#oldestDeadlineUs(blindUs) ?? this.#lastSendUs + minimumGapUs + timeoutUs;
    const patient = failAfter > 1 && this.#settled && this.#consecutiveLosses === 0;
    return patient ? deadlineUs + minimumGapUs : deadlineUs;
  }

  #oldestDeadlineUs(blindUs: number): number | null {
    const transmitUs = this.#probes.oldestTransmitUs();
    if (transmitUs === null) return null;
    return transmitUs + this.timing.timeoutUs + Math.max(0, blindUs - this.#probes.oldestBlindUs());
  }

  #loss(cause: string): void {
    this.counters.lost++;
    this.#consecutiveReplies = 0;
    this.#consecutiveLosses++;
    if (this.#consecutiveLosses >= this.timing.failAfter) this.#settled = false;
    this.report({ ok: false, cause });
  }

  #countEvictions(): void {
    this.counters.unjudged += this.#probes.evicted - this.#countedEvictions;
    this.#countedEvictions = this.#probes.evicted;
  }
}
