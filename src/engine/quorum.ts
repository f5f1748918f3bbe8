/**
 * The verdict of one probe over its targets in one family. A quorum keeps a dead target from being taken for a dead
 * path: the probe passes while at least `quorum` targets are good.
 */
import type { ProbeSlot, TargetState } from './state.js';

/**
 * `doubtful`: passes or is unknown, but would fail if the loss runs that have begun went on.
 * `unknown`: too few targets have a verdict.
 */
export type ProbeVerdict = 'pass' | 'doubtful' | 'fail' | 'unknown';

export function probeVerdict(probe: ProbeSlot, targets: readonly TargetState[]): ProbeVerdict {
  let good = 0;
  let bad = 0;
  let losing = 0;
  for (let i = probe.first; i < probe.first + probe.count; i++) {
    const target = targets[i]!;
    if (target.good === false) bad++;
    else {
      if (target.good === true) good++;
      if (target.consecutiveLosses > 0) losing++;
    }
  }
  const spare = probe.count - probe.quorum;
  if (bad > spare) return 'fail';
  if (bad + losing > spare) return 'doubtful';
  return good >= probe.quorum ? 'pass' : 'unknown';
}

/** The same quorum rule for quality: one slow or dead target of several does not make the path degraded. */
export function probeBeyondLimits(probe: ProbeSlot, targets: readonly TargetState[]): boolean {
  let within = 0;
  for (let i = probe.first; i < probe.first + probe.count; i++) {
    if (!targets[i]!.beyondLimits) within++;
  }
  return within < probe.quorum;
}
