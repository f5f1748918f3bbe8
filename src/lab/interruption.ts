/** Ctrl-C, a closed terminal and a polite kill as an AbortSignal, for programs that must not leave namespaces behind. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Interrupted extends Error {
  constructor(readonly by: (typeof SIGNALS)[number]) {
    super(`interrupted by ${by}`);
    this.name = 'Interrupted';
  }

  /** As shells report a program that a signal ended: 130 for Ctrl-C. */
  get exitCode(): number {
    return 128 + constants.signals[this.by];
  }
}

/**
 * Aborts with an `Interrupted` as its reason. Stays in force until the process ends: a second Ctrl-C must not cut the
 * clean-up short. After SIGHUP nobody reads what is printed; `console` does not mind.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of SIGNALS) process.on(name, () => controller.abort(new Interrupted(name)));
  return controller.signal;
}
