/**
 * All ICMP sessions together: one native transmitter, one reply source, one timer.
 *
 * A pass reads what was sent, then what came back, then judges what is overdue; in that order, and by the kernel's time
 * stamps, so that a pass that runs late finds the same verdicts as one in time. Healthy sessions don't wake the process
 * for their replies; the next pass is at the earliest moment at which a loss would matter.
 */
import type { NativeAddon, Prober, TransmitRecord } from '../../native.js';
import type { Clock, ProbePath, ProbeReply, ProbeReplySource, TelemetryBlind } from '../../controller/ports.js';
import { Limit } from '../../abi/index.js';
import type { IpAddress } from '../../net/ip-address.js';
import type { ProbeOutcome } from '../reporting.js';
import { Blindness } from './blindness.js';
import { buildProbeFrame } from './frame.js';
import { type IcmpCounters, IcmpSession, JUDGE_MARGIN_US, type SessionTiming } from './icmp-session.js';
import { PassTimer } from './pass-timer.js';
import { SessionIds } from './session-ids.js';
import { SocketReceivers } from './socket-receivers.js';

export interface IcmpPlan {
  path: ProbePath;
  destination: IpAddress;
  intervalUs: number;
  timeoutUs: number;
  failAfter: number;
  recoverAfter: number;
}

export interface IcmpProberDependencies {
  native: Pick<NativeAddon, 'createProber' | 'createIcmpReceiver'>;
  /** null: there is no XDP program; every session uses sockets. */
  replies: ProbeReplySource | null;
  /** 16 bytes; for the sockets' replies where `replies` is null. */
  cookieKey: Uint8Array;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Network namespace file; undefined: the current one. */
  netns: string | undefined;
  realtimePriority: number;
  onBlind: (blind: TelemetryBlind) => void;
  /** A pass is done: deliver what it reported. */
  flush: () => void;
}

interface LiveSession {
  session: IcmpSession;
  epoch: number;
  path: ProbePath;
  /** Set where replies come by a socket. */
  releaseReceiver: (() => void) | null;
  /** As last told to the reply source. */
  wake: boolean;
}

/**
 * Gaps are the interval minus up to this much of it: enough not to march in step with whatever else is periodic on the
 * path (RFC 5880, 6.8.7 has 25 for the same reason), little enough to stay near the configured rate.
 */
const JITTER_PERCENT = 10;
/** A pass comes this much after the deadline it is for, and so serves all others up to then. */
const WAKE_GRACE_US = 1_000;
const MINIMUM_SLEEP_US = 1_000;
/** Good replies are reported no later than this, however long the timeouts are. */
const MAXIMUM_SLEEP_US = 250_000;
/** The transmitter wakes at least this often, also with nothing to send (native/transmitter.h, kHeartbeatNs). */
const HEARTBEAT_US = 20_000;
/** While the transmitter stands still nothing is due: look again after this. */
const STANDING_SLEEP_US = 10_000;
/**
 * Stalls at least this long, or half the shortest timeout, are told to the controller. Shorter ones are usual on virtual
 * machines (12 ms was seen), and the extended deadlines absorb them.
 */
const BLIND_REPORT_US = 20_000;
const SEND_REFUSED_REPEAT_US = 1_000_000;
const LOG_BATCH = 256;
/** The ring buffer holds 4096 replies: when this many waited, others may have found no room. */
const REPLY_BACKLOG_LIMIT = 3_500;
/** A socket's receive buffer overflows sooner than the ring: a pass later than this trusts no silence there. */
const SOCKET_TRUST_US = 250_000;

export class IcmpProber {
  readonly counters: IcmpCounters = {
    sent: 0,
    answered: 0,
    lost: 0,
    lateReplies: 0,
    wrongPath: 0,
    sendFailed: 0,
    sendCongested: 0,
    sendRefused: 0,
    unjudged: 0,
  };
  readonly #ids = new SessionIds(Limit.MAX_PROBE_SESSIONS);
  readonly #live = new Map<number, LiveSession>();
  readonly #blindness: Blindness;
  readonly #receivers: SocketReceivers;
  readonly #prober: Prober;
  readonly #timer: PassTimer;
  #streamsChangedUs = 0;
  #lastRefusedUs = Number.NEGATIVE_INFINITY;
  #shortestIntervalUs = Number.POSITIVE_INFINITY;
  #blindReportUs = BLIND_REPORT_US;
  #replyOverflows = 0;
  /** Total blindness for the verdicts of this pass; infinite: no verdicts. */
  #judgeBlindUs = 0;
  #closed = false;

