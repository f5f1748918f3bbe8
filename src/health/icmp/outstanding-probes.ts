/**
 * The probes of one session that were sent and not yet judged: a ring by sequence number, nothing allocated per probe.
 *
 * Sequence numbers are u32 and wrap; comparisons are of differences. The reply may be read before the record of its
 * sending (two queues), and records may be missing (the transmit log was overrun): neither makes a loss.
 */
const FREE = 0;
const WAITING = 1;
const SETTLED = 2;

export class OutstandingProbes {
  readonly #mask: number;
  readonly #sequence: Uint32Array;
  readonly #state: Uint8Array;
  readonly #transmitUs: Float64Array;
  readonly #blindUs: Float64Array;
  /** Every sequence before this one is settled. */
  #oldest = 0;
  /** One after the latest sequence that is known as sent. */
  #end = 0;
  #started = false;
  /** Probes that fell out of the ring without a verdict. */
  evicted = 0;

  /** @param capacity a power of two */
  constructor(capacity: number) {
    this.#mask = capacity - 1;
    this.#sequence = new Uint32Array(capacity);
    this.#state = new Uint8Array(capacity);
    this.#transmitUs = new Float64Array(capacity);
    this.#blindUs = new Float64Array(capacity);
  }

  get capacity(): number {
    return this.#mask + 1;
  }

  /**
   * Notes a probe as sent.
   * @param blindUs total blindness up to now, see Blindness
   */
  sent(sequence: number, transmitUs: number, blindUs: number): void {
    const slot = sequence & this.#mask;
    if (!this.#started) {
      this.#started = true;
      this.#oldest = sequence;
      this.#end = sequence;
    }
    if (((sequence - this.#end) | 0) >= 0) this.#end = (sequence + 1) >>> 0;
    if (this.#state[slot] !== FREE && this.#sequence[slot] === sequence) return; // its reply was here first
    this.#claim(slot, sequence, WAITING);
    this.#transmitUs[slot] = transmitUs;
    this.#blindUs[slot] = blindUs;
  }

  /**
   * Settles a probe as answered.
   * @returns what was known of it: it waited; it had its verdict already (a duplicate, or later than its timeout); or
   * the record of its sending has not been read
   */
  answered(sequence: number): 'waiting' | 'settled' | 'unknown' {
    const slot = sequence & this.#mask;
    let known: 'waiting' | 'unknown' = 'unknown';
    if (this.#state[slot] !== FREE) {
      const ahead = (sequence - this.#sequence[slot]!) | 0;
      if (ahead < 0) return 'settled'; // evicted: its slot serves a later probe
      if (ahead === 0 && this.#state[slot] === SETTLED) return 'settled';
      if (ahead === 0) known = 'waiting';
    }
    this.#claim(slot, sequence, SETTLED);
    return known;
  }

  /** Settles a probe that could not be sent. */
  failed(sequence: number): void {
    this.#claim(sequence & this.#mask, sequence, SETTLED);
  }

  /** Transmit time of the oldest probe that waits, or null. */
  oldestTransmitUs(): number | null {
    return this.#seekOldest() ? this.#transmitUs[this.#oldest & this.#mask]! : null;
  }

  /** Total blindness when the oldest waiting probe was sent; only after oldestTransmitUs() was not null. */
  oldestBlindUs(): number {
    return this.#blindUs[this.#oldest & this.#mask]!;
  }

  /** Settles the oldest waiting probe as lost; only after oldestTransmitUs() was not null. */
  settleOldest(): void {
    this.#state[this.#oldest & this.#mask] = SETTLED;
  }

  /** Forgets all probes without a verdict. @returns how many waited */
  forgetWaiting(): number {
    let forgotten = 0;
    while (this.#seekOldest()) {
      this.settleOldest();
      forgotten++;
    }
    return forgotten;
  }

  #claim(slot: number, sequence: number, state: number): void {
    if (this.#state[slot] === WAITING && this.#sequence[slot] !== sequence) this.evicted++;
    this.#sequence[slot] = sequence;
    this.#state[slot] = state;
  }

  #seekOldest(): boolean {
    if (((this.#end - this.#oldest) | 0) > this.capacity) this.#oldest = (this.#end - this.capacity) >>> 0;
    for (; this.#oldest !== this.#end; this.#oldest = (this.#oldest + 1) >>> 0) {
      const slot = this.#oldest & this.#mask;
      if (this.#state[slot] === WAITING && this.#sequence[slot] === this.#oldest) return true;
    }
    return false;
  }
}
