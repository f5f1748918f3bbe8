/**
 * A cause is written when a path enters a state, and the state may outlast it: a gateway that did not answer is then no
 * gateway at all, a link without carrier a device that is gone, two good targets three. Decides nothing.
 */
import { causeOfDegradation, causeOfFailure, causeOfHealth } from './cause.js';
import type { PathState } from './state.js';
import { judge } from './verdict.js';

/** What holds now, of a path whose health is what it was before. Figures of losses alone are no news. */
export function followCause(before: PathState, path: PathState, nowUs: number): PathState {
  const cause = newCause(before, path, nowUs);
  if (cause === null || cause === path.healthCause) return path;
  return { ...path, healthCause: cause, cause: path.drained ? path.cause : cause };
}

/** For the moment in which readers see the health again that went on being judged below `drained`. */
export function causeNow(path: PathState): string {
  if (path.health === 'up') return causeOfHealth(path);
  return path.health === 'degraded' && path.beyondLimits ? causeOfDegradation(path) : path.healthCause;
}

function newCause(before: PathState, path: PathState, nowUs: number): string | null {
  if (path.health === 'up') return sameGoodTargets(before, path) ? null : causeOfHealth(path);
  if (path.health !== 'down') return null;
  const verdict = judge(path);
  if (verdict.kind !== 'failed') return null;
  if (verdict.by === 'probe') {
    const known = judge(before);
    if (known.kind === 'failed' && known.by === 'probe' && known.probe === verdict.probe) return null;
  }
  return causeOfFailure(path, verdict, nowUs);
}

function sameGoodTargets(before: PathState, path: PathState): boolean {
  if (before.targets.length !== path.targets.length) return false;
  return path.targets.every((target, at) => (target.good === true) === (before.targets[at]!.good === true));
}
