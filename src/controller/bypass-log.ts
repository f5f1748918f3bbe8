/** Tells in the log when netfilter or IPsec takes packets from XDP or gives them back while the controller runs. */
import type { Config } from '../config/types.js';
import { bypassNotes } from './bypasses.js';
import { netfilterNotes } from './stack-reasons.js';
import type { KernelView } from './ports.js';

type Log = (level: 'info' | 'warn', text: string) => void;

export class BypassLog {
  readonly #log: Log;
  /** null before the first pass: what is found at the start is told with everything else of health. */
  #told: readonly string[] | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  /** After each pass: what is new is told, and what is gone. */
  note(config: Config, view: KernelView): void {
    const notes =
      config.mode === 'active' ? [...netfilterNotes(config, view), ...bypassNotes(view, config.kernel)] : [];
    const before = this.#told;
    this.#told = notes;
    if (!before) return;
    for (const note of before) if (!notes.includes(note)) this.#log('info', `no longer: ${note}`);
    for (const note of notes) if (!before.includes(note)) this.#log('warn', note);
  }
}
