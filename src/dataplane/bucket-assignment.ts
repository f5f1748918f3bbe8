/**
 * Resilient hashing: which next hop each bucket of a tier names. Pure. When members or weights change, only as many
 * buckets change hands as the new shares ask for; every other flow stays where it is.
 */

export interface WeightedMember {
  nextHop: number;
  weight: number;
}

/**
 * How many of `size` buckets each next hop gets: by largest remainder; of equal remainders the one that holds more
 * buckets now wins, then the first. Members of weight 0 get none, unless all have it: then they share equally.
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
  const exact = [...weights].map(([nextHop, weight]) => ({ nextHop, share: (weight * size) / total }));
  const shares = new Map(exact.map(({ nextHop, share }) => [nextHop, Math.floor(share)]));
  let left = size - [...shares.values()].reduce((sum, share) => sum + share, 0);
  const byRemainder = exact
    .map(({ nextHop, share }) => ({ nextHop, remainder: share % 1, held: holding.get(nextHop) ?? 0 }))
    .sort((a, b) => b.remainder - a.remainder || b.held - a.held);
  for (const { nextHop } of byRemainder) {
    if (left-- <= 0) break;
    shares.set(nextHop, (shares.get(nextHop) ?? 0) + 1);
  }
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
