/**
 * Which liveness bits are set. Normally those of the usable paths; but never act without a better alternative: when no
 * member of a family is usable, one path keeps (or gets) its bit, with the reason said aloud.
 *
 * That one is, in this order: a held path, a drained one that works, a drained one that is held, and then, all being
 * down, the last good one, or one that is evidently better (it has its link, the last good one has not). The present one
 * stays as long as no other is strictly better.
 */
import type { Family } from '../net/ip-address.js';
import { familyName } from './cause.js';
import { usable, works, type PathState } from './state.js';

/** Ranks apart from each other by more than `sendRank` can add. */
const RANK_HELD = 300;
const RANK_DRAINED_WORKS = 200;
const RANK_DRAINED_HELD = 100;

/** @returns the paths of `family` with `alive` and `kept` decided; the same array when nothing changed */
export function decideLiveness(paths: readonly PathState[], family: Family): readonly PathState[] {
  const fallback = chooseFallback(paths, family);
  let decided: PathState[] | null = null;
  for (let index = 0; index < paths.length; index++) {
    const path = paths[index]!;
    if (path.family !== family) continue;
    const kept = index === fallback ? keptReason(path, paths) : null;
    const alive = kept !== null || usable(path);
    if (alive === path.alive && kept === path.kept) continue;
    decided ??= paths.slice();
    decided[index] = { ...path, alive, kept, hasBeenAlive: alive || path.hasBeenAlive };
  }
  return decided ?? paths;
}

/** Index of the path to use although its state speaks against it, or -1: not needed, or nothing has ever worked. */
function chooseFallback(paths: readonly PathState[], family: Family): number {
  let best = -1;
  let inUse = false;
  for (let index = 0; index < paths.length; index++) {
    const path = paths[index]!;
    if (path.family !== family || !path.member) continue;
    if (usable(path)) return -1;
    // What it leads to, nobody knows yet.
    if (path.policy.lastResort && !path.hasWorked) continue;
    inUse ||= path.hasWorked || path.hasBeenAlive;
    if (best < 0 || isBetter(path, paths[best]!)) best = index;
  }
  return inUse ? best : -1;
}

function isBetter(path: PathState, than: PathState): boolean {
  const difference = rank(path) - rank(than);
  if (difference !== 0) return difference > 0;
  if (path.alive !== than.alive) return path.alive;
  return workedUntil(path) > workedUntil(than);
}

function rank(path: PathState): number {
  if (path.health === 'held') return path.drained ? RANK_DRAINED_HELD : RANK_HELD;
  if (works(path)) return RANK_DRAINED_WORKS;
  return sendRank(path);
}

/** Of paths that are down: can it send at all, does the operator want it, does its gateway answer. */
function sendRank(path: PathState): number {
  const canSend = path.link?.up === true && path.addressing?.ready === true;
  return (canSend ? 4 : 0) + (path.drained === null ? 2 : 0) + (path.neighbour.state === 'failed' ? 0 : 1);
}

function workedUntil(path: PathState): number {
  return path.hasWorked ? path.workedUntilUs : Number.NEGATIVE_INFINITY;
}

function keptReason(path: PathState, paths: readonly PathState[]): string {
  const family = familyName(path.family);
  if (path.health === 'held') {
    return path.drained
      ? `drained and held, but no other ${family} path works`
      : `used before its hold-down ends: no other live ${family} path`;
  }
  if (works(path)) return `drained, but the only live ${family} path`;
  const others = paths.filter((other) => other.family === path.family && other.member && other !== path);
  if (others.length === 0) return `last good path: the only ${family} path there is`;
  const lastGood = others.every((other) => workedUntil(path) >= workedUntil(other));
  return lastGood
    ? `last good path: no other ${family} path is alive`
    : `best of the ${family} paths, none of which is alive`;
}
