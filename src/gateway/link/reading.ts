/**
 * When datagrams are read: in batches, so that hundreds of nodes cost some tens of wake-ups a second, and fewer while
 * nothing depends on them; at once where somebody waits for an answer. And never more than so many in a batch's time: a
 * flood costs the kernel's drops.
 */
import type { Clock } from '../../controller/ports.js';

export interface Readable {
  /** Handles up to `max` datagrams. @returns how many; fewer: there are no more */
  read(max: number): number;
}

export interface BatchTimes {
  batchMs: number;
  /** While it is calm: how long the first datagram of a batch waits. What it leaves is read at the usual pace. */
  calmBatchMs: number;
}

/** 6,400 a second at the default: more than may pass the rates of section 8, and less than a tenth of a core. */
const MAXIMUM_PER_BATCH = 128;
/** So that no source of datagrams starves another one. */
const MAXIMUM_PER_TURN = 32;

const US_PER_MS = 1000;

export class BatchedReading {
  readonly #clock: Clock;
  readonly #batchUs: number;
  readonly #waiting = new Set<Readable>();
  readonly #calmBatchUs: number;
  #timer: { atUs: number; cancel: () => void } | null = null;
  #urgent = false;
  #calm = false;
  #reading = false;
  #closed = false;
  #windowStartUs = -Infinity;
  #leftInWindow = 0;

  constructor(clock: Clock, { batchMs, calmBatchMs }: BatchTimes) {
    this.#clock = clock;
    this.#batchUs = batchMs * US_PER_MS;
    this.#calmBatchUs = calmBatchMs * US_PER_MS;
  }

  /** Something waits there. */
  readable(readable: Readable): void {
    this.#waiting.add(readable);
    if (this.#urgent) this.#read();
    else this.#readAt(this.#clock.nowUs() + (this.#calm ? this.#calmBatchUs : this.#batchUs));
  }

  forget(readable: Readable): void {
    this.#waiting.delete(readable);
  }

  setUrgent(urgent: boolean): void {
    this.#urgent = urgent;
    if (urgent && this.#waiting.size > 0) this.#read();
  }

  /** Nothing that comes can matter soon. */
  setCalm(calm: boolean): void {
    this.#calm = calm;
    if (!calm) this.#readAt(this.#clock.nowUs() + this.#batchUs);
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    this.#timer?.cancel();
  }

  /** Then, if not sooner. */
  #readAt(atUs: number): void {
    if (this.#closed || this.#waiting.size === 0) return;
    if (this.#timer) {
      if (this.#timer.atUs <= atUs) return;
      this.#timer.cancel();
    }
    const cancel = this.#clock.at(atUs, () => {
      this.#timer = null;
      this.#read();
    });
    this.#timer = { atUs, cancel };
  }

  #read(): void {
    // A message that makes something urgent comes from within.
    if (this.#reading || this.#closed) return;
    this.#reading = true;
    try {
      this.#readWhatMayBe();
    } finally {
      this.#reading = false;
      this.#readAt(Math.max(this.#windowStartUs + this.#batchUs, this.#clock.nowUs()));
    }
  }

  #readWhatMayBe(): void {
    const nowUs = this.#clock.nowUs();
    if (nowUs - this.#windowStartUs >= this.#batchUs) {
      this.#windowStartUs = nowUs;
      this.#leftInWindow = MAXIMUM_PER_BATCH;
    }
    while (this.#waiting.size > 0 && this.#leftInWindow > 0) {
      for (const readable of [...this.#waiting]) {
        const max = Math.min(MAXIMUM_PER_TURN, this.#leftInWindow);
        if (max === 0) break;
        const count = readable.read(max);
        this.#leftInWindow -= count;
        if (count < max) this.#waiting.delete(readable);
      }
    }
  }
}
