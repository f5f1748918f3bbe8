/** What each event changes in the state before anything is concluded from it. */
import type { Family } from '../net/ip-address.js';
import type { EngineState, GroupState, PathState } from './state.js';
import { distrust, forgetLosses } from './target.js';
import type { EngineEvent } from './types.js';

type Event<T extends EngineEvent['type']> = EngineEvent & { type: T };

/** A cut-off path must show its targets again: what they had answered before does not count. */
export function takeLink(state: EngineState, event: Event<'link'>): EngineState {
  return mapPaths(state, event.uplink, null, (path) => {
    const link = { up: event.up, detail: event.detail };
    if (path.link?.up === link.up && path.link.detail === link.detail) return path;
    return { ...path, link, targets: event.up ? path.targets : path.targets.map(distrust) };
  });
}

export function takeAddressing(state: EngineState, event: Event<'addressing'>): EngineState {
  return mapPaths(state, event.uplink, event.family, (path) => {
    const addressing = { ready: event.ready, detail: event.detail };
    if (path.addressing?.ready === addressing.ready && path.addressing.detail === addressing.detail) return path;
    return { ...path, addressing, targets: event.ready ? path.targets : path.targets.map(distrust) };
  });
}

export function takeNeighbour(state: EngineState, event: Event<'neighbour'>): EngineState {
  return mapPaths(state, event.uplink, event.family, (path) => {
    if (path.neighbour.state === event.state && path.neighbour.detail === event.detail) return path;
    return { ...path, neighbour: { state: event.state, detail: event.detail } };
  });
}

/** Losses counted while nobody could see prove nothing. (health/ does not report them: this is the second belt.) */
export function takeBlind(state: EngineState, event: Event<'blind'>): EngineState {
  return mapPaths(state, null, null, (path) => {
    const targets = path.targets.map((target) => forgetLosses(target, event.fromUs, event.toUs));
    return targets.every((target, index) => target === path.targets[index]) ? path : { ...path, targets };
  });
}

export function takeDrain(state: EngineState, event: Event<'drain'>, nowUs: number): EngineState {
  return mapPaths(state, event.uplink, null, (path) =>
    path.drained ? path : { ...path, drained: { by: event.by }, sinceUs: nowUs, cause: `drained by ${event.by}` },
  );
}

export function takeUndrain(state: EngineState, event: Event<'undrain'>, nowUs: number): EngineState {
  return mapPaths(state, event.uplink, null, (path) =>
    path.drained
      ? { ...path, drained: null, sinceUs: nowUs, cause: `undrained by ${event.by}: ${path.healthCause}` }
      : path,
  );
}

export function takeForce(state: EngineState, event: Event<'force'>): EngineState {
  const cause = `forced to ${event.uplink} by ${event.by}`;
  return mapGroups(state, event.group, (group) => {
    const member = group.tiers.some((tier) => tier.some(({ uplink }) => uplink === event.uplink));
    return member ? { ...group, forced: { uplink: event.uplink, by: event.by }, cause } : group;
  });
}

/** Back to the automatic order, now: what waits for the revert delay (or for ever, with `never`) waits no longer. */
export function takeAuto(state: EngineState, event: Event<'auto'>): EngineState {
  const cause = `back to automatic by ${event.by}`;
  return mapGroups(state, event.group, (group) => ({ ...group, forced: null, carrying: [], cause }));
}

/** null: every uplink, both families. Returns the same state when no path changed. */
function mapPaths(
  state: EngineState,
  uplink: string | null,
  family: Family | null,
  change: (path: PathState) => PathState,
): EngineState {
  let paths: PathState[] | null = null;
  for (let index = 0; index < state.paths.length; index++) {
    const path = state.paths[index]!;
    if ((uplink !== null && path.uplink !== uplink) || (family !== null && path.family !== family)) continue;
    const changed = change(path);
    if (changed === path) continue;
    paths ??= state.paths.slice();
    paths[index] = changed;
  }
  return paths ? { ...state, paths } : state;
}

function mapGroups(state: EngineState, name: string, change: (group: GroupState) => GroupState): EngineState {
  let groups: GroupState[] | null = null;
  for (let index = 0; index < state.groups.length; index++) {
    const group = state.groups[index]!;
    if (group.name !== name) continue;
    const changed = change(group);
    if (changed === group) continue;
    groups ??= state.groups.slice();
    groups[index] = changed;
  }
  return groups ? { ...state, groups } : state;
}
