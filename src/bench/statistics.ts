/** What several runs say together. Pure. */

export interface Summary {
  min: number;
  median: number;
  max: number;
  /** How many. */
  runs: number;
}

/** @throws RangeError without any value: a benchmark that measured nothing must not report a number. */
export function summarise(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) throw new RangeError('no run to summarise');
  return { min, median: medianOfSorted(sorted), max, runs: sorted.length };
}

/** Of an even number of values: the mean of the two in the middle. */
function medianOfSorted(sorted: readonly number[]): number {
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/**
 * Ratios of runs that were made next to each other: what slows the machine for a while slows both of a pair.
 * @throws RangeError when they do not pair up.
 */
export function pairedRatios(a: readonly number[], b: readonly number[]): number[] {
  if (a.length !== b.length) throw new RangeError(`${a.length} runs cannot be paired with ${b.length}`);
  return a.map((value, index) => value / (b[index] ?? Number.NaN));
}
