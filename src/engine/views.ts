/** What readers (API, CLI, metrics, programmers) see of a state. Plain data; nothing is decided here. */
import type { Family } from '../net/ip-address.js';
import { isAbsent } from './all-down.js';
import { figureOfMeritAt, isSuppressed } from './damping.js';
import { heldUntilUs } from './hold.js';
import { FAMILIES, type EngineState, type PathState, type TierMember } from './state.js';
import type { AllDownView, GroupView, PathStateName, PathView, TargetView } from './types.js';

/** Everything that the actions so far amount to: what a programmer needs to synchronise from nothing. */
export interface DesiredState {
  liveness: { uplink: string; family: Family; alive: boolean; cause: string }[];
  groups: { group: string; family: Family; order: TierMember[][]; active: string[]; cause: string }[];
}

export function desired(state: EngineState): DesiredState {
  return {
    liveness: state.paths.map((path) => ({
      uplink: path.uplink,
      family: path.family,
      alive: path.alive,
      cause: path.kept ?? path.cause,
    })),
    groups: state.groups.map(({ name, family, order, active, cause }) => ({
      group: name,
      family,
      order,
      active: [...active],
      cause,
    })),
  };
}

/** The state that a reader sees. */
export function stateName(path: PathState): PathStateName {
  return path.drained ? 'drained' : path.health;
}

export function pathViews(state: EngineState, nowUs: number): PathView[] {
  return state.paths.map((path) => ({
    uplink: path.uplink,
    family: path.family,
    state: stateName(path),
    alive: path.alive,
    kept: path.kept,
    sinceUs: path.sinceUs,
    cause: path.cause,
    heldUntilUs: path.drained ? null : heldUntilUs(path),
    damping: {
      figureOfMerit: figureOfMeritAt(path.damping, path.policy.damping, nowUs),
      suppressed: isSuppressed(path.damping, nowUs),
    },
    failures: path.failures,
    targets: targetViews(path),
  }));
}

export function groupViews(state: EngineState): GroupView[] {
  return state.groups.map((group) => ({
    group: group.name,
    family: group.family,
    order: group.order,
    active: [...group.active],
    forced: group.forced?.uplink ?? null,
    cause: group.cause,
  }));
}

/** Of the families that are there. */
export function allDownViews(state: EngineState): AllDownView[] {
  return FAMILIES.filter((family) => !isAbsent(state.paths, family)).map((family) => ({
    family,
    ...state.allDown[family],
  }));
}

function targetViews(path: PathState): TargetView[] {
  return path.policy.probes.flatMap((probe) =>
    path.targets.slice(probe.first, probe.first + probe.count).map((target) => ({
      probe: probe.name,
      target: target.target,
      good: target.good,
      consecutiveLosses: target.consecutiveLosses,
      consecutiveReplies: target.consecutiveReplies,
      lastCause: target.lastCause,
      window: target.window,
    })),
  );
}
