/**
 * A machine in virtual time, for tests of the probes: a clock whose timers can be held up (the controller's event loop
 * stalls), a transmitter thread that can be held up too, a reply ring of limited size, and paths that answer as told.
 */
import type { Clock, ProbeReply, ProbeReplySource } from '../../src/controller/ports.js';
import type {
  IcmpReceiver,
  IcmpReceiverOptions,
  NativeAddon,
  Prober,
  ProbeStream,
  TransmitRecord,
} from '../../src/native.js';
import { IpAddress } from '../../src/net/ip-address.js';

/** What becomes of one probe. `wrongPath`: the reply comes by another interface. */
export type Fate = { delayUs: number; wrongPath?: boolean } | { errno: number } | 'lost';
export type PathModel = (transmitUs: number, sequence: number) => Fate;

interface Event {
  atUs: number;
  order: number;
  /** Only the process can be stalled; the world goes on. */
  ofProcess: boolean;
  run: () => void;
  cancelled: boolean;
}

const RING_RECORDS = 4096;

export class VirtualWorld {
  now = 1_000_000_000;
  /** Timers of the process don't run before this. */
  processStalledUntilUs = 0;
  /** The transmitter sends nothing before this. */
  transmitterStalledUntilUs = 0;
  /** Times at which a timer or a wake-up ran in the process. */
  wakeUps = 0;
  ringDrops = 0;
  /** Wake-ups that were for a reply in the ring. */
  ringWakes = 0;
  readonly streams = new Map<number, ProbeStream>();
  readonly sessions = new Map<number, { ifindex: number; epoch: number; wake: boolean }>();
  readonly receivers: IcmpReceiverOptions[] = [];
  /** Next setStream calls throw this errno name. */
  refuseStreams: string | null = null;
  #events: Event[] = [];
  #order = 0;
  #paths = new Map<string, PathModel>();
  #log: TransmitRecord[] = [];
  #ring: ProbeReply[] = [];
  #onWake: (() => void)[] = [];
  #heartbeatUs = this.now;
  #repliesHeldUntilUs = 0;
  #jitterSeed = 7;
  #generation = new Map<number, number>();

  // ------------------------------------------------------------ time

