/**
 * Tells the controller of blindness, each moment of it once: one stall is seen by every probe that it delays, and a
 * stall that goes on is told piece by piece.
 */
import type { TelemetryBlind } from '../controller/ports.js';

/** A remainder shorter than this is the same stall seen a little later, and not worth telling. */
const REMAINDER_US = 10_000;

export class BlindReporter {
  readonly #callbacks: ((blind: TelemetryBlind) => void)[] = [];
  #toldUntilUs = Number.NEGATIVE_INFINITY;
  windows = 0;

  onBlind(callback: (blind: TelemetryBlind) => void): void {
    this.#callbacks.push(callback);
  }

  readonly report = ({ fromUs, toUs, detail }: TelemetryBlind): void => {
    const newFromUs = Math.max(fromUs, this.#toldUntilUs);
    if (newFromUs > fromUs && toUs - newFromUs < REMAINDER_US) return;
    this.#toldUntilUs = Math.max(toUs, this.#toldUntilUs);
    this.windows++;
    for (const callback of this.#callbacks) callback({ fromUs: newFromUs, toUs, detail });
  };
}
