/**
 * From changed evidence to decisions: settle every path, decide the liveness bits, let the groups follow, judge
 * "all down". What differs from the state before the event becomes actions, liveness first.
 *
 * Every path and group is looked at, not only those that the event names: a bit of one path depends on the others, and
 * what has become due in the meantime is done too.
 */
import { recordAllDown, judgeAllDown } from './all-down.js';
import { causeNow, followCause } from './current-cause.js';
import { followMembers, sameNames } from './group.js';
import { decideLiveness } from './liveness.js';
import { pathDeadlineUs, settle, type HealthChange } from './path.js';
import { FAMILIES, findPath, type EngineState, type GroupState, type PathState } from './state.js';
import type { EngineAction, TransitionRecord } from './types.js';
import { stateName } from './views.js';

export interface StepResult {
  state: EngineState;
  actions: EngineAction[];
}

export interface Occasion {
  nowUs: number;
  /** Why groups change when an operator or a configuration is the reason; else null. */
  trigger: string | null;
  /** What is to be recorded about the event itself. */
  records: readonly TransitionRecord[];
}

/**
 * @param before the state before the event
 * @param changed the same with the event's evidence in it
 */
export function conclude(before: EngineState, changed: EngineState, occasion: Occasion): StepResult {
  const { nowUs } = occasion;
  const records: TransitionRecord[] = [...occasion.records];
  const transitions: PathTransition[] = [];

  const settled = changed.paths.map((path) => settlePath(before, path, nowUs, transitions));
  const paths = FAMILIES.reduce(decideLiveness, settled as readonly PathState[]);
  const after: EngineState = { ...changed, paths };
  const actions: EngineAction[] = livenessActions(before, after);
  for (const transition of transitions) records.push(pathRecord(transition, after, nowUs));

  const groups = changed.groups.map((group) => {
    const pathOf = (uplink: string): PathState | undefined => findPath(paths, after.pathIndex, uplink, group.family);
    const followed = followMembers(group, pathOf, nowUs, occasion.trigger);
    reportGroup(before, followed, nowUs, actions, records);
    return followed;
  });

  const allDown = { ...before.allDown };
  for (const family of FAMILIES) {
    const was = before.allDown[family];
    allDown[family] = judgeAllDown(was, paths, family, after.policy.minimumAgreeing, nowUs);
    const record = recordAllDown(was, allDown[family], paths, family, nowUs);
    if (record) records.push(record);
  }

  for (const record of records) actions.push({ type: 'record', record });
  return { state: { ...after, groups, allDown, deadlineUs: earliestDeadlineUs(paths, groups, nowUs) }, actions };
}

/** A transition as readers see it. */
interface PathTransition {
  readonly path: PathState;
  readonly from: ReturnType<typeof stateName>;
  readonly to: ReturnType<typeof stateName>;
  readonly cause: string;
}

function settlePath(before: EngineState, path: PathState, nowUs: number, transitions: PathTransition[]): PathState {
  const known = findPath(before.paths, before.pathIndex, path.uplink, path.family);
  if (known && (known.drained === null) !== (path.drained === null)) {
    transitions.push({ path, from: stateName(known), to: stateName(path), cause: path.cause });
  }
  const changes: HealthChange[] = [];
  const settled = settle(path, nowUs, changes);
  const last = changes.at(-1);
  if (last === undefined && known) {
    const followed = followCause(known, settled, nowUs);
    return known.drained && !path.drained ? { ...followed, cause: causeNow(followed) } : followed;
  }
  // Below `drained`, health goes on being judged; readers see it when the path is undrained.
  if (last === undefined || settled.drained) return settled;
  for (const { from, to, cause } of changes) transitions.push({ path, from, to, cause });
  return { ...settled, sinceUs: nowUs, cause: last.cause };
}

function pathRecord(transition: PathTransition, after: EngineState, nowUs: number): TransitionRecord {
  const { uplink, family } = transition.path;
  const path = findPath(after.paths, after.pathIndex, uplink, family)!;
  const { from, to } = transition;
  // Said where it was decided: at the transition that this step ended with.
  const kept = path.kept !== null && to === stateName(path) ? `; ${path.kept}` : '';
  return { kind: 'path', uplink, family, from, to, alive: path.alive, cause: transition.cause + kept, atUs: nowUs };
}

/** Bits to set come before bits to clear, so that there is no moment without a live path between the two. */
function livenessActions(before: EngineState, after: EngineState): EngineAction[] {
  const set: EngineAction[] = [];
  const cleared: EngineAction[] = [];
  for (const path of after.paths) {
    const known = findPath(before.paths, before.pathIndex, path.uplink, path.family);
    if (known?.alive === path.alive) continue;
    const { uplink, family, alive } = path;
    const cause = alive ? (path.kept ?? path.cause) : causeOfClearing(path, known, after);
    (alive ? set : cleared).push({ type: 'liveness', uplink, family, alive, cause });
  }
  return [...set, ...cleared];
}

function causeOfClearing(path: PathState, known: PathState | undefined, after: EngineState): string {
  const stateChanged = known === undefined || known.health !== path.health || known.drained !== path.drained;
  if (stateChanged) return path.cause;
  const other = after.paths.find((each) => each.family === path.family && each.alive);
  return `${other ? `${other.uplink} is used instead` : 'not needed any more'}; ${path.cause}`;
}

function reportGroup(
  before: EngineState,
  group: GroupState,
  nowUs: number,
  actions: EngineAction[],
  records: TransitionRecord[],
): void {
  const { name, family, order, active, cause } = group;
  const known = before.groups.find((each) => each.name === name && each.family === family);
  if (known === undefined || known.order !== order) actions.push({ type: 'group', group: name, family, order, cause });
  const from = known?.active ?? [];
  if (sameNames(from, active)) return;
  records.push({ kind: 'group', group: name, family, from: [...from], to: [...active], cause, atUs: nowUs });
}

function earliestDeadlineUs(paths: readonly PathState[], groups: readonly GroupState[], nowUs: number): number | null {
  let earliestUs = Number.POSITIVE_INFINITY;
  for (const path of paths) earliestUs = Math.min(earliestUs, pathDeadlineUs(path, nowUs) ?? Number.POSITIVE_INFINITY);
  for (const group of groups) earliestUs = Math.min(earliestUs, group.deadlineUs ?? Number.POSITIVE_INFINITY);
  return earliestUs === Number.POSITIVE_INFINITY ? null : earliestUs;
}
