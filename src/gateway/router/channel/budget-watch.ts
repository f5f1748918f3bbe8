/** Byte budgets of metered nodes: a word at `warn_percent`, no election beyond the budget, until the day or month is over. */
import type { NodeEntry } from '../machine/state.js';
import type { Budget, BudgetLevel, UsageBook } from './usage.js';

const BYTES_PER_MB = 1_000_000n;

export interface BudgetChange {
  pairing: string;
  exhausted: boolean;
  /** For the event log. */
  cause: string;
}

export class BudgetWatch {
  readonly #levels = new Map<string, BudgetLevel>();

  /** @returns what has changed since the last call */
  check(entries: Iterable<NodeEntry>, budget: Budget | null, usage: UsageBook): BudgetChange[] {
    const changes: BudgetChange[] = [];
    for (const { pairing, offer } of entries) {
      // A node that is not heard keeps what was found when it was.
      if (offer === null && budget !== null) continue;
      const counts = budget !== null && offer?.offer.cost?.metered === true;
      const level = counts ? usage.level(pairing, budget) : 'free';
      const before = this.#levels.get(pairing) ?? 'free';
      if (level === before) continue;
      this.#levels.set(pairing, level);
      changes.push({ pairing, exhausted: level === 'exhausted', cause: causeOf(level, usage.used(pairing), budget) });
    }
    return changes;
  }

  forget(pairing: string): void {
    this.#levels.delete(pairing);
  }
}

function causeOf(level: BudgetLevel, used: bigint, budget: Budget | null): string {
  if (budget === null || level === 'free') return 'its byte budget is free again';
  const of = `${used / BYTES_PER_MB} MB of ${budget.bytes / BYTES_PER_MB} MB this ${budget.per}`;
  return level === 'warn' ? `most of its byte budget is used: ${of}` : `its byte budget is used up: ${of}`;
}
