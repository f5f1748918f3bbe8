/**
 * Stands in for a probe that cannot be sent at all (no address, gateway unresolved, interface gone): reports a loss
 * with the reason at the probe's pace, so that the decision sees why.
 */
import type { Clock } from '../controller/ports.js';

/** Never faster than this: the reason does not change by repetition. */
const FASTEST_PACE_US = 200_000;

export class Unsendable {
  #cancel: () => void;

  /** @param onTick called each time a probe would have been lost, first after one interval */
  constructor(
    private readonly clock: Clock,
    private readonly intervalUs: number,
    private readonly onTick: () => void,
  ) {
    this.#cancel = this.#plan();
  }

  close(): void {
    this.#cancel();
  }

  #plan(): () => void {
    return this.clock.at(this.clock.nowUs() + Math.max(this.intervalUs, FASTEST_PACE_US), () => {
      this.#cancel = this.#plan();
      this.onTick();
    });
  }
}