  /** @throws NativeError if the transmitter cannot be started (EPERM: needs CAP_NET_RAW) */
  constructor(private readonly deps: IcmpProberDependencies) {
    const { native, cookieKey, netns, realtimePriority, replies } = deps;
    const common = netns === undefined ? { cookieKey } : { cookieKey, netns };
    this.#blindness = new Blindness(deps.onBlind);
    this.#prober = native.createProber({ ...common, realtimePriority });
    this.#receivers = new SocketReceivers(native, common, this.#onSocketReply);
    this.#timer = new PassTimer(deps.clock, this.#receivers, (lateUs) => this.#pass(lateUs));
    replies?.onWake(() => this.#wake());
  }

  /** null: all sessions are in use. */
  allocate(): number | null {
    return this.#ids.allocate();
  }

  /**
   * Starts the session, or replaces its stream in place. Probes of the former stream are forgotten: their replies (which
   * carry another epoch) say nothing about the new path, their absence neither.
   * @throws NativeError if the interface is gone or the socket is refused; the session is stopped then
   */
  start(id: number, plan: IcmpPlan, report: (outcome: ProbeOutcome) => void): void {
    const { path, destination } = plan;
    const former = this.#live.get(id);
    former?.session.forget();
    const epoch = this.#newEpoch(former?.epoch);
    const nowUs = this.deps.clock.nowUs();
    const timing: SessionTiming = {
      intervalUs: plan.intervalUs,
      minimumGapUs: plan.intervalUs * (1 - JITTER_PERCENT / 100),
      timeoutUs: plan.timeoutUs,
      failAfter: plan.failAfter,
      recoverAfter: plan.recoverAfter,
    };
    const bySocket = !path.xdp || this.deps.replies === null;
    let releaseReceiver: (() => void) | null = null;
    try {
      if (bySocket) releaseReceiver = this.#receivers.acquire(path, destination.family);
      this.deps.replies?.setSession(id, bySocket ? null : { ifindex: path.ifindex, epoch, wake: true });
      const { frame, icmpOffset } = buildProbeFrame({ path, destination, session: id, epoch });
      this.#prober.setStream({
        session: id,
        epoch,
        ifindex: path.ifindex,
        rawIp: !path.ethernet,
        family: destination.family,
        frame,
        icmpOffset,
        intervalUs: plan.intervalUs,
        jitterPercent: JITTER_PERCENT,
      });
    } catch (error) {
      releaseReceiver?.();
      this.#stopStream(id);
      throw error;
    }
    former?.releaseReceiver?.();
    const session = new IcmpSession(timing, nowUs, this.counters, report);
    this.#live.set(id, { session, epoch, path, releaseReceiver, wake: true });
    this.#streamsChanged(nowUs);
    this.#timer.wakeBy(session.nextDueUs(0) + WAKE_GRACE_US);
  }

  /** Stops the session but keeps its id. */
  stop(id: number): void {
    if (!this.#live.has(id)) return;
    this.#stopStream(id);
    this.#streamsChanged(this.deps.clock.nowUs());
  }

  release(id: number): void {
    this.stop(id);
    this.#ids.release(id);
  }

  statistics(): Record<string, number> {
    return {
      icmpSent: this.counters.sent,
      icmpAnswered: this.counters.answered,
      icmpLost: this.counters.lost,
      icmpLateReplies: this.counters.lateReplies,
      icmpWrongPath: this.counters.wrongPath,
      icmpSendFailed: this.counters.sendFailed,
      icmpSendCongested: this.counters.sendCongested,
      icmpSendRefused: this.counters.sendRefused,
      icmpUnjudged: this.counters.unjudged,
      icmpSessions: this.#live.size,
      transmitterStalls: this.#blindness.windows,
      transmitterStalledUs: Math.round(this.#blindness.totalUs),
      transmitterRealtime: this.#prober.realtime ? 1 : 0,
      transmitLogOverruns: this.#prober.transmitLogOverruns,
      replyOverflows: this.#replyOverflows,
    };
  }

  close(): void {
    this.#closed = true;
    for (const id of [...this.#live.keys()]) this.#stopStream(id);
    this.#timer.close();
    this.#prober.close();
  }

  #stopStream(id: number): void {
    const live = this.#live.get(id);
    this.#live.delete(id);
    live?.session.forget();
    this.#prober.removeStream(id);
    this.deps.replies?.setSession(id, null);
    live?.releaseReceiver?.();
  }

  #newEpoch(former: number | undefined): number {
    for (;;) {
      const epoch = Math.floor(this.deps.random() * 2 ** 32) >>> 0;
      if (epoch !== 0 && epoch !== former) return epoch;
    }
  }

  #streamsChanged(nowUs: number): void {
    this.#streamsChangedUs = nowUs;
    let interval = Number.POSITIVE_INFINITY;
    let timeout = Number.POSITIVE_INFINITY;
    for (const { session } of this.#live.values()) {
      interval = Math.min(interval, session.timing.intervalUs);
      timeout = Math.min(timeout, session.timing.timeoutUs);
    }
    this.#shortestIntervalUs = interval;
    this.#blindReportUs = Math.max(BLIND_REPORT_US, Number.isFinite(timeout) ? timeout / 2 : 0);
  }

  // ------------------------------------------------------------------ the pass

  #wake(): void {
    // The source stays readable until it is read: after close() what is left is nobody's.
    if (this.#closed) this.deps.replies?.drain(() => undefined);
    else this.#pass(0);
  }

  /** @param lateUs how much later than planned this pass runs */
  #pass(lateUs: number): void {
    // Taken before the queues are read: what came in before this moment is in them.
    const nowUs = this.deps.clock.nowUs();
    try {
      // The heartbeat before the log: a stall that is over then shows as late sends.
      const standing = this.#standingUs(nowUs) > 0;
      this.#readTransmitLog();
      // While it lasts its length is not known: nothing is judged.
      this.#judgeBlindUs = standing ? Number.POSITIVE_INFINITY : this.#blindness.totalUs;
      const replies = this.#readReplies();
      if (lateUs > SOCKET_TRUST_US) this.#forgetWhere((live) => live.releaseReceiver !== null);
      if (replies >= REPLY_BACKLOG_LIMIT) this.#replyOverflow(nowUs, lateUs);
      for (const { session } of this.#live.values()) session.judge(nowUs - JUDGE_MARGIN_US, this.#judgeBlindUs);
      this.#tellWakes();
      this.deps.flush();
    } finally {
      this.#schedule();
    }
  }

  #readTransmitLog(): void {
    let records: TransmitRecord[];
    do {
      records = this.#prober.readTransmitLog(LOG_BATCH);
      for (const record of records) this.#onSent(record);
    } while (records.length === LOG_BATCH);
  }

  #onSent(record: TransmitRecord): void {
    const atUs = Number(record.transmitNs) / 1000;
    this.#blindness.noteSend(atUs, record.lateUs, this.#blindReportUs);
    const live = this.#live.get(record.session);
    if (live === undefined || live.epoch !== record.epoch) return;
    const refused = live.session.sent(record, atUs, this.#blindness.totalUs);
    if (refused === null || atUs - this.#lastRefusedUs < SEND_REFUSED_REPEAT_US) return;
    this.#lastRefusedUs = atUs;
    this.deps.onBlind({ fromUs: atUs, toUs: atUs, detail: `probes cannot be sent by ${live.path.ifname}: ${refused}` });
  }

  /**
   * A reply by a socket waits for the next pass, which knows about stalls: by itself it must not declare others lost.
   * The process is awake anyway; a session that must prove itself is not kept waiting.
   */
  readonly #onSocketReply = (session: number): void => {
    if (this.#live.get(session)?.wake === true) this.#timer.afterPoll(0);
  };

  /** @returns how many came by the ring */
  #readReplies(): number {
    for (const reply of this.#receivers.take()) {
      this.#onReply({ ...reply, wrongPath: reply.ifindex !== this.#live.get(reply.session)?.path.ifindex });
    }
    return this.deps.replies?.drain(this.#onReply) ?? 0;
  }

  readonly #onReply = (reply: ProbeReply): void => {
    const live = this.#live.get(reply.session);
    if (live === undefined || live.epoch !== reply.epoch) return;
    if (reply.wrongPath) {
      this.counters.wrongPath++;
      return;
    }
    const transmitUs = Number(reply.transmitNs) / 1000;
    live.session.replied(reply.sequence, transmitUs, Number(reply.receiveNs) / 1000, this.#judgeBlindUs);
  };

  #replyOverflow(nowUs: number, lateUs: number): void {
    this.#replyOverflows++;
    this.#forgetWhere((live) => live.releaseReceiver === null);
    const detail = `replies were not read for ${Math.round(lateUs / 1000)} ms, and some found no room`;
    this.deps.onBlind({ fromUs: nowUs - lateUs, toUs: nowUs, detail });
  }

  #forgetWhere(matches: (live: LiveSession) => boolean): void {
    for (const live of this.#live.values()) if (matches(live)) live.session.forget();
  }

  #standingUs(nowUs: number): number {
    if (this.#live.size === 0) return 0;
    const heartbeatUs = Math.max(Number(this.#prober.heartbeatNs) / 1000, this.#streamsChangedUs);
    const sleepUs = Math.min(this.#shortestIntervalUs, HEARTBEAT_US);
    return this.#blindness.standingUs(nowUs, heartbeatUs, sleepUs, this.#blindReportUs);
  }

  #tellWakes(): void {
    for (const [id, live] of this.#live) {
      const wake = live.session.wantsWake;
      if (wake === live.wake) continue;
      live.wake = wake;
      if (live.releaseReceiver !== null) continue;
      this.deps.replies?.setSession(id, { ifindex: live.path.ifindex, epoch: live.epoch, wake });
    }
  }

  #schedule(): void {
    this.#timer.reset();
    if (this.#live.size === 0) return;
    const nowUs = this.deps.clock.nowUs();
    if (this.#standingUs(nowUs) > 0) {
      this.#timer.wakeBy(nowUs + STANDING_SLEEP_US);
      return;
    }
    let dueUs = nowUs + Math.max(MAXIMUM_SLEEP_US, this.#shortestIntervalUs);
    for (const { session } of this.#live.values()) {
      dueUs = Math.min(dueUs, session.nextDueUs(this.#blindness.totalUs));
    }
    this.#timer.wakeBy(Math.max(dueUs + WAKE_GRACE_US, nowUs + MINIMUM_SLEEP_US));
  }
}
