/** The slow and obvious form of bpf/select.h. */
import { rehash } from './flow-hash.js';

export interface OracleTier {
  members: readonly number[];
  /** Bucket -> next hop id; empty: one member, no buckets. A power of two long. */
  buckets: readonly number[];
}

const REHASHES = 4;

/** The next hop of a flow, and whether it is not the first choice; null when nobody is alive. */
export function selectOracle(
  tiers: readonly OracleTier[],
  alive: ReadonlySet<number>,
  hash: number,
): { id: number; rerouted: boolean } | null {
  for (const [index, tier] of tiers.entries()) {
    for (let n = 0; n <= (tier.buckets.length > 0 ? REHASHES : 0); n++) {
      const at = n === 0 ? hash : rehash(hash, n);
      const id = tier.buckets.length > 0 ? tier.buckets[at % tier.buckets.length] : tier.members[0];
      if (id !== undefined && alive.has(id)) return { id, rerouted: index > 0 || n > 0 };
    }
    for (let i = 0; i < tier.members.length; i++) {
      const id = tier.members[((hash % tier.members.length) + i) % tier.members.length] as number;
      if (alive.has(id)) return { id, rerouted: true };
    }
  }
  return null;
}
