/** What the evidence of one path amounts to, before its history is looked at. */
import { probeBeyondLimits, probeVerdict } from './quorum.js';
import type { PathState } from './state.js';

export type Verdict =
  /** Everything that is needed is there and every probe passes. */
  | { readonly kind: 'good' }
  /** Works, but trouble has begun. `probe` is an index in `policy.probes`. */
  | { readonly kind: 'doubtful'; readonly by: 'neighbour' }
  | { readonly kind: 'doubtful'; readonly by: 'probe'; readonly probe: number }
  | { readonly kind: 'failed'; readonly by: 'link' | 'addressing' | 'neighbour' }
  | { readonly kind: 'failed'; readonly by: 'probe'; readonly probe: number }
  | { readonly kind: 'unknown' };

const GOOD: Verdict = { kind: 'good' };
const UNKNOWN: Verdict = { kind: 'unknown' };

/**
 * Link and addressing are conditions; then every probe must pass. The kernel's neighbour entry decides only where
 * nothing is probed: with probes, an entry that failed is a reason for doubt and the probes decide.
 */
export function judge(path: PathState): Verdict {
  if (path.link?.up === false) return { kind: 'failed', by: 'link' };
  if (path.addressing?.ready === false) return { kind: 'failed', by: 'addressing' };

  let doubtful = -1;
  let unknown = false;
  const { probes } = path.policy;
  for (let index = 0; index < probes.length; index++) {
    const verdict = probeVerdict(probes[index]!, path.targets);
    if (verdict === 'fail') return { kind: 'failed', by: 'probe', probe: index };
    if (verdict === 'doubtful' && doubtful < 0) doubtful = index;
    if (verdict === 'unknown') unknown = true;
  }
  const neighbourFailed = path.neighbour.state === 'failed';
  if (probes.length === 0 && neighbourFailed) return { kind: 'failed', by: 'neighbour' };
  if (path.link === null || path.addressing === null) return UNKNOWN;
  if (doubtful >= 0) return { kind: 'doubtful', by: 'probe', probe: doubtful };
  if (unknown) return UNKNOWN;
  return neighbourFailed ? { kind: 'doubtful', by: 'neighbour' } : GOOD;
}

/** Good enough to begin or to recover with: a failed neighbour entry does not outweigh probes that pass. */
export function isPassing(verdict: Verdict): boolean {
  return verdict.kind === 'good' || (verdict.kind === 'doubtful' && verdict.by === 'neighbour');
}

/** Index of the first probe whose quality is beyond its limits, or -1. */
export function probeBeyond(path: PathState): number {
  return path.policy.probes.findIndex((probe) => probeBeyondLimits(probe, path.targets));
}
