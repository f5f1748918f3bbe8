/** What goes out to listeners: in order, and not before the call that caused it has changed everything that it changes. */
export class Outbox {
  readonly #waiting: (() => void)[] = [];
  #delivering = false;

  post(deliver: () => void): void {
    this.#waiting.push(deliver);
  }

  /** A listener may cause more: that is delivered after what waits already, by the outermost call. */
  deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) next();
    } finally {
      this.#delivering = false;
    }
  }
}
