/** One target of one probe on one path: consecutive losses and replies, and whether it counts as good. */
import { beyondLimits } from './quality.js';
import type { ProbeSlot, TargetState } from './state.js';
import type { ProbeSampleEvent } from './types.js';

export function newTarget(target: string): TargetState {
  return {
    target,
    good: null,
    consecutiveLosses: 0,
    consecutiveReplies: 0,
    lossRunStartUs: 0,
    lastLossUs: 0,
    lastReplyUs: null,
    lastRttUs: null,
    lastCause: null,
    window: null,
    beyondLimits: false,
  };
}

/**
 * Takes one sample. A target without a verdict is good at its first reply (start to forwarding must be quick) and bad
 * after `failAfter` losses; later it needs `failAfter` losses or `recoverAfter` replies in a row to change.
 */
export function takeSample(
  target: TargetState,
  sample: ProbeSampleEvent,
  probe: ProbeSlot,
  nowUs: number,
): TargetState {
  const { outcome, window } = sample;
  const beyond = beyondLimits(target.beyondLimits, window, target.window, probe.limits);
  if (outcome.ok) {
    const replies = target.consecutiveReplies + 1;
    return {
      target: target.target,
      good: target.good === false ? replies >= probe.recoverAfter : true,
      consecutiveLosses: 0,
      consecutiveReplies: replies,
      lossRunStartUs: target.lossRunStartUs,
      lastLossUs: target.lastLossUs,
      lastReplyUs: nowUs,
      lastRttUs: outcome.rttUs,
      lastCause: target.lastCause,
      window,
      beyondLimits: beyond,
    };
  }
  const losses = target.consecutiveLosses + 1;
  return {
    target: target.target,
    good: losses >= probe.failAfter ? false : target.good,
    consecutiveLosses: losses,
    consecutiveReplies: 0,
    lossRunStartUs: losses === 1 ? nowUs : target.lossRunStartUs,
    lastLossUs: nowUs,
    lastReplyUs: target.lastReplyUs,
    lastRttUs: target.lastRttUs,
    lastCause: outcome.cause === '' ? 'no reply' : outcome.cause,
    window,
    beyondLimits: beyond,
  };
}

/** True if the path's judgement cannot differ between the two: what most samples are. */
export function sameVerdict(a: TargetState, b: TargetState): boolean {
  return a.good === b.good && a.consecutiveLosses > 0 === b.consecutiveLosses > 0 && a.beyondLimits === b.beyondLimits;
}

/** The path was cut off: what the target had shown before does not count, it must recover like a failed one. */
export function distrust(target: TargetState): TargetState {
  return target.good === true ? { ...target, good: false, consecutiveReplies: 0 } : target;
}

/** The prober was blind: a run of losses that touches that time proves nothing. A confirmed failure stays. */
export function forgetLosses(target: TargetState, fromUs: number, toUs: number): TargetState {
  const touched =
    target.consecutiveLosses > 0 &&
    target.good !== false &&
    target.lossRunStartUs <= toUs &&
    target.lastLossUs >= fromUs;
  return touched ? { ...target, consecutiveLosses: 0 } : target;
}
