/** Hold-down: a path that has recovered waits before it is used again, longer while damping suppresses it. */
import type { PathState } from './state.js';

/** When a path that recovered at `recoveredUs` may be used again. */
export function releaseUs(path: PathState, recoveredUs: number): number {
  return Math.max(recoveredUs + path.policy.holdDownUs, path.damping.suppressedUntilUs ?? 0);
}

/** For a held path, when its waiting ends; null for every other one. */
export function heldUntilUs(path: PathState): number | null {
  return path.health === 'held' ? releaseUs(path, path.healthSinceUs) : null;
}