  readonly clock: Clock = {
    nowUs: () => this.now,
    wallMs: () => this.now / 1000,
    at: (atUs, callback) => {
      const event = this.#plan(atUs, true, () => {
        this.wakeUps++;
        callback();
      });
      return () => (event.cancelled = true);
    },
  };

  #plan(atUs: number, ofProcess: boolean, run: () => void): Event {
    const event = { atUs: Math.max(atUs, this.now), order: this.#order++, ofProcess, run, cancelled: false };
    this.#events.push(event);
    return event;
  }

  #effectiveUs(event: Event): number {
    return event.ofProcess ? Math.max(event.atUs, this.processStalledUntilUs) : event.atUs;
  }

  /** Lets `durationUs` pass. */
  run(durationUs: number): void {
    const untilUs = this.now + durationUs;
    for (;;) {
      this.#events = this.#events.filter((event) => !event.cancelled);
      let next: Event | null = null;
      for (const event of this.#events) {
        if (next === null || this.#before(event, next)) next = event;
      }
      if (next === null || this.#effectiveUs(next) > untilUs) break;
      next.cancelled = true;
      this.now = Math.max(this.now, this.#effectiveUs(next));
      next.run();
    }
    this.now = untilUs;
  }

  #before(a: Event, b: Event): boolean {
    const difference = this.#effectiveUs(a) - this.#effectiveUs(b);
    return difference === 0 ? a.order < b.order : difference < 0;
  }

  // ------------------------------------------------------------ paths

  /** How probes to `destination` fare from now on; unknown destinations lose everything. */
  path(destination: string, model: PathModel): void {
    this.#paths.set(destination, model);
  }

  // ------------------------------------------------------------ the addon

  readonly native: Pick<NativeAddon, 'createProber' | 'createIcmpReceiver' | 'openPathSocket'> = {
    createProber: () => this.#createProber(),
    createIcmpReceiver: (options): IcmpReceiver => {
      this.receivers.push(options);
      return { close: () => void this.receivers.splice(this.receivers.indexOf(options), 1) };
    },
    openPathSocket: () => Promise.reject(new Error('no sockets in this world')),
  };

  #createProber(): Prober {
    const beat = (): void => {
      if (this.now >= this.transmitterStalledUntilUs) this.#heartbeatUs = this.now;
      this.#plan(Math.max(this.now + 20_000, this.transmitterStalledUntilUs), false, beat);
    };
    beat();
    let closed = false;
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- getters of the object below need it
    const world = this;
    return {
      realtime: false,
      transmitLogOverruns: 0,
      get heartbeatNs() {
        return BigInt(Math.round(world.#heartbeatUs * 1000));
      },
      setStream: (stream) => this.#setStream(stream),
      removeStream: (session) => void this.streams.delete(session),
      burst: () => {},
      readTransmitLog: (max) => {
        if (closed) throw new Error('EBADF: the prober is closed');
        return this.#log.splice(0, max);
      },
      close: () => {
        closed = true;
        this.streams.clear();
      },
    };
  }

  #setStream(stream: ProbeStream): void {
    if (this.refuseStreams !== null) {
      throw Object.assign(new Error(`${this.refuseStreams}: sendto`), { code: this.refuseStreams });
    }
    this.streams.set(stream.session, stream);
    const generation = (this.#generation.get(stream.session) ?? 0) + 1;
    this.#generation.set(stream.session, generation);
    this.#planSend(stream, 1, this.now, generation);
  }

  #planSend(stream: ProbeStream, sequence: number, dueUs: number, generation: number): void {
    this.#plan(dueUs, false, () => {
      if (this.#generation.get(stream.session) !== generation || !this.streams.has(stream.session)) return;
      if (this.now < this.transmitterStalledUntilUs) {
        this.#plan(this.transmitterStalledUntilUs, false, () => this.#send(stream, sequence, dueUs, generation));
      } else {
        this.#send(stream, sequence, dueUs, generation);
      }
    });
  }

  #send(stream: ProbeStream, sequence: number, dueUs: number, generation: number): void {
    if (!this.streams.has(stream.session)) return;
    this.#heartbeatUs = this.now;
    const transmitUs = this.now;
    const fate = this.#paths.get(destinationOf(stream))?.(transmitUs, sequence) ?? 'lost';
    this.#log.push({
      session: stream.session,
      epoch: stream.epoch,
      sequence,
      transmitNs: BigInt(Math.round(transmitUs * 1000)),
      lateUs: transmitUs - dueUs,
      errno: typeof fate === 'object' && 'errno' in fate ? fate.errno : 0,
    });
    if (typeof fate === 'object' && 'delayUs' in fate) {
      this.#plan(transmitUs + fate.delayUs, false, () => this.#receive(stream, sequence, transmitUs, fate.wrongPath));
    }
    this.#planSend(stream, sequence + 1, Math.max(dueUs + this.#gapUs(stream), this.now), generation);
  }

  /** As the transmitter does it; the same in every run. */
  #gapUs({ intervalUs, jitterPercent }: ProbeStream): number {
    this.#jitterSeed = (this.#jitterSeed * 16807) % 2147483647;
    return Math.round(intervalUs * (1 - (jitterPercent / 100) * (this.#jitterSeed / 2147483647)));
  }

  /** No reply gets through before `untilUs`; those that come in the meantime are received then. */
  holdReplies(untilUs: number): void {
    this.#repliesHeldUntilUs = untilUs;
  }

  #receive(stream: ProbeStream, sequence: number, transmitUs: number, wrongPath = false): void {
    if (this.now < this.#repliesHeldUntilUs) {
      this.#plan(this.#repliesHeldUntilUs, false, () => this.#receive(stream, sequence, transmitUs, wrongPath));
      return;
    }
    const reply: ProbeReply = {
      session: stream.session,
      epoch: stream.epoch,
      sequence,
      transmitNs: BigInt(Math.round(transmitUs * 1000)),
      receiveNs: BigInt(Math.round(this.now * 1000)),
      wrongPath,
    };
    const receiver = this.receivers.find((entry) => entry.ifindex === stream.ifindex && entry.family === stream.family);
    if (receiver !== undefined) {
      this.#plan(this.now, true, () => receiver.onReply({ ...reply, source: new Uint8Array(4) }));
      return;
    }
    const session = this.sessions.get(stream.session);
    if (session === undefined || session.epoch !== stream.epoch) return;
    if (this.#ring.length >= RING_RECORDS) {
      this.ringDrops++;
      return;
    }
    this.#ring.push(reply);
    if (session.wake) this.#plan(this.now, true, () => this.wake());
  }

  /** Wakes the reader of the ring, as XDP does for sessions that ask for it. */
  wake(): void {
    this.wakeUps++;
    this.ringWakes++;
    for (const callback of this.#onWake) callback();
  }

  /** Replies in the ring that nobody has read. */
  get unread(): number {
    return this.#ring.length;
  }

  /** Sends a reply again, or one that was never asked for. */
  inject(reply: ProbeReply): void {
    this.#ring.push(reply);
  }

  readonly replies: ProbeReplySource = {
    cookieKey: new Uint8Array(16),
    setSession: (session, options) => {
      if (options === null) this.sessions.delete(session);
      else this.sessions.set(session, options);
    },
    drain: (onReply) => {
      const ready = this.#ring;
      this.#ring = [];
      for (const reply of ready) onReply(reply);
      return ready.length;
    },
    onWake: (callback) => void this.#onWake.push(callback),
  };
}

/** The frame's destination address, as text. */
function destinationOf({ frame, icmpOffset, family }: ProbeStream): string {
  const bytes = family === 4 ? 4 : 16;
  return IpAddress.fromBytes(frame.subarray(icmpOffset - bytes, icmpOffset)).toString();
}
