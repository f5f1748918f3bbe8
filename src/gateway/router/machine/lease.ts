/** What happens to a lease: it begins, is adopted, confirmed, changed, left, released, lost. The rows of section 6. */
import type { OfferedFamily, Reason, ReasonCode, Usage } from '../../wire/types.js';
import type { NodeState } from '../types.js';
import { firstAttempt } from './send.js';
import {
  activeFamilies,
  unique,
  type HeldLease,
  type HeldOffer,
  type NodeEntry,
  type SentRequest,
  type Terms,
} from './state.js';
import { ELECTION_OPEN_US, FIRST_REPEAT_US, RENEW_JITTER } from './timers.js';
import type { Work } from './work.js';

const US_PER_MS = 1000;
export const NOTHING_CARRIED: Usage = { toNetworkBytes: 0n, fromNetworkBytes: 0n };

/** A new lease number, ELECT. The first message leaves at the end of this step. */
export function elect(work: Work, entry: NodeEntry, held: HeldOffer, terms: Terms, cause: string): void {
  const openUntilUs = work.nowUs + ELECTION_OPEN_US;
  const lease = { ...newLease(work, work.randomNumber(), held, terms), openUntilUs };
  work.move(entry, 'electing', cause, { lease, pending: firstAttempt('elect', work.nowUs) });
}

/** RENEW of a lease that the node speaks of and this run does not know. */
export function adopt(
  work: Work,
  entry: NodeEntry,
  held: HeldOffer,
  number: bigint,
  terms: Terms,
  cause: string,
): void {
  const lease = newLease(work, number, held, terms);
  work.move(entry, 'electing', cause, { lease, pending: firstAttempt('renew', work.nowUs) });
}

/** RELEASE of such a lease, as nothing is wanted of the node. */
export function disown(
  work: Work,
  entry: NodeEntry,
  held: HeldOffer,
  spoken: { number: bigint; endsUs: number },
): void {
  const terms: Terms = { role: 'standby', families: [], wayBack: work.policy.wayBack };
  const lease: HeldLease = {
    ...newLease(work, spoken.number, held, terms),
    latestEndUs: spoken.endsUs,
    reason: { code: 're-established', text: 'not needed' },
  };
  const cause = 'holds a lease of an earlier run, not needed';
  work.move(entry, 'releasing', cause, { lease, pending: firstAttempt('release', work.nowUs) });
}

function newLease(work: Work, number: bigint, held: HeldOffer, terms: Terms): HeldLease {
  const { nowUs, policy } = work;
  const endUs = nowUs + policy.leaseUs;
  return {
    number,
    origin: held.origin,
    terms,
    confirmed: null,
    sent: [],
    activeMaybe: [],
    sinceUs: nowUs,
    endsUs: endUs,
    latestEndUs: endUs,
    renewAtUs: nowUs,
    openUntilUs: nowUs,
    families: [],
    usage: NOTHING_CARRIED,
    reason: null,
  };
}

/** ACCEPT or STATUS of this lease: it counts from when the message that is answered was sent. */
export function confirm(
  work: Work,
  entry: NodeEntry,
  held: HeldLease,
  request: SentRequest,
  grantedMs: number,
  offered: readonly OfferedFamily[],
): void {
  const families = offered.filter(({ family }) => request.terms.families.includes(family));
  if (families.length === 0) {
    lose(work, entry, { code: 'nothing-offered', text: 'confirms no family that is wanted' });
    return;
  }
  const endsUs = request.atUs + Math.min(request.leaseUs, grantedMs * US_PER_MS);
  const settled = sameTerms(request.terms, held.terms);
  // It has what it answers, or one of those that were sent after that.
  const sent = held.sent.filter(({ order }) => order >= request.order);
  const lease: HeldLease = {
    ...held,
    confirmed: request.terms,
    families,
    sent,
    activeMaybe: unique(sent.flatMap(({ terms }) => activeFamilies(terms))),
    endsUs: held.confirmed === null ? endsUs : Math.max(held.endsUs, endsUs),
    renewAtUs: settled ? request.atUs + renewAfterUs(work, endsUs - request.atUs) : held.renewAtUs,
    ...(held.confirmed === null && { sinceUs: work.nowUs }),
  };
  const change = { lease, pending: settled ? null : entry.pending };
  if (entry.state !== 'electing') work.change(entry, change);
  else work.move(entry, 'elected', `confirmed as ${lease.terms.role}`, change);
}

