/**
 * The decision: `step(state, event, nowUs) -> { state, actions }`. Pure; the given state is not touched.
 *
 * Nearly all events are probe samples that change nothing but counters and a window: they take the short way, which
 * makes a new target and the objects above it. Everything else goes through `conclude`.
 */
import { conclude, type StepResult } from './conclude.js';
import { configure } from './configure.js';
import {
  takeAddressing,
  takeAuto,
  takeBlind,
  takeDrain,
  takeForce,
  takeLink,
  takeNeighbour,
  takeUndrain,
} from './evidence.js';
import type { EngineState } from './state.js';
import { sameVerdict, takeSample } from './target.js';
import type { EngineEvent, ProbeSampleEvent, TransitionRecord } from './types.js';

/**
 * @param event about an uplink, probe, target or group that is not configured: ignored
 * @param nowUs monotonic microseconds; never less than in the step before
 * @returns the next state, and what to do, in order
 */
export function step(state: EngineState, event: EngineEvent, nowUs: number): StepResult {
  switch (event.type) {
    case 'sample':
      return stepSample(state, event, nowUs);
    case 'configure': {
      const trigger = event.cause ?? 'the configuration has changed';
      return conclude(state, configure(state, event.policy, nowUs), { nowUs, trigger, records: [] });
    }
    case 'tick':
      return conclude(state, state, { nowUs, trigger: null, records: [] });
    case 'link':
      return concludeIfChanged(state, takeLink(state, event), nowUs);
    case 'addressing':
      return concludeIfChanged(state, takeAddressing(state, event), nowUs);
    case 'neighbour':
      return concludeIfChanged(state, takeNeighbour(state, event), nowUs);
    case 'blind': {
      const cause = event.detail === '' ? 'the prober was blind' : event.detail;
      const durationUs = Math.max(0, event.toUs - event.fromUs);
      const record: TransitionRecord = { kind: 'blind', durationUs, cause, atUs: nowUs };
      return conclude(state, takeBlind(state, event), { nowUs, trigger: null, records: [record] });
    }
    case 'drain':
      return stepOperator(state, takeDrain(state, event, nowUs), `drain ${event.uplink}`, event.by, nowUs, null);
    case 'undrain':
      return stepOperator(state, takeUndrain(state, event, nowUs), `undrain ${event.uplink}`, event.by, nowUs, null);
    case 'force': {
      const what = `force ${event.group} to ${event.uplink}`;
      return stepOperator(
        state,
        takeForce(state, event),
        what,
        event.by,
        nowUs,
        `forced to ${event.uplink} by ${event.by}`,
      );
    }
    case 'auto':
      return stepOperator(
        state,
        takeAuto(state, event),
        `auto ${event.group}`,
        event.by,
        nowUs,
        `back to automatic by ${event.by}`,
      );
  }
}

/** When the shell must send a `tick` at the latest; null: time alone will change nothing. */
export function nextDeadlineUs(state: EngineState): number | null {
  return state.deadlineUs;
}

function stepSample(state: EngineState, sample: ProbeSampleEvent, nowUs: number): StepResult {
  const pathAt = state.pathIndex.get(sample.uplink)?.[sample.family];
  if (pathAt === undefined) return { state, actions: [] };
  const path = state.paths[pathAt]!;
  const slot = path.policy.slots.get(sample.probe)?.get(sample.target);
  // A late sample of a target that a reload has removed.
  if (slot === undefined) return { state, actions: [] };

  const before = path.targets[slot.index]!;
  const after = takeSample(before, sample, slot.probe, nowUs);
  const targets = path.targets.slice();
  targets[slot.index] = after;
  const paths = state.paths.slice();
  paths[pathAt] = { ...path, targets };
  const changed: EngineState = { ...state, paths };
  if (sameVerdict(before, after)) return { state: changed, actions: [] };
  return conclude(state, changed, { nowUs, trigger: null, records: [] });
}

function concludeIfChanged(before: EngineState, changed: EngineState, nowUs: number): StepResult {
  if (changed === before) return { state: before, actions: [] };
  return conclude(before, changed, { nowUs, trigger: null, records: [] });
}

function stepOperator(
  before: EngineState,
  changed: EngineState,
  what: string,
  by: string,
  nowUs: number,
  trigger: string | null,
): StepResult {
  // Not a member, not configured, or drained already: there is nothing to do and nothing to tell.
  if (changed === before) return { state: before, actions: [] };
  const record: TransitionRecord = { kind: 'operator', what, by, atUs: nowUs };
  return conclude(before, changed, { nowUs, trigger, records: [record] });
}
