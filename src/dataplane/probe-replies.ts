/** Probe sessions and the replies that XDP timed, for health/ (handed over in main.ts). */
import { EventType, Limit, probeReplyEventCodec, probeSessionCodec, ProbeSessionFlag } from '../abi/index.js';
import type { ProbeReply, ProbeReplySource } from '../controller/ports.js';
import type { NativeAddon, RingBuffer } from '../native.js';
import { encoded, type KernelMap } from './kernel-map.js';

const DRAIN_BYTES = 64 * 1024;
/** In front of each record: u32 length, u32 zero (native.ts). */
const HEADER_BYTES = 8;

export class ProbeReplies implements ProbeReplySource {
  readonly cookieKey: Uint8Array;
  readonly #sessions: KernelMap;
  readonly #ring: RingBuffer;
  readonly #buffer = new Uint8Array(DRAIN_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  #onWake: (() => void) | null = null;

  constructor(sessions: KernelMap, events: KernelMap, cookieKey: Uint8Array, native: NativeAddon) {
    this.#sessions = sessions;
    this.cookieKey = cookieKey;
    this.#clearSessions();
    this.#ring = native.openRingBuffer(events.fd, () => this.#wake());
  }

  setSession(session: number, options: { ifindex: number; epoch: number; wake: boolean } | null): void {
    if (!Number.isInteger(session) || session < 0 || session >= this.#sessions.maxEntries) {
      throw new RangeError(`probe session ${session} is not from 0 to ${this.#sessions.maxEntries - 1}`);
    }
    const flags = options ? ProbeSessionFlag.ACTIVE | (options.wake ? ProbeSessionFlag.WAKE : 0) : 0;
    const { ifindex, epoch } = options ?? { ifindex: 0, epoch: 0 };
    this.#sessions.updateElement(session, encoded(probeSessionCodec, { flags, ifindex, epoch }));
  }

  drain(onReply: (reply: ProbeReply) => void): number {
    let replies = 0;
    for (let bytes = this.#ring.drain(this.#buffer); bytes > 0; bytes = this.#ring.drain(this.#buffer)) {
      for (let at = 0; at + HEADER_BYTES <= bytes;) {
        const length = this.#view.getUint32(at, true);
        if (this.#isReply(at + HEADER_BYTES, length)) {
          replies++;
          onReply(this.#decode(at + HEADER_BYTES));
        }
        at += HEADER_BYTES + Math.ceil(length / 8) * 8;
      }
    }
    return replies;
  }

  onWake(callback: () => void): void {
    this.#onWake = callback;
  }

  close(): void {
    this.#onWake = null;
    this.#ring.close();
  }

  /** Sessions of an earlier process: nobody waits for their replies. */
  #clearSessions(): void {
    const present = this.#sessions.readArray(Limit.MAX_PROBE_SESSIONS);
    for (let session = 0; session < Limit.MAX_PROBE_SESSIONS; session++) {
      const at = session * probeSessionCodec.size;
      if (present.subarray(at, at + probeSessionCodec.size).some((byte) => byte !== 0)) this.setSession(session, null);
    }
  }

  /** The ring stays readable until it is drained: with nobody listening, its records are nobody's. */
  #wake(): void {
    if (this.#onWake) this.#onWake();
    else this.drain(() => undefined);
  }

  /** Records of types that this version does not know are passed over. */
  #isReply(at: number, length: number): boolean {
    return length >= probeReplyEventCodec.size && this.#view.getUint32(at, true) === EventType.PROBE_REPLY;
  }

  #decode(at: number): ProbeReply {
    const event = probeReplyEventCodec.decode(this.#view, at);
    return {
      session: event.session,
      epoch: event.epoch,
      sequence: event.sequence,
      transmitNs: event.transmitNs,
      receiveNs: event.receiveNs,
      wrongPath: event.wrongPath !== 0,
    };
  }
}
