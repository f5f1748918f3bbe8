/** What the rounds of probes say of the way out in one family. Pure. */
import type { Family } from '../../../net/ip-address.js';
import type { Backhaul } from '../../wire/types.js';

/** Loss and round trip are those of the last so many rounds. */
const WINDOW = 20;

export class Judgement {
  readonly #failAfter: number;
  /** Round trips in microseconds, newest last; null: nobody answered. */
  #rounds: (number | null)[] = [];
  #lostInRow = 0;
  #atUs: number | null = null;
  #state: Backhaul['state'] = 'unknown';

  constructor(failAfter: number) {
    this.#failAfter = failAfter;
  }

  get state(): Backhaul['state'] {
    return this.#state;
  }

  /** @param rttUs null: nobody answered */
  add(rttUs: number | null, nowUs: number): void {
    this.#rounds = [...this.#rounds.slice(1 - WINDOW), rttUs];
    this.#lostInRow = rttUs === null ? this.#lostInRow + 1 : 0;
    this.#atUs = nowUs;
    if (rttUs !== null) this.#state = 'good';
    else if (this.#lostInRow >= this.#failAfter) this.#state = 'bad';
  }

  report(family: Family, nowUs: number): Backhaul {
    const replies = this.#rounds.filter((rttUs) => rttUs !== null);
    const sumUs = replies.reduce((sum, rttUs) => sum + rttUs, 0);
    const lost = this.#rounds.length - replies.length;
    return {
      family,
      state: this.#state,
      lossPermille: this.#rounds.length === 0 ? 0 : Math.round((lost * 1000) / this.#rounds.length),
      rttUs: replies.length === 0 ? 0 : Math.round(sumUs / replies.length),
      ageMs: this.#atUs === null ? 0 : Math.round((nowUs - this.#atUs) / 1000),
    };
  }
}
