/**
 * Vocabulary of the decision: `step(state, event, nowUs) -> { state, actions }`.
 *
 * Pure: no clock, no socket, no random source. Times are microseconds of any monotonic clock, as numbers.
 * One "path" is one uplink in one address family; paths are judged apart (an uplink's IPv4 may be down while its
 * IPv6 is up).
 */
import type { Family } from '../net/ip-address.js';

// ---------------------------------------------------------------- policy (from the configuration)

export interface EnginePolicy {
  mode: 'active' | 'observe';
  uplinks: UplinkPolicy[];
  groups: GroupPolicy[];
  /** Paths of one family that must each be judged down before "all are down" is believed. */
  minimumAgreeing: number;
}

export interface UplinkPolicy {
  name: string;
  families: Family[];
  /** Those of them whose gateway is learned, so that nobody has said that there is such a network: see `AllDownView`. */
  learnedFamilies: Family[];
  probes: ProbePolicy[];
  holdDownUs: number;
  damping: DampingPolicy;
  /**
   * An elected gateway node, which comes and goes: it says nothing of what the site has (`AllDownView`), and is never
   * used before it has worked, whatever the others are.
   */
  lastResort?: boolean;
}

export interface ProbePolicy {
  /** Unique within the uplink. */
  name: string;
  /** Target keys by family, e.g. { 4: ["192.0.2.1", "198.51.100.7"] }; a family without targets does not count the probe. */
  targets: Partial<Record<Family, string[]>>;
  failAfter: number;
  recoverAfter: number;
  /** Targets that must be good for the probe to pass; capped at the number of targets in the family. */
  quorum: number;
  limits: { lossPercent?: number; latencyUs?: number; jitterUs?: number };
}

/** RFC 2439: figure of merit, cutoff and reuse threshold, half-life, maximum suppress time. */
export interface DampingPolicy {
  enabled: boolean;
  penaltyPerFailure: number;
  cutoffThreshold: number;
  reuseThreshold: number;
  halfLifeUs: number;
  maximumSuppressUs: number;
}

export interface GroupPolicy {
  name: string;
  tiers: { uplink: string; weight: number }[][];
  revertDelayUs: number | 'never';
}

// ---------------------------------------------------------------- events (in)

export type EngineEvent =
  /** Policy at start and after a reload; paths that stay keep their state. `cause`: absent: the configuration has changed. */
  | { type: 'configure'; policy: EnginePolicy; cause?: string }
  /** The interface exists, is administratively up and has carrier. `detail` says which is missing. */
  | { type: 'link'; uplink: string; up: boolean; detail: string }
  /** Everything needed to send by that path is there: source address and gateway. `detail` names what is missing. */
  | { type: 'addressing'; uplink: string; family: Family; ready: boolean; detail: string }
  /** The kernel's neighbour entry of the gateway. */
  | { type: 'neighbour'; uplink: string; family: Family; state: 'resolved' | 'failed' | 'unknown'; detail: string }
  | ProbeSampleEvent
  /** The prober or the machine stalled: nothing in this time says anything about any path. */
  | { type: 'blind'; fromUs: number; toUs: number; detail: string }
  /** Time goes on; the shell sends it no later than `nextDeadlineUs(state)`. */
  | { type: 'tick' }
  | { type: 'drain'; uplink: string; by: string }
  | { type: 'undrain'; uplink: string; by: string }
  | { type: 'force'; group: string; uplink: string; by: string }
  | { type: 'auto'; group: string; by: string };

export interface ProbeSampleEvent {
  type: 'sample';
  uplink: string;
  family: Family;
  probe: string;
  target: string;
  outcome:
    | { ok: true; rttUs: number }
    /** `cause`: "no reply within 20 ms", "connection refused", "HTTP 503", "neighbour unresolved"... */
    | { ok: false; cause: string };
  /** Of this target's sliding window, including this sample. */
  window: WindowStatistics;
}

export interface WindowStatistics {
  samples: number;
  lossPercent: number;
  /** Mean round trip of the replies in the window; null: no reply in it. */
  latencyUs: number | null;
  /** Mean difference of consecutive round trips; null: fewer than two replies. */
  jitterUs: number | null;
}

// ---------------------------------------------------------------- state (kept)

export type PathStateName = 'init' | 'up' | 'degraded' | 'suspect' | 'down' | 'held' | 'drained';

/** What a reader of the state (API, CLI, metrics) sees of a path. */
export interface PathView {
  uplink: string;
  family: Family;
  state: PathStateName;
  /** The liveness bit as decided. A `down` path may be alive: kept because there is no better one. */
  alive: boolean;
  /** Why `alive` differs from what the state suggests, else null: "last good path: every other one is down too". */
  kept: string | null;
  sinceUs: number;
  cause: string;
  /** For `held`: when it may be used again. */
  heldUntilUs: number | null;
  damping: { figureOfMerit: number; suppressed: boolean };
  /** Down transitions since start. */
  failures: number;
  targets: TargetView[];
}

export interface TargetView {
  probe: string;
  target: string;
  good: boolean | null;
  consecutiveLosses: number;
  consecutiveReplies: number;
  lastCause: string | null;
  window: WindowStatistics | null;
}

export interface GroupView {
  group: string;
  family: Family;
  /** Tiers in the order in use now: revert delay, force and degraded members already applied. */
  order: { uplink: string; weight: number }[][];
  /** Live members of the first tier of `order` that has any: what carries traffic. */
  active: string[];
  forced: string | null;
  cause: string;
}

/**
 * Of a family that is there, by its configured paths (not `lastResort`). One whose gateways are all learned, and none of whose paths has ever had an address and a
 * gateway, is absent: a site without IPv6, not one whose IPv6 is down. It is there from when the first path that has both
 * is judged.
 */
export interface AllDownView {
  family: Family;
  /** Every path is judged down. */
  suspected: boolean;
  /** ... by at least `minimumAgreeing` paths. */
  believed: boolean;
  sinceUs: number | null;
  lastGood: string | null;
}

// ---------------------------------------------------------------- actions (out)

export type EngineAction =
  /** The one that must not wait: set or clear the liveness bit. Always before the `group` actions of the same step. */
  | { type: 'liveness'; uplink: string; family: Family; alive: boolean; cause: string }
  /** The order of a group's members changed (not emitted when only liveness changed). */
  | { type: 'group'; group: string; family: Family; order: { uplink: string; weight: number }[][]; cause: string }
  | { type: 'record'; record: TransitionRecord };

/** An entry of the event log. */
export type TransitionRecord =
  | {
      kind: 'path';
      uplink: string;
      family: Family;
      from: PathStateName;
      to: PathStateName;
      alive: boolean;
      /** In words and figures: "icmp: 3 of 3 probes to 192.0.2.1 lost (no reply within 20 ms), last reply seen 61 ms before". */
      cause: string;
      atUs: number;
    }
  | { kind: 'group'; group: string; family: Family; from: string[]; to: string[]; cause: string; atUs: number }
  | { kind: 'all-down'; family: Family; believed: boolean; lastGood: string | null; cause: string; atUs: number }
  | { kind: 'all-down-ended'; family: Family; cause: string; atUs: number }
  | { kind: 'operator'; what: string; by: string; atUs: number }
  | { kind: 'blind'; durationUs: number; cause: string; atUs: number };
