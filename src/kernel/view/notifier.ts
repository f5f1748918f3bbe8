/** Collects what changed and tells it once, with one view. */
import type { KernelChange, KernelView } from '../../controller/ports.js';

export type ChangeCallback = (changes: ReadonlySet<KernelChange>, view: KernelView) => void;

export class ChangeNotifier {
  readonly #view: () => KernelView;
  readonly #callbacks: ChangeCallback[] = [];
  #pending = new Set<KernelChange>();
  #scheduled: NodeJS.Immediate | null = null;

  constructor(view: () => KernelView) {
    this.#view = view;
  }

  add(callback: ChangeCallback): void {
    this.#callbacks.push(callback);
  }

  /**
   * Told at the end of this turn of the event loop (no timer): a burst of ten thousand routes is one change, not ten
   * thousand views. Link changes do not wait for that: see flush().
   */
  mark(change: KernelChange): void {
    this.#pending.add(change);
    this.#scheduled ??= setImmediate(() => this.flush());
  }

  /** Tells now, still within the netlink callback that brought the news. */
  flush(): void {
    if (this.#scheduled) clearImmediate(this.#scheduled);
    this.#scheduled = null;
    if (this.#pending.size === 0) return;
    const changes = this.#pending;
    this.#pending = new Set();
    const view = this.#view();
    for (const callback of this.#callbacks) callback(changes, view);
  }

  close(): void {
    if (this.#scheduled) clearImmediate(this.#scheduled);
    this.#scheduled = null;
    this.#pending.clear();
    this.#callbacks.length = 0;
  }
}
