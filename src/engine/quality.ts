/**
 * Limits of loss, latency and jitter, judged over a target's sliding window.
 *
 * Hysteresis: a target is beyond its limits as soon as one figure exceeds its limit, and within them again only when
 * every figure is at or below 80 % of its limit. A window says something once it holds ten samples, or is full if it is
 * smaller than that (seen by its no longer growing).
 */
import type { ProbeSlot } from './state.js';
import type { WindowStatistics } from './types.js';

const ENOUGH_SAMPLES = 10;
const LEAVE_FRACTION = 0.8;

/**
 * @param was the target's judgement so far
 * @param previous its window before this sample
 */
export function beyondLimits(
  was: boolean,
  window: WindowStatistics,
  previous: WindowStatistics | null,
  limits: ProbeSlot['limits'],
): boolean {
  const { lossPercent, latencyUs, jitterUs } = limits;
  if (lossPercent === undefined && latencyUs === undefined && jitterUs === undefined) return false;
  const judgeable = window.samples >= ENOUGH_SAMPLES || (previous !== null && previous.samples === window.samples);
  if (!judgeable) return was;
  return (
    exceeds(was, window.lossPercent, lossPercent) ||
    exceeds(was, window.latencyUs, latencyUs) ||
    exceeds(was, window.jitterUs, jitterUs)
  );
}

/** A figure that the window cannot give (no replies in it) leaves the judgement as it was. */
function exceeds(was: boolean, value: number | null, limit: number | undefined): boolean {
  if (limit === undefined) return false;
  if (value === null) return was;
  return value > (was ? limit * LEAVE_FRACTION : limit);
}
