/**
 * The state machine of one path: its evidence and its history give the next state. One branch per local state, in the
 * manner of RFC 5880 section 6.8.6.
 *
 *     init ----> up <---> degraded        up, degraded <---> suspect
 *       |         \________|______________________|
 *       v                  v
 *     down <------------ (confirmed failure, from every state)
 *       |
 *       +--> held --> up                  held --> down when it fails again
 *
 * To fail is quick and to come back is deliberate: `held` waits out hold-down and damping. A path that has never
 * worked since start goes from `down` to `up` at once, because it has nothing to flap back from.
 */
import {
  causeOfDegradation,
  causeOfDoubt,
  causeOfFailure,
  causeOfHealth,
  causeOfHold,
  causeOfRecovery,
  formatUs,
} from './cause.js';
import { penalise } from './damping.js';
import { releaseUs } from './hold.js';
import { works, type Health, type PathState } from './state.js';
import { isPassing, judge, probeBeyond, type Verdict } from './verdict.js';

export interface HealthChange {
  readonly from: Health;
  readonly to: Health;
  readonly cause: string;
}

interface Next {
  to: Health;
  cause: string;
}

/**
 * Lets the path go through every transition that is due.
 * @param changes receives them in order
 * @returns the same object when nothing changed
 */
export function settle(path: PathState, nowUs: number, changes: HealthChange[]): PathState {
  const beyond = probeBeyond(path) >= 0;
  let settled = path.beyondLimits === beyond ? path : { ...path, beyondLimits: beyond };
  // The verdict depends on evidence alone, and no transition changes the evidence.
  const verdict = judge(settled);
  if (!settled.hasBeenThere && settled.addressing?.ready && isConclusive(verdict)) {
    settled = { ...settled, hasBeenThere: true };
  }
  for (;;) {
    const next = nextHealth(settled, verdict, nowUs);
    if (next === null) return followHealthy(settled, nowUs);
    changes.push({ from: settled.health, ...next });
    settled = enter(settled, next, nowUs);
  }
}

const isConclusive = (verdict: Verdict): boolean => verdict.kind === 'failed' || isPassing(verdict);

function nextHealth(path: PathState, verdict: Verdict, nowUs: number): Next | null {
  switch (path.health) {
    case 'init':
      return fromInit(path, verdict, nowUs);
    case 'up':
      return fromUp(path, verdict, nowUs);
    case 'degraded':
      return fromDegraded(path, verdict, nowUs);
    case 'suspect':
      return fromSuspect(path, verdict, nowUs);
    case 'down':
      return fromDown(path, verdict, nowUs);
    case 'held':
      return fromHeld(path, verdict, nowUs);
  }
}

/** One good reply per target of the quorum is enough here: start to forwarding must be quick. */
function fromInit(path: PathState, verdict: Verdict, nowUs: number): Next | null {
  if (verdict.kind === 'failed') return { to: 'down', cause: causeOfFailure(path, verdict, nowUs) };
  return isPassing(verdict) ? { to: 'up', cause: causeOfHealth(path) } : null;
}

function fromUp(path: PathState, verdict: Verdict, nowUs: number): Next | null {
  if (verdict.kind === 'failed') return { to: 'down', cause: causeOfFailure(path, verdict, nowUs) };
  if (verdict.kind === 'doubtful') return { to: 'suspect', cause: causeOfDoubt(path, verdict, nowUs) };
  return path.beyondLimits ? { to: 'degraded', cause: causeOfDegradation(path) } : null;
}

function fromDegraded(path: PathState, verdict: Verdict, nowUs: number): Next | null {
  if (verdict.kind === 'failed') return { to: 'down', cause: causeOfFailure(path, verdict, nowUs) };
  if (verdict.kind === 'doubtful') return { to: 'suspect', cause: causeOfDoubt(path, verdict, nowUs) };
  return path.beyondLimits ? null : { to: 'up', cause: `within its limits again: ${causeOfHealth(path)}` };
}

/** Suspicion is confirmed or revoked; it goes back to where the quality says (RFC 5714: repair is reversible). */
function fromSuspect(path: PathState, verdict: Verdict, nowUs: number): Next | null {
  if (verdict.kind === 'failed') return { to: 'down', cause: causeOfFailure(path, verdict, nowUs) };
  if (verdict.kind !== 'good') return null;
  return path.beyondLimits
    ? { to: 'degraded', cause: causeOfDegradation(path) }
    : { to: 'up', cause: `suspicion revoked: ${causeOfHealth(path)}` };
}

function fromDown(path: PathState, verdict: Verdict, nowUs: number): Next | null {
  if (!isPassing(verdict)) return null;
  const recovery = causeOfRecovery(path);
  if (!path.hasWorked) return { to: 'up', cause: `works for the first time: ${causeOfHealth(path)}` };
  // Drained, it carries nothing that a flap could hurt; and undrain is to take effect at once.
  if (path.drained !== null) return { to: 'up', cause: `${recovery}; not held, because it is drained` };
  if (releaseUs(path, nowUs) <= nowUs) return { to: 'up', cause: recovery };
  return { to: 'held', cause: `${recovery}; ${causeOfHold(path, nowUs)}` };
}

function fromHeld(path: PathState, verdict: Verdict, nowUs: number): Next | null {
  if (verdict.kind === 'failed') return { to: 'down', cause: causeOfFailure(path, verdict, nowUs) };
  // Losses that have begun are waited for, however long it has been held already.
  if (!isPassing(verdict) || releaseUs(path, path.healthSinceUs) > nowUs) return null;
  return { to: 'up', cause: `held for ${formatUs(nowUs - path.healthSinceUs)}: ${causeOfHealth(path)}` };
}

/** The one function that changes a path's health. */
function enter(path: PathState, next: Next, nowUs: number): PathState {
  const entered: PathState = { ...path, health: next.to, healthSinceUs: nowUs, healthCause: next.cause };
  if (next.to === 'down') return recordFailure(entered, works(path), path.health === 'held', nowUs);
  if (!works(entered)) return entered;
  return { ...entered, hasWorked: true, hasFailed: entered.hasFailed || next.to === 'degraded' };
}

/**
 * RFC 2439 penalises the loss of a route that was there: a path dead from the start is not flapping, and what happens
 * while it is drained is maintenance.
 */
function recordFailure(path: PathState, worked: boolean, held: boolean, nowUs: number): PathState {
  const failed: PathState = { ...path, failures: path.failures + 1, hasFailed: path.hasFailed || path.hasWorked };
  if (!worked && !held) return failed;
  const penalised = path.drained === null ? penalise(path.damping, path.policy.damping, nowUs) : path.damping;
  return { ...failed, workedUntilUs: nowUs, damping: penalised };
}

function followHealthy(path: PathState, nowUs: number): PathState {
  const healthy = works(path) && !path.beyondLimits;
  if (!healthy) return path.healthySinceUs === null ? path : { ...path, healthySinceUs: null };
  if (path.healthySinceUs !== null) return path;
  return { ...path, healthySinceUs: path.hasFailed ? nowUs : Number.NEGATIVE_INFINITY };
}

/** When time alone may change this path; null: only evidence will. Never in the past. */
export function pathDeadlineUs(path: PathState, nowUs: number): number | null {
  if (path.health !== 'held') return null;
  const releasedUs = releaseUs(path, path.healthSinceUs);
  return releasedUs > nowUs ? releasedUs : null;
}
