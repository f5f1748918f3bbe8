/** How much is looked at: token buckets for each source and for all together; section 8. Pure. */

export interface Rate {
  perSecond: number;
  burst: number;
}

export interface RateLimits {
  source: Rate;
  /** Of all sources that have been authenticated, and once more of all others: a flood of strangers takes nothing away from peers. */
  altogether: Rate;
  maximumKnownSources: number;
  maximumUnknownSources: number;
}

/** Twice the pairings that a machine can have: each peer may be heard at two addresses. */
const KNOWN_SOURCES = 2048;

export const DEFAULT_RATE_LIMITS: RateLimits = {
  source: { perSecond: 20, burst: 40 },
  altogether: { perSecond: 2000, burst: 4000 },
  maximumKnownSources: KNOWN_SOURCES,
  maximumUnknownSources: 4096,
};

const US_PER_SECOND = 1_000_000;

/** A token bucket in one number (GCRA, ITU-T I.371): the moment up to which what has come is paid for at the rate. */
class Bucket {
  #paidUntilUs = 0;

  take({ perSecond, burst }: Rate, nowUs: number): boolean {
    const intervalUs = US_PER_SECOND / perSecond;
    const startUs = Math.max(this.#paidUntilUs, nowUs);
    if (startUs - nowUs > (burst - 1) * intervalUs) return false;
    this.#paidUntilUs = startUs + intervalUs;
    return true;
  }
}

/**
 * Memory is bounded whatever arrives: of the sources that have never been authenticated the oldest is forgotten first. One
 * that is forgotten begins with a full bucket again; then the limit of all together holds.
 */
export class RateLimiter {
  readonly #limits: RateLimits;
  readonly #known = new Map<string, Bucket>();
  readonly #unknown = new Map<string, Bucket>();
  readonly #allKnown = new Bucket();
  readonly #allUnknown = new Bucket();

  constructor(limits: RateLimits = DEFAULT_RATE_LIMITS) {
    this.#limits = limits;
  }

  /** Sources that are remembered. */
  get size(): number {
    return this.#known.size + this.#unknown.size;
  }

  /** @returns false: this message is beyond the share of its source, or of all such sources */
  take(source: string, nowUs: number): boolean {
    const { source: each, altogether } = this.#limits;
    const known = this.#known.get(source);
    if (known) return known.take(each, nowUs) && this.#allKnown.take(altogether, nowUs);
    return this.#unknownBucket(source).take(each, nowUs) && this.#allUnknown.take(altogether, nowUs);
  }

  /** A message from there was authentic. */
  authenticated(source: string): void {
    const bucket = this.#known.get(source) ?? this.#unknown.get(source) ?? new Bucket();
    this.#unknown.delete(source);
    // The last in the map's order is the one that was authenticated last.
    this.#known.delete(source);
    this.#known.set(source, bucket);
    forgetOldest(this.#known, this.#limits.maximumKnownSources);
  }

  #unknownBucket(source: string): Bucket {
    const found = this.#unknown.get(source);
    if (found) return found;
    const bucket = new Bucket();
    this.#unknown.set(source, bucket);
    forgetOldest(this.#unknown, this.#limits.maximumUnknownSources);
    return bucket;
  }
}

/** A map keeps the order of insertion. */
function forgetOldest(sources: Map<string, Bucket>, maximum: number): void {
  if (sources.size <= maximum) return;
  const [oldest] = sources.keys();
  if (oldest !== undefined) sources.delete(oldest);
}
