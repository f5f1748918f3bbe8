/**
 * A benchmark of several parts, each of which takes minutes: what one of them has measured is kept when a later one
 * fails or is interrupted, and so is what a part had measured when it failed.
 */
import { messageOf } from '../errors.js';
import { withCleanUp } from './clean-up.js';
import { row } from './result.js';
import type { BenchContext, Measured, Row } from './result.js';

/** Where results go as they come. */
export type Keep = (rows: readonly Row[]) => void;

export interface Part {
  name: string;
  /** Its clean-up is done when it ends, so that nothing of it runs beside the next one. */
  measure(context: BenchContext, keep: Keep): Promise<void>;
}

/** As `row`, but nothing measured is no row: of a part that ended early. */
export function rowOfAny(caseName: string, metric: { name: string; unit: string }, values: readonly number[]): Row[] {
  return values.length === 0 ? [] : [row('detour', caseName, metric, values)];
}

/** One after the other, the rest also after a failure; an interruption ends them all. */
export async function runParts(
  context: BenchContext,
  parts: readonly Part[],
): Promise<Pick<Measured, 'rows' | 'failures'>> {
  const rows: Row[] = [];
  const failures: string[] = [];
  const keep: Keep = (more) => {
    rows.push(...more);
    context.save(rows);
  };
  for (const part of parts) {
    const { name } = part;
    context.say(name);
    try {
      context.signal.throwIfAborted();
      await withCleanUp((defer) => part.measure({ ...context, defer }, keep));
    } catch (error) {
      const reason: unknown = context.signal.aborted ? context.signal.reason : error;
      failures.push(`${name}: ${messageOf(reason)}`);
      context.say(`FAILED: ${failures.at(-1)}`);
      if (context.signal.aborted) break;
    }
  }
  return { rows, failures };
}
