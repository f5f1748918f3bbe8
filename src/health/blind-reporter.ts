/** Tells the controller of blindness, once: one stall is seen by every probe that it delays. */
import type { TelemetryBlind } from '../controller/ports.js';

export class BlindReporter {
  readonly #callbacks: ((blind: TelemetryBlind) => void)[] = [];
  #toldUntilUs = Number.NEGATIVE_INFINITY;
  windows = 0;

  onBlind(callback: (blind: TelemetryBlind) => void): void {
    this.#callbacks.push(callback);
  }

  readonly report = (blind: TelemetryBlind): void => {
    if (blind.toUs <= this.#toldUntilUs) return;
    const known = Math.max(blind.fromUs, this.#toldUntilUs);
    // Most of it was told before: the rest is the same stall, seen a little later.
    const isNew = blind.toUs - known >= (blind.toUs - blind.fromUs) / 2;
    if (!isNew) return;
    this.#toldUntilUs = blind.toUs;
    this.windows++;
    for (const callback of this.#callbacks) callback(blind);
  };
}
