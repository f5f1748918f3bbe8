/** The one shape in which every benchmark reports: build/bench/<bench>.json. */
import type { Machine } from './machine.js';
import { summarise } from './statistics.js';
import type { Summary } from './statistics.js';

export interface Row extends Summary {
  contender: string;
  case: string;
  metric: string;
  unit: string;
}

/** A comparison of two contenders, shown above the rows; not part of the file, which holds what was measured. */
export interface Ratio extends Summary {
  what: string;
  case: string;
}

export interface BenchReport {
  bench: string;
  machine: Machine;
  rows: readonly Row[];
  /** What is missing, and why; empty: nothing. */
  failures: readonly string[];
}

export interface Measured {
  ratios: Ratio[];
  rows: Row[];
  /** Parts that failed, each with its reason: their rows are not there, or fewer. Absent: there are none. */
  failures?: readonly string[];
  /** What a reader must know to judge the numbers, one line each. */
  notes: string[];
}

export interface BenchContext {
  say(text: string): void;
  /** Runs at the end, also after a failure or Ctrl-C; the last one first. */
  defer(undo: () => void | Promise<void>): void;
  /** Keeps what has been measured so far, should nothing follow. */
  save(rows: readonly Row[]): void;
  /** Aborts on Ctrl-C, SIGTERM or a closed terminal: every wait and loop heeds it. */
  signal: AbortSignal;
}

/** `run` measures; it leaves clean-up to `defer`. */
export interface Bench {
  name: string;
  run(context: BenchContext): Promise<Measured>;
}

export function row(
  contender: string,
  caseName: string,
  metric: { name: string; unit: string },
  values: readonly number[],
): Row {
  const { min, median, max, runs } = summarise(values);
  return { contender, case: caseName, metric: metric.name, unit: metric.unit, min, median, max, runs };
}

export function ratio(what: string, caseName: string, values: readonly number[]): Ratio {
  return { what, case: caseName, ...summarise(values) };
}
