/**
 * All ICMP sessions together: one native transmitter, one reply source, one timer.
 *
 * A pass reads what was sent, then what came back, then judges what is overdue; in that order, and by the kernel's time
 * stamps, so that a pass that runs late finds the same verdicts as one in time. Healthy sessions don't wake the process
 * for their replies; the next pass is at the earliest moment at which a loss would matter.
 */
import type { IcmpReply, NativeAddon, Prober, TransmitRecord } from '../../native.js';
import type { Clock, ProbePath, ProbeReply, ProbeReplySource, TelemetryBlind } from '../../controller/ports.js';
import { Limit } from '../../abi/index.js';
import type { IpAddress } from '../../net/ip-address.js';
import type { ProbeOutcome } from '../reporting.js';
import { Blindness } from './blindness.js';
import { buildProbeFrame } from './frame.js';
import { type IcmpCounters, IcmpSession, JUDGE_MARGIN_US, type SessionTiming } from './icmp-session.js';
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
/** A receiver reads up to this many replies in one turn of the event loop (native/icmp_receiver.cc). */
const SOCKET_REPLIES_PER_TURN = 64;
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
  #cancelTimer: (() => void) | null = null;
  #timerUs = Number.POSITIVE_INFINITY;
  #pending: NodeJS.Immediate | null = null;
  #streamsChangedUs = 0;
  #lastRefusedUs = Number.NEGATIVE_INFINITY;
  #shortestIntervalUs = Number.POSITIVE_INFINITY;
  #blindReportUs = BLIND_REPORT_US;
  #replyOverflows = 0;
  /** Read by sockets since the event loop was last asked. */
  #socketReplies = 0;

  /** @throws NativeError if the transmitter cannot be started (EPERM: needs CAP_NET_RAW) */
  constructor(private readonly deps: IcmpProberDependencies) {
    const { native, cookieKey, netns, realtimePriority, replies } = deps;
    const common = netns === undefined ? { cookieKey } : { cookieKey, netns };
    this.#blindness = new Blindness(deps.onBlind);
    this.#prober = native.createProber({ ...common, realtimePriority });
    this.#receivers = new SocketReceivers(native, common, this.#onSocketReply);
    replies?.onWake(() => this.#pass(0));
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
    this.#wakeBy(session.nextDueUs(0) + WAKE_GRACE_US);
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
    for (const id of [...this.#live.keys()]) this.#stopStream(id);
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#pending !== null) clearImmediate(this.#pending);
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

  /** @param lateUs how much later than planned this pass runs */
  #pass(lateUs: number): void {
    // Taken before the queues are read: what came in before this moment is in them.
    const nowUs = this.deps.clock.nowUs();
    try {
      this.#readTransmitLog();
      if (lateUs > SOCKET_TRUST_US) this.#forgetWhere((live) => live.releaseReceiver !== null);
      const replies = this.deps.replies?.drain(this.#onRingReply) ?? 0;
      if (replies >= REPLY_BACKLOG_LIMIT) this.#replyOverflow(nowUs, lateUs);
      const blindUs = this.#blindness.totalUs + this.#standingUs(nowUs);
      for (const { session } of this.#live.values()) session.judge(nowUs - JUDGE_MARGIN_US, blindUs);
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

  readonly #onRingReply = (reply: ProbeReply): void => {
    const live = this.#live.get(reply.session);
    if (live === undefined || live.epoch !== reply.epoch) return;
    this.#onReply(live, reply, reply.wrongPath);
  };

  readonly #onSocketReply = (reply: IcmpReply, ifindex: number): void => {
    this.#socketReplies++;
    const live = this.#live.get(reply.session);
    if (live === undefined || live.epoch !== reply.epoch) return;
    this.#onReply(live, reply, live.path.ifindex !== ifindex);
    // The reply has woken the process anyway; a session that must prove itself is not kept waiting.
    if (live.wake) this.#passAfterPoll(0);
  };

  #onReply(live: LiveSession, reply: Omit<IcmpReply, 'source'>, wrongPath: boolean): void {
    if (wrongPath) {
      this.counters.wrongPath++;
      return;
    }
    const transmitUs = Number(reply.transmitNs) / 1000;
    live.session.replied(reply.sequence, transmitUs, Number(reply.receiveNs) / 1000, this.#blindness.totalUs);
  }

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

  // ------------------------------------------------------------------ the timer

  #schedule(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#timerUs = Number.POSITIVE_INFINITY;
    if (this.#live.size === 0) return;
    const nowUs = this.deps.clock.nowUs();
    const standingUs = this.#standingUs(nowUs);
    const blindUs = this.#blindness.totalUs + standingUs;
    let dueUs = nowUs + Math.max(MAXIMUM_SLEEP_US, this.#shortestIntervalUs);
    for (const { session } of this.#live.values()) dueUs = Math.min(dueUs, session.nextDueUs(blindUs));
    const earliestUs = nowUs + (standingUs > 0 ? STANDING_SLEEP_US : MINIMUM_SLEEP_US);
    this.#wakeBy(Math.max(dueUs + WAKE_GRACE_US, earliestUs));
  }

  #wakeBy(atUs: number): void {
    if (atUs >= this.#timerUs) return;
    this.#cancelTimer?.();
    this.#timerUs = atUs;
    this.#cancelTimer = this.deps.clock.at(atUs, () => {
      this.#cancelTimer = null;
      this.#timerUs = Number.POSITIVE_INFINITY;
      const lateUs = this.deps.clock.nowUs() - atUs;
      if (this.#receivers.count === 0) this.#pass(lateUs);
      else this.#passAfterPoll(lateUs);
    });
  }

  /** Timers run before the event loop's poll phase: the sockets' replies that are already here must be read first. */
  #passAfterPoll(lateUs: number): void {
    if (this.#pending !== null) return;
    this.#socketReplies = 0;
    this.#pending = setImmediate(() => {
      this.#pending = null;
      // A full turn: there may be more to read.
      if (this.#socketReplies >= SOCKET_REPLIES_PER_TURN) this.#passAfterPoll(lateUs);
      else this.#pass(lateUs);
    });
  }
}
