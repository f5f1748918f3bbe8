/**
 * What the engine remembers. Every object is immutable: a step makes new ones along the way from the root to what
 * changed and shares the rest, so that a recorded state stays what it was.
 *
 * Paths, targets and groups are kept in arrays (copying one is a memcpy) with look-up maps that are built once per
 * `configure` and shared by all states after it.
 */
import type { Family } from '../net/ip-address.js';
import type { DampingPolicy, EnginePolicy, ProbePolicy, WindowStatistics } from './types.js';

export const FAMILIES: readonly Family[] = [4, 6];

export interface EngineState {
  readonly policy: EnginePolicy;
  readonly paths: readonly PathState[];
  /** uplink -> family -> index in `paths`. */
  readonly pathIndex: PathIndex;
  readonly groups: readonly GroupState[];
  readonly allDown: Readonly<Record<Family, AllDownState>>;
  /** When time alone will change something; null: only an event will. */
  readonly deadlineUs: number | null;
}

export type PathIndex = ReadonlyMap<string, Readonly<Partial<Record<Family, number>>>>;

/** The state of a path as its evidence has it; `drained` lies over it, because health goes on being judged below. */
export type Health = 'init' | 'up' | 'degraded' | 'suspect' | 'down' | 'held';

export interface PathState {
  readonly uplink: string;
  readonly family: Family;
  readonly policy: PathPolicy;
  /** Member of a group: only such paths are alternatives to each other. */
  readonly member: boolean;

  // Evidence. null: nothing was reported yet.
  readonly link: { readonly up: boolean; readonly detail: string } | null;
  readonly addressing: { readonly ready: boolean; readonly detail: string } | null;
  readonly neighbour: { readonly state: 'resolved' | 'failed' | 'unknown'; readonly detail: string };
  /** One per target, probe after probe, as in `policy.probes`. */
  readonly targets: readonly TargetState[];

  // Judgement.
  readonly health: Health;
  readonly healthSinceUs: number;
  readonly healthCause: string;
  /** Fewer targets of a probe than its quorum are within the limits. */
  readonly beyondLimits: boolean;
  /**
   * Since when it works within its limits (whether drained or not); null: it does not. -Infinity: it has never been
   * otherwise since its first reply, so that there is nothing to "revert" from.
   */
  readonly healthySinceUs: number | null;
  /** Has been judged good or bad at least once while addressing was ready; see `AllDownView`. */
  readonly hasBeenThere: boolean;
  /** Has worked at least once since start. */
  readonly hasWorked: boolean;
  /** Has been down or degraded after it had worked. */
  readonly hasFailed: boolean;
  /** When it was last seen working; meaningful if `hasWorked` and not working now. */
  readonly workedUntilUs: number;
  readonly damping: DampingState;
  /** Down transitions since start. */
  readonly failures: number;
  readonly drained: { readonly by: string } | null;

  // Decision.
  readonly alive: boolean;
  /** Once: it need not have worked for that (see liveness.ts). */
  readonly hasBeenAlive: boolean;
  /** Why it is alive although its state says otherwise; else null. */
  readonly kept: string | null;
  /** Of the state that a reader sees (`drained` included). */
  readonly sinceUs: number;
  readonly cause: string;
}

/** The part of the policy that one path needs, compiled once per `configure`. */
export interface PathPolicy {
  /** Probes that have targets in this family. */
  readonly probes: readonly ProbeSlot[];
  /** probe -> target -> where its samples go. */
  readonly slots: ReadonlyMap<string, ReadonlyMap<string, TargetSlot>>;
  readonly holdDownUs: number;
  readonly damping: DampingPolicy;
  /** The gateway is learned: whether there is such a network, only addressing will tell. */
  readonly learned: boolean;
  readonly lastResort: boolean;
}

export interface ProbeSlot {
  readonly name: string;
  /** Index of its first target in `PathState.targets`. */
  readonly first: number;
  readonly count: number;
  /** 1..count. */
  readonly quorum: number;
  readonly failAfter: number;
  readonly recoverAfter: number;
  readonly limits: ProbePolicy['limits'];
}

export interface TargetSlot {
  readonly index: number;
  readonly probe: ProbeSlot;
}

export interface TargetState {
  readonly target: string;
  /** null: no verdict yet. */
  readonly good: boolean | null;
  readonly consecutiveLosses: number;
  readonly consecutiveReplies: number;
  /** First and last loss of the run that goes on, or of the last one. */
  readonly lossRunStartUs: number;
  readonly lastLossUs: number;
  readonly lastReplyUs: number | null;
  readonly lastRttUs: number | null;
  /** Of the last loss. */
  readonly lastCause: string | null;
  readonly window: WindowStatistics | null;
  readonly beyondLimits: boolean;
}

/** RFC 2439 section 4.2. The figure decays by itself: it is computed when needed, not ticked. */
export interface DampingState {
  /** As it was at `atUs`. */
  readonly figureOfMerit: number;
  readonly atUs: number;
  /** null: not suppressed. */
  readonly suppressedUntilUs: number | null;
}

export interface TierMember {
  uplink: string;
  weight: number;
}

export type Tiers = TierMember[][];

/** A group in one family: its members are those uplinks that have a path in it. */
export interface GroupState {
  readonly name: string;
  readonly family: Family;
  /** As configured, best first; no empty tier. */
  readonly tiers: Tiers;
  readonly revertDelayUs: number | 'never';
  readonly forced: { readonly uplink: string; readonly by: string } | null;
  /** By configured tier: since when it has had a healthy live member without interruption. */
  readonly tierHealthySinceUs: readonly (number | null)[];
  /** Members that carry the traffic, or would if no uplink were forced; kept when none is alive. */
  readonly carrying: readonly string[];
  readonly order: Tiers;
  readonly active: readonly string[];
  readonly cause: string;
  /** When a better tier will have waited long enough. */
  readonly deadlineUs: number | null;
}

export interface AllDownState {
  readonly suspected: boolean;
  readonly believed: boolean;
  readonly sinceUs: number | null;
  readonly lastGood: string | null;
}

export const NOT_ALL_DOWN: AllDownState = { suspected: false, believed: false, sinceUs: null, lastGood: null };

/** The state before the first `configure`: no uplink, no group. */
export function initialState(): EngineState {
  return {
    policy: { mode: 'active', uplinks: [], groups: [], minimumAgreeing: 1 },
    paths: [],
    pathIndex: new Map(),
    groups: [],
    allDown: { 4: NOT_ALL_DOWN, 6: NOT_ALL_DOWN },
    deadlineUs: null,
  };
}

/** The path of `uplink` in `family`, or undefined. */
export function findPath(
  paths: readonly PathState[],
  index: PathIndex,
  uplink: string,
  family: Family,
): PathState | undefined {
  const at = index.get(uplink)?.[family];
  return at === undefined ? undefined : paths[at];
}

/** Its evidence says that it carries packets now. */
export function works(path: PathState): boolean {
  return path.health === 'up' || path.health === 'degraded' || path.health === 'suspect';
}

/** Works, and the operator wants it used. */
export function usable(path: PathState): boolean {
  return path.drained === null && works(path);
}
