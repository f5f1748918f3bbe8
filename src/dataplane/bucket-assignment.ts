/**
 * Resilient hashing: which next hop each bucket of a tier names. Pure. When members or weights change, only as many
 * buckets change hands as the new shares ask for; every other flow stays where it is.
 */

export interface WeightedMember {
  nextHop: number;
  weight: number;
}

/**
 * How many of `size` buckets each next hop gets: by largest remainder; of equal remainders one that holds more
 * than its whole part now wins (it would have to give a bucket away), then the first. Members of weight 0 get none, unless all have it: then they share equally.
 */
export function bucketShares(
  members: readonly WeightedMember[],
  size: number,
  holding: ReadonlyMap<number, number> = new Map(),
): Map<number, number> {
  const weights = new Map<number, number>();
  for (const { nextHop, weight } of members) weights.set(nextHop, (weights.get(nextHop) ?? 0) + weight);
  let total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  if (total === 0) {
    for (const nextHop of weights.keys()) weights.set(nextHop, 1);
    total = weights.size;
  }
  // Whole numbers: equal remainders must compare equal.
  const rows = [...weights].map(([nextHop, weight]) => {
    const floor = Math.floor((weight * size) / total);
    return { nextHop, floor, remainder: (weight * size) % total, keepsMore: (holding.get(nextHop) ?? 0) > floor };
  });
  const shares = new Map(rows.map(({ nextHop, floor }) => [nextHop, floor]));
  const left = size - rows.reduce((sum, { floor }) => sum + floor, 0);
  rows.sort((a, b) => b.remainder - a.remainder || Number(b.keepsMore) - Number(a.keepsMore));
  for (const { nextHop, floor } of rows.slice(0, left)) shares.set(nextHop, floor + 1);
  return shares;
}

/**
 * The new contents of a tier's buckets.
 * @param current next hop ids now; 0 or a stranger's: free
 * @param members at least one
 */
export function assignBuckets(current: Uint32Array, members: readonly WeightedMember[]): Uint32Array {
  const holding = new Map<number, number>();
  for (const nextHop of current) holding.set(nextHop, (holding.get(nextHop) ?? 0) + 1);
  const wanted = bucketShares(members, current.length, holding);

  const next = new Uint32Array(current.length);
  const free: number[] = [];
  const kept = new Map<number, number>();
  for (const [index, nextHop] of current.entries()) {
    const count = kept.get(nextHop) ?? 0;
    if (count < (wanted.get(nextHop) ?? 0)) {
      next[index] = nextHop;
      kept.set(nextHop, count + 1);
    } else {
      free.push(index);
    }
  }
  for (const [nextHop, share] of wanted) {
    for (let missing = share - (kept.get(nextHop) ?? 0); missing > 0; missing--) {
      const index = free.pop();
      if (index !== undefined) next[index] = nextHop;
    }
  }
  return next;
}
