/**
 * Flap damping after RFC 2439: each failure adds a penalty to a figure of merit that decays with a half-life. Above the
 * cutoff threshold the path is suppressed until the figure has fallen to the reuse threshold.
 *
 * The decay is computed in closed form when somebody asks, so that it needs no timer (RFC 2439 section 4.3 quantises it
 * into arrays because routers of 1998 had no cheap exponential).
 */
import type { DampingState } from './state.js';
import type { DampingPolicy } from './types.js';

export const NO_DAMPING: DampingState = { figureOfMerit: 0, atUs: 0, suppressedUntilUs: null };

/** The figure of merit at `nowUs`. */
export function figureOfMeritAt(damping: DampingState, policy: DampingPolicy, nowUs: number): number {
  const elapsedUs = nowUs - damping.atUs;
  if (elapsedUs <= 0 || damping.figureOfMerit === 0) return damping.figureOfMerit;
  return damping.figureOfMerit * 2 ** -(elapsedUs / policy.halfLifeUs);
}

export function isSuppressed(damping: DampingState, nowUs: number): boolean {
  return damping.suppressedUntilUs !== null && nowUs < damping.suppressedUntilUs;
}

/** One more failure. */
export function penalise(damping: DampingState, policy: DampingPolicy, nowUs: number): DampingState {
  if (!policy.enabled) return NO_DAMPING;
  const raised = figureOfMeritAt(damping, policy, nowUs) + policy.penaltyPerFailure;
  // RFC 2439 section 4.2: the ceiling from which the figure decays to the reuse threshold in exactly the maximum
  // suppress time, so that a path that stays up is released by then however often it has failed.
  const ceiling = policy.reuseThreshold * 2 ** (policy.maximumSuppressUs / policy.halfLifeUs);
  const figureOfMerit = Math.min(raised, ceiling);
  const suppress = isSuppressed(damping, nowUs) || raised > policy.cutoffThreshold;
  return {
    figureOfMerit,
    atUs: nowUs,
    suppressedUntilUs: suppress ? nowUs + untilReuseUs(figureOfMerit, policy) : null,
  };
}

/** The same history under another policy: never suppressed for longer than the new one allows from now. */
export function adoptPolicy(damping: DampingState, policy: DampingPolicy, nowUs: number): DampingState {
  if (!policy.enabled) return NO_DAMPING;
  if (!isSuppressed(damping, nowUs)) return damping;
  const latestUs = nowUs + policy.maximumSuppressUs;
  return damping.suppressedUntilUs! <= latestUs ? damping : { ...damping, suppressedUntilUs: latestUs };
}

function untilReuseUs(figureOfMerit: number, policy: DampingPolicy): number {
  if (figureOfMerit <= policy.reuseThreshold) return 0;
  const decayUs = Math.ceil(policy.halfLifeUs * Math.log2(figureOfMerit / policy.reuseThreshold));
  return Math.min(policy.maximumSuppressUs, decayUs);
}
