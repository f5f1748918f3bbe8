/** When time alone changes something next. */
import { PATH_FAILS_AFTER_US } from './timers.js';
import type { NodeEntry, RouterState } from './state.js';

/** @returns null: never */
export function deadlineOf(state: RouterState, nowUs: number): number | null {
  let earliest = Infinity;
  for (const entry of state.nodes.values()) earliest = Math.min(earliest, entryDeadline(state, entry, nowUs));
  return earliest === Infinity ? null : earliest;
}

function entryDeadline(state: RouterState, entry: NodeEntry, nowUs: number): number {
  const { lease, pending, offer, rest, betterSinceUs } = entry;
  const takeoverUs = betterSinceUs === null ? Infinity : betterSinceUs + state.policy.switchAfterUs;
  // One that has waited long enough and still cannot begin waits for something else.
  const waitedUs = takeoverUs > nowUs ? takeoverUs : Infinity;
  switch (entry.state) {
    case 'absent':
      return Infinity;
    case 'offered':
      return Math.min(offer?.untilUs ?? Infinity, waitedUs);
    case 'resting':
      return rest?.untilUs ?? Infinity;
    case 'releasing':
      return Math.min(pending?.nextUs ?? Infinity, lease?.latestEndUs ?? Infinity);
    case 'electing':
      return Math.min(pending?.nextUs ?? Infinity, waitedUs);
    case 'elected':
    case 'leaving':
      return Math.min(
        pending?.nextUs ?? lease?.renewAtUs ?? Infinity,
        lease?.endsUs ?? Infinity,
        entry.badSinceUs === null ? Infinity : entry.badSinceUs + PATH_FAILS_AFTER_US,
        waitedUs,
      );
  }
}
