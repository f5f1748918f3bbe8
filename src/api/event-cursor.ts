/**
 * Where a reader of the event log is: RUN-SEQUENCE, the sequence number being that of the last entry it has seen.
 * A bare number is taken, too: it is meant for the present run, whichever that is.
 */
import { Type } from 'typebox';

export interface EventCursor {
  /** null: the reader did not say. */
  run: string | null;
  sequence: number;
}

/** Fifteen digits stay below 2^53. The largest safe integer has sixteen and is what readers send for "only the newest". */
const PATTERN = '^(?:([0-9a-z]{1,32})-)?([0-9]{1,16})$';
const expression = new RegExp(PATTERN);

export const CursorSchema = Type.String({ pattern: PATTERN });

/** @param text fits the schema */
export function parseCursor(text: string): EventCursor {
  const [, run, sequence] = expression.exec(text) ?? [];
  return { run: run ?? null, sequence: Math.min(Number(sequence), Number.MAX_SAFE_INTEGER) };
}

export const formatCursor = (run: string, sequence: number): string => `${run}-${sequence}`;

/** Whether the reader's numbers are those of an earlier run. */
export const isOfEarlierRun = (cursor: EventCursor, run: string): boolean => cursor.run !== null && cursor.run !== run;
