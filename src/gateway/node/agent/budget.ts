/** Bytes carried for routers in this day or month, over restarts: the owner's budget. */
import type { NodeBudget } from '../../../config/gateway-node/index.js';
import { periodOf } from '../../period.js';
import type { Usage } from '../../wire/types.js';

/** What is kept on disk. */
export interface BudgetRecord {
  /** "2026-11" or "2026-11-24", local time. */
  period: string;
  bytes: bigint;
}

const MAXIMUM_DIGITS = 20;

export class ByteBudget {
  #budget: NodeBudget | null;
  #record: BudgetRecord;
  /** Last reading of each pairing's counters. */
  readonly #seen = new Map<string, bigint>();

  /** @param kept what an earlier run left; of an earlier period, or of one of another kind, it counts for nothing */
  constructor(budget: NodeBudget | null, kept: BudgetRecord | null, wallMs: number) {
    this.#budget = budget;
    const period = this.#periodOf(wallMs);
    this.#record = kept?.period === period ? kept : { period, bytes: 0n };
  }

  /** What was carried counts on, unless it is counted by another kind of period from now on. */
  configure(budget: NodeBudget | null): void {
    this.#budget = budget;
  }

  get record(): BudgetRecord {
    return this.#record;
  }

  /** Bytes that may still be carried; null: no limit. */
  left(wallMs: number): bigint | null {
    this.#roll(wallMs);
    if (this.#budget === null) return null;
    const left = this.#budget.bytes - this.#record.bytes;
    return left > 0n ? left : 0n;
  }

  /** @param usage of each pairing under its present lease: grows, and begins at nothing with the next lease */
  note(usage: ReadonlyMap<string, Usage>, wallMs: number): void {
    this.#roll(wallMs);
    let carried = 0n;
    for (const [pairing, { toNetworkBytes, fromNetworkBytes }] of usage) {
      const now = toNetworkBytes + fromNetworkBytes;
      const before = this.#seen.get(pairing) ?? 0n;
      carried += now >= before ? now - before : now;
      this.#seen.set(pairing, now);
    }
    if (carried > 0n) this.#record = { ...this.#record, bytes: this.#record.bytes + carried };
  }

  #roll(wallMs: number): void {
    const period = this.#periodOf(wallMs);
    if (period !== this.#record.period) this.#record = { period, bytes: 0n };
  }

  #periodOf(wallMs: number): string {
    return periodOf(wallMs, this.#budget?.per ?? 'month');
  }
}

export const encodeBudget = ({ period, bytes }: BudgetRecord): string =>
  `${JSON.stringify({ version: 1, period, bytes: bytes.toString() })}\n`;

/** null: nothing that could be used. */
export function decodeBudget(text: string): BudgetRecord | null {
  try {
    const { version, period, bytes } = JSON.parse(text) as Record<string, unknown>;
    if (version !== 1 || typeof period !== 'string' || typeof bytes !== 'string') return null;
    return bytes.length <= MAXIMUM_DIGITS && /^\d+$/.test(bytes) ? { period, bytes: BigInt(bytes) } : null;
  } catch {
    return null;
  }
}
