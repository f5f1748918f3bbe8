/**
 * "Every path of the family is down": suspected as soon as each member is judged so, believed only when at least
 * `minimumAgreeing` paths were each judged by their own evidence. One path cannot tell its own failure from its probes'.
 */
import type { Family } from '../net/ip-address.js';
import { familyName } from './cause.js';
import { NOT_ALL_DOWN, works, type AllDownState, type PathState } from './state.js';
import type { TransitionRecord } from './types.js';

export function judgeAllDown(
  before: AllDownState,
  paths: readonly PathState[],
  family: Family,
  minimumAgreeing: number,
  nowUs: number,
): AllDownState {
  const members = membersOf(paths, family);
  const saved = paths.some((path) => path.family === family && path.policy.lastResort && works(path));
  if (isAbsent(paths, family) || members.length === 0 || saved || members.some((path) => path.health !== 'down')) {
    return before.suspected ? NOT_ALL_DOWN : before;
  }
  const believed = members.length >= minimumAgreeing;
  if (before.suspected && before.believed === believed) return before;
  return {
    suspected: true,
    believed,
    sinceUs: before.sinceUs ?? nowUs,
    lastGood: before.suspected ? before.lastGood : lastGoodOf(members),
  };
}

/** What to write in the event log about the change, or null. */
export function recordAllDown(
  before: AllDownState,
  after: AllDownState,
  paths: readonly PathState[],
  family: Family,
  nowUs: number,
): TransitionRecord | null {
  if (before === after) return null;
  const members = membersOf(paths, family);
  if (!after.suspected) {
    const working = (path: PathState): boolean => path.health !== 'down' && (path.alive || works(path));
    const first =
      members.find(working) ??
      paths.find((path) => path.family === family && path.policy.lastResort && working(path)) ??
      members[0];
    const cause = first
      ? `${first.uplink} is ${first.health}: ${first.healthCause}`
      : `no ${familyName(family)} path is configured any more`;
    return { kind: 'all-down-ended', family, cause, atUs: nowUs };
  }
  const ofFamily = familyName(family);
  const who = members.length === 1 ? `the only ${ofFamily} path` : `each of the ${members.length} ${ofFamily} paths`;
  const each = members.map((path) => `${path.uplink}: ${path.healthCause}`).join('; ');
  return {
    kind: 'all-down',
    family,
    believed: after.believed,
    lastGood: after.lastGood,
    cause: `${who} is judged down: ${each}`,
    atUs: nowUs,
  };
}

/** See `AllDownView`. */
export function isAbsent(paths: readonly PathState[], family: Family): boolean {
  return paths.every(
    ({ policy, hasBeenThere, ...path }) =>
      path.family !== family || policy.lastResort || (policy.learned && !hasBeenThere),
  );
}

/** Gateway nodes that are elected because of it are no reason to think otherwise until one works. */
function membersOf(paths: readonly PathState[], family: Family): PathState[] {
  return paths.filter((path) => path.family === family && path.member && !path.policy.lastResort);
}

/** Of those that stopped working last, the one that was kept. */
function lastGoodOf(members: readonly PathState[]): string | null {
  let last: PathState | null = null;
  for (const path of members) {
    if (!path.hasWorked) continue;
    const later = last === null || path.workedUntilUs > last.workedUntilUs;
    if (later || (path.workedUntilUs === last!.workedUntilUs && path.alive)) last = path;
  }
  return last?.uplink ?? null;
}
