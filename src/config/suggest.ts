/** "did you mean": the known word that a misspelt one was probably meant to be. Pure. */

/**
 * @returns the nearest of `known`, or null if none is near enough: the same but for case and separators, without its
 * unit ("interval" for "interval_ms"), or at an edit distance of at most a third of its length
 */
export function suggest(word: string, known: readonly string[]): string | null {
  const plain = normalise(word);
  if (plain === '') return null;
  const same = known.find((candidate) => normalise(candidate) === plain);
  if (same !== undefined) return same;
  const withoutUnit = known.find((candidate) => normalise(candidate.replace(/_(ms|percent|samples)$/, '')) === plain);
  if (withoutUnit !== undefined) return withoutUnit;

  let best: { candidate: string; distance: number } | null = null;
  for (const candidate of known) {
    const distance = editDistance(plain, normalise(candidate));
    if (distance <= Math.floor(candidate.length / 3) && (best === null || distance < best.distance)) {
      best = { candidate, distance };
    }
  }
  return best?.candidate ?? null;
}

/** "intervalMs", "interval-ms" and "interval_ms" are the same. Long input is cut: no configuration word is longer. */
const normalise = (word: string): string =>
  word
    .slice(0, 64)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, beforePrevious[j - 2]! + 1);
      row.push(cost);
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length]!;
}
