/**
 * The set of leases that shall be in force, and what follows from what the shell says of it. A change of mind needs no
 * waiting: the newest `apply` counts, and an answer waits until the version with its rules is in force.
 */
import type { ArmedLease } from '../types.js';
import { describe, endLease, withdrawLease } from './leases.js';
import { servedFamilies, servedFamilyNumbers } from './obstacles.js';
import {
  inForce,
  NEW_LEASE,
  NO_USAGE,
  type ArmingState,
  type LeaseState,
  type NodeState,
  type PairingState,
} from './state.js';
import { change, changeLease, changePairing, record, send, wireLease, type Work } from './work.js';

const DISARM_RETRY_US = 1_000_000;

/** Emits an `apply` if what shall be in force is another than in the last one. */
export function reconcile(work: Work): void {
  const { arming, pairings } = work.state;
  const wanted = [...pairings].flatMap(([name, { lease }]) => (lease ? [armedLease(work.state, name, lease)] : []));
  const retry = arming.retryAtUs !== null && arming.retryAtUs <= work.nowUs;
  if (arming.version > 0 && !retry && sameLeases(wanted, arming.leases)) return;

  const version = arming.version + 1;
  for (const lease of wanted) {
    const before = arming.leases.find(({ pairing }) => pairing === lease.pairing);
    const isNew =
      !before || !sameRules(before, lease) || pairings.get(lease.pairing)!.lease!.contentVersion === NEW_LEASE;
    if (isNew) changeLease(work, lease.pairing, { contentVersion: version });
  }
  setArming(work, { version, leases: wanted, retryAtUs: null });
  work.actions.push({ type: 'apply', version, leases: wanted });
}

function setArming(work: Work, changes: Partial<ArmingState>): void {
  change(work, { arming: { ...work.state.arming, ...changes } });
}

function armedLease(state: NodeState, pairing: string, lease: LeaseState): ArmedLease {
  const { router, number, role, origin, clients, endsUs } = lease;
  const want = { ...lease.want, families: servedFamilyNumbers(state, lease.want) };
  return { pairing, router, number, role, origin, want, clients: [...clients], endsUs };
}

function sameLeases(left: readonly ArmedLease[], right: readonly ArmedLease[]): boolean {
  return (
    left.length === right.length &&
    left.every((lease, index) => lease.endsUs === right[index]!.endsUs && sameRules(lease, right[index]!))
  );
}

/** All but the end. */
function sameRules(left: ArmedLease, right: ArmedLease): boolean {
  return (
    left.pairing === right.pairing &&
    left.router === right.router &&
    left.number === right.number &&
    left.role === right.role &&
    left.origin.ifindex === right.origin.ifindex &&
    left.origin.ifname === right.origin.ifname &&
    left.origin.address.equals(right.origin.address) &&
    left.want.wayBack === right.want.wayBack &&
    left.want.families.join() === right.want.families.join() &&
    left.clients.map(String).join() === right.clients.map(String).join()
  );
}

/** The shell has put a version in force, or has failed to. */
export function takeApplied(work: Work, version: number, problem: string | null): void {
  const { arming } = work.state;
  if (version > arming.version) return;
  if (problem === null) {
    if (version < arming.appliedVersion) return;
    if (version === arming.version && arming.leases.length === 0 && version > 1 && arming.appliedVersion < version) {
      record(work, null, 'disarmed', 'no lease is left');
    }
    return setArming(work, { appliedVersion: version, broken: false });
  }
  // Of an older version it means no more than that nothing is in force until the newest is.
  if (version < arming.version) return setArming(work, { broken: true });
  if (arming.leases.length === 0) {
    record(work, null, 'arming-failed', `the rules could not be taken back: ${problem}`);
    return setArming(work, { broken: true, retryAtUs: work.nowUs + DISARM_RETRY_US });
  }
  blame(work, problem);
  // Nothing is in force: what remains is written anew, all of it, in this step.
  setArming(work, { broken: true, leases: [], retryAtUs: work.nowUs });
}

/** Ends the leases whose rules have never been in force; if all have been, all leases: the problem lies elsewhere. */
function blame(work: Work, problem: string): void {
  const { arming, pairings } = work.state;
  const held = [...pairings].flatMap(([name, { lease }]) => (lease ? [{ name, lease }] : []));
  const fresh = held.filter(({ lease }) => lease.contentVersion > arming.appliedVersion);
  const reason = { code: 'arming-failed', text: problem } as const;
  for (const { name, lease } of fresh.length > 0 ? fresh : held) {
    if (lease.request === null) {
      withdrawLease(work, name, reason, 'arming-failed');
      continue;
    }
    const { echo, origin } = lease.request;
    endLease(work, name, reason);
    const refused = { ...wireLease(lease, work.nowUs), leftMs: 0 };
    send(work, name, origin, { type: 'refuse', lease: refused, echo, reason });
    record(work, name, 'arming-failed', describe(reason));
  }
}

/** Answers what waited for rules to be in force, or gone. */
export function answer(work: Work): void {
  for (const [name, pairing] of work.state.pairings) {
    if (pairing.lease?.request && inForce(work.state, pairing.lease)) confirm(work, name, pairing.lease);
    if (pairing.release && isGone(work.state, pairing.release.afterVersion)) answerRelease(work, name, pairing);
  }
}

function isGone({ arming }: NodeState, version: number): boolean {
  return !arming.broken && arming.appliedVersion >= version;
}

function confirm(work: Work, name: string, lease: LeaseState): void {
  const { type, echo, origin } = lease.request!;
  changeLease(work, name, { request: null, confirmed: true });
  const families = servedFamilies(work.state, lease.want);
  const left = wireLease(lease, work.nowUs);
  if (type === 'elect') {
    send(work, name, origin, { type: 'accept', lease: left, echo, families });
  } else {
    const { backhaul = [], power, cost } = work.state.condition?.offer ?? {};
    const more = { ...(power && { power }), ...(cost && { cost }) };
    send(work, name, origin, { type: 'status', lease: left, echo, usage: lease.usage, families, backhaul, ...more });
  }
  if (!lease.confirmed)
    record(work, name, 'elected', `as ${lease.role} by ${origin.address.toString()} on ${origin.ifname}`);
}

function answerRelease(work: Work, name: string, { release, ended }: PairingState): void {
  const { lease, echo, origin } = release!;
  const usage = ended?.number === lease.number ? ended.usage : NO_USAGE;
  changePairing(work, name, { release: null });
  send(work, name, origin, { type: 'released', lease, echo, usage });
}
