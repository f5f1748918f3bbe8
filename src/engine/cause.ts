/** Causes in words and figures, for the event log, the API and people. Nothing here decides anything. */
import type { Family } from '../net/ip-address.js';
import { figureOfMeritAt, isSuppressed } from './damping.js';
import { releaseUs } from './hold.js';
import type { PathState, ProbeSlot, TargetState } from './state.js';
import { probeBeyond, type Verdict } from './verdict.js';

/** "850 us", "1.2 ms", "31 ms", "2.5 s", "3 min": short enough for a sentence. */
export function formatUs(durationUs: number): string {
  const us = Math.max(0, durationUs);
  if (us < 1000) return `${Math.round(us)} us`;
  if (us < 10_000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1000)} ms`;
  if (us < 120_000_000) return `${trimZero((us / 1_000_000).toFixed(1))} s`;
  return `${trimZero((us / 60_000_000).toFixed(1))} min`;
}

export function familyName(family: Family): string {
  return `IPv${family}`;
}

export function causeOfFailure(path: PathState, verdict: Verdict & { kind: 'failed' }, nowUs: number): string {
  switch (verdict.by) {
    case 'link':
      return withDetail('link down', path.link?.detail);
    case 'addressing':
      return withDetail('addressing is not ready', path.addressing?.detail);
    case 'neighbour':
      return withDetail('the gateway does not answer', path.neighbour.detail);
    case 'probe':
      return describeFailedProbe(path, path.policy.probes[verdict.probe]!, nowUs);
  }
}

export function causeOfDoubt(path: PathState, verdict: Verdict & { kind: 'doubtful' }, nowUs: number): string {
  if (verdict.by === 'neighbour') {
    return withDetail('the gateway does not answer, the probes are still answered', path.neighbour.detail);
  }
  const probe = path.policy.probes[verdict.probe]!;
  const losing = targetsOf(path, probe).filter((target) => target.consecutiveLosses > 0 && target.good !== false);
  return `${probe.name}: ${losing.map((target) => describeLosses(target, probe, nowUs)).join('; ')}`;
}

/** What is good about the path: which targets answer, or that nothing is probed. */
export function causeOfHealth(path: PathState): string {
  if (path.policy.probes.length === 0) return 'link up, addressing ready, nothing is probed';
  return path.policy.probes.map((probe) => describeReplies(path, probe)).join('; ');
}

export function causeOfRecovery(path: PathState): string {
  return path.policy.probes.length === 0 ? 'link and addressing are back' : `answers again: ${causeOfHealth(path)}`;
}

/** "held for 10 s hold-down", with the figures when damping prolongs it. */
export function causeOfHold(path: PathState, nowUs: number): string {
  const waitUs = releaseUs(path, nowUs) - nowUs;
  if (!isSuppressed(path.damping, nowUs)) return `held for ${formatUs(waitUs)} hold-down`;
  const { damping } = path.policy;
  const figure = Math.round(figureOfMeritAt(path.damping, damping, nowUs));
  return (
    `held for ${formatUs(waitUs)}: damped after ${path.failures} ${path.failures === 1 ? 'failure' : 'failures'}, ` +
    `figure of merit ${figure} must fall to ${damping.reuseThreshold}`
  );
}

/** Which limit is exceeded, by how much and where. */
export function causeOfDegradation(path: PathState): string {
  const probe = path.policy.probes[probeBeyond(path)];
  if (!probe) return 'beyond its limits';
  const beyond = targetsOf(path, probe).filter((target) => target.beyondLimits);
  return `${probe.name}: ${beyond.map((target) => describeQuality(target, probe)).join('; ')}`;
}

function targetsOf(path: PathState, probe: ProbeSlot): readonly TargetState[] {
  return path.targets.slice(probe.first, probe.first + probe.count);
}

function describeFailedProbe(path: PathState, probe: ProbeSlot, nowUs: number): string {
  const targets = targetsOf(path, probe);
  const bad = targets.filter((target) => target.good === false);
  const figures = bad.map((target) => describeLosses(target, probe, nowUs)).join('; ');
  if (targets.length === 1) return `${probe.name}: ${figures}`;
  return `${probe.name}: ${bad.length} of ${targets.length} targets failed, ${probe.quorum} must answer: ${figures}`;
}

/**
 * "3 of 3 probes to 192.0.2.1 lost (no reply within 20 ms), last reply seen 61 ms before". Samples come when a deadline
 * is due, several at a time: the time between them says nothing of when probes were sent, so only this one is told.
 */
function describeLosses(target: TargetState, probe: ProbeSlot, nowUs: number): string {
  const losses = target.consecutiveLosses;
  if (losses === 0) {
    // Cut off together with the path and not recovered yet (see distrust()).
    return `${target.target} has answered ${target.consecutiveReplies} of ${probe.recoverAfter} times since it failed`;
  }
  // "3 of 3" while the verdict is being reached; afterwards the run only grows.
  const count = losses <= probe.failAfter ? `${losses} of ${probe.failAfter}` : `${losses}`;
  const reply =
    target.lastReplyUs === null ? 'no reply so far' : `last reply seen ${formatUs(nowUs - target.lastReplyUs)} before`;
  return `${count} probes to ${target.target} lost (${target.lastCause ?? 'no reply'}), ${reply}`;
}

/** "icmp: 192.0.2.1 in 850 us", or "icmp: 2 of 3 targets answer (...)". */
function describeReplies(path: PathState, probe: ProbeSlot): string {
  const targets = targetsOf(path, probe);
  const good = targets.filter((target) => target.good === true);
  const names = good
    .map((target) => target.target + (target.lastRttUs === null ? '' : ` in ${formatUs(target.lastRttUs)}`))
    .join(', ');
  return targets.length === 1
    ? `${probe.name}: reply from ${names}`
    : `${probe.name}: ${good.length} of ${targets.length} targets answer (${names})`;
}

function describeQuality(target: TargetState, probe: ProbeSlot): string {
  const { window } = target;
  const { lossPercent, latencyUs, jitterUs } = probe.limits;
  const parts: string[] = [];
  if (window) {
    if (lossPercent !== undefined)
      parts.push(`loss ${trimZero(window.lossPercent.toFixed(1))} % (limit ${lossPercent} %)`);
    if (latencyUs !== undefined && window.latencyUs !== null) {
      parts.push(`latency ${formatUs(window.latencyUs)} (limit ${formatUs(latencyUs)})`);
    }
    if (jitterUs !== undefined && window.jitterUs !== null) {
      parts.push(`jitter ${formatUs(window.jitterUs)} (limit ${formatUs(jitterUs)})`);
    }
  }
  return `${target.target} over ${window?.samples ?? 0} samples: ${parts.join(', ')}`;
}

function withDetail(what: string, detail: string | undefined): string {
  return detail ? `${what}: ${detail}` : what;
}

function trimZero(figure: string): string {
  return figure.endsWith('.0') ? figure.slice(0, -2) : figure;
}