/** A fifth of a short lease that the node granted, where it is shorter than what was asked for. */
function renewAfterUs(work: Work, grantedUs: number): number {
  const { renewUs, leaseUs } = work.policy;
  const intervalUs = Math.max(FIRST_REPEAT_US, Math.min(renewUs, grantedUs * (renewUs / leaseUs)));
  return Math.round(intervalUs * (1 - RENEW_JITTER * work.randomFraction()));
}

function sameTerms(one: Terms, other: Terms): boolean {
  const { families } = other;
  return (
    one.role === other.role &&
    one.wayBack === other.wayBack &&
    one.families.length === families.length &&
    one.families.every((family) => families.includes(family))
  );
}

/** A change of role, families or way back goes by RENEW at once (by ELECT while that is unanswered). */
export function change(work: Work, entry: NodeEntry, held: HeldLease, terms: Terms): void {
  if (sameTerms(held.terms, terms)) return;
  const kind = entry.state === 'electing' ? (entry.pending?.kind ?? 'elect') : 'renew';
  work.change(entry, { lease: { ...held, terms }, pending: firstAttempt(kind, work.nowUs) });
}

export function renewNow(work: Work, entry: NodeEntry): void {
  if (entry.pending === null) work.change(entry, { pending: firstAttempt('renew', work.nowUs) });
}

/** It has the lease that it is asked for, so its answers were lost: asked at once, and as often as if for the first time. */
export function askAnew(work: Work, entry: NodeEntry): void {
  const { pending } = entry;
  if (pending === null || pending.anew) return;
  work.change(entry, { pending: { ...firstAttempt(pending.kind, work.nowUs), anew: true } });
}

/** Elected, not wanted any more: traffic is asked to leave. The lease goes on, as standby. */
export function leave(work: Work, entry: NodeEntry, held: HeldLease, reason: Reason): void {
  const moved = work.move(entry, 'leaving', reason.text, { lease: { ...held, reason }, betterSinceUs: null });
  change(work, moved, { ...held, reason }, { ...held.terms, role: 'standby' });
}

/** Nobody's traffic is on it (any more). */
export function release(work: Work, entry: NodeEntry, held: HeldLease, reason: Reason): void {
  work.move(entry, 'releasing', reason.text, {
    lease: { ...held, reason },
    pending: firstAttempt('release', work.nowUs),
    betterSinceUs: null,
    badSinceUs: null,
  });
}

/** It did not do what it was elected for: RELEASE, then it rests. */
export function lose(work: Work, entry: NodeEntry, reason: Reason): void {
  const { lease } = entry;
  const rested = work.change(entry, { rest: nextRest(work, entry) });
  if (lease !== null) release(work, rested, lease, reason);
}

/** Traffic has left it: what it was asked to leave for says whether it rests. */
export function letGo(work: Work, entry: NodeEntry, held: HeldLease, reason: Reason): void {
  if (reason.code === 'path-fails') lose(work, entry, reason);
  else release(work, entry, held, reason);
}

/** The lease is over on both sides, or as good as. */
export function end(work: Work, entry: NodeEntry, cause: string, change: Partial<NodeEntry> = {}): void {
  const over = { lease: null, pending: null, badSinceUs: null, betterSinceUs: null, measured: [] };
  const next = { ...entry, ...over, endedLease: entry.lease?.number ?? null, ...change };
  work.move(next, stateWithoutLease(next, work.nowUs), cause, {});
}

/** As `end`, and it rests. */
export const endAndRest = (work: Work, entry: NodeEntry, cause: string): void =>
  end(work, entry, cause, { rest: nextRest(work, entry) });

/** Doubles while failures follow each other: a rest that ended longer ago than the longest is forgotten. */
export function nextRest(work: Work, { rest }: NodeEntry): NonNullable<NodeEntry['rest']> {
  const { restUs, maximumRestUs } = work.policy;
  const again = rest !== null && work.nowUs - rest.untilUs < maximumRestUs;
  const lengthUs = Math.min(again ? rest.lengthUs * 2 : restUs, maximumRestUs);
  return { untilUs: work.nowUs + lengthUs, lengthUs };
}

export function stateWithoutLease({ offer, rest }: NodeEntry, nowUs: number): NodeState {
  if (rest !== null && rest.untilUs > nowUs) return 'resting';
  return offer !== null && offer.untilUs > nowUs ? 'offered' : 'absent';
}

export const reasonOf = (code: ReasonCode, text: string): Reason => ({ code, text });
