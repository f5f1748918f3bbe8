/** From the plan to leases: who must go goes first, so that no two nodes are active for one family. */
import type { Family } from '../../../net/ip-address.js';
import { criteriaOf, difference } from '../election/compare.js';
import { exclusionOf, measuredState } from '../election/exclusion.js';
import { neededFamilies, planElection, standbyTerms, type Plan } from '../election/plan.js';
import type { Reason } from '../../wire/types.js';
import type { Need } from '../types.js';
import { adopt, change, disown, elect, leave, reasonOf, release } from './lease.js';
import { countFlap, isFlapping } from './offer.js';
import { activeFamilies, isHolding, type HeldLease, type HeldOffer, type NodeEntry, type Terms } from './state.js';
import type { Work } from './work.js';

/** What one pass changes may let another one begin (a place that is free, a role): passes until nothing changes. */
const MAXIMUM_PASSES = 8;

export function reconcile(work: Work): void {
  const { need } = work.state;
  if (need === null || work.stopped) return;
  for (let pass = 0, before = -1; pass < MAXIMUM_PASSES && before !== work.changes; pass += 1) {
    before = work.changes;
    carryOut(work, planElection(work.state, need, work.nowUs));
  }
}

/** In this order: a place, and a role for a family, is free before somebody else gets it. */
function carryOut(work: Work, plan: Plan): void {
  keepWaitingTimes(work, plan);
  for (const { pairing } of [...work.nodes.values()]) {
    if (!plan.wishes.has(pairing)) dismiss(work, work.entry(pairing)!, plan);
  }
  for (const [pairing, terms] of plan.wishes) demote(work, work.entry(pairing)!, terms);
  for (const [pairing, terms] of plan.wishes) grant(work, work.entry(pairing)!, terms, plan);
}

function keepWaitingTimes(work: Work, { ahead }: Plan): void {
  for (const entry of [...work.nodes.values()]) {
    const betterSinceUs = ahead.has(entry.pairing) ? (entry.betterSinceUs ?? work.nowUs) : null;
    if (betterSinceUs !== entry.betterSinceUs) work.change(entry, { betterSinceUs });
  }
}

function dismiss(work: Work, entry: NodeEntry, plan: Plan): void {
  const { state, lease, offer } = entry;
  if (lease !== null && state === 'elected') leave(work, entry, lease, dismissal(work, entry, plan));
  else if (lease !== null && state === 'electing') release(work, entry, lease, dismissal(work, entry, plan));
  else if ((state === 'offered' || state === 'resting') && offer !== null) {
    const spoken = unknownLease(entry, work.nowUs);
    if (spoken && !isFlapping(entry, work.nowUs)) disown(work, countFlap(work, entry, true), offer, spoken);
  }
}

/** Of an earlier run: the node speaks of it, and this run does not know it. */
function unknownLease({ offer, endedLease }: NodeEntry, nowUs: number): HeldOffer['lease'] {
  const spoken = offer?.lease ?? null;
  return spoken !== null && spoken.number !== endedLease && spoken.endsUs > nowUs ? spoken : null;
}

/** Why it is not wanted any more: what RELEASE and the event say. With a path that does not work it rests (lease.ts). */
function dismissal(work: Work, entry: NodeEntry, plan: Plan): Reason {
  const reason = whyUnwanted(work, entry, plan);
  if (entry.badSinceUs === null || reason.code === 'path-fails') return reason;
  return reasonOf('path-fails', `${reason.text}; its path was found bad`);
}

function whyUnwanted(work: Work, entry: NodeEntry, { need, chosen: [best] }: Plan): Reason {
  const excluded = exclusionOf(work.state, entry);
  if (excluded) return reasonOf(excluded.code, excluded.why);
  if (neededFamilies(need).length === 0) return reasonOf('re-established', need.cause);
  if (!best) return reasonOf('nothing-offered', 'offers nothing that is needed');
  const criterion = difference(criteriaOf(work.state), entry, best)?.criterion;
  const code = criterion?.failure ? 'path-fails' : 'other-is-better';
  return reasonOf(code, `${best.pairing} is better${criterion ? `: ${criterion.why}` : ''}`);
}

/** Families leave a node before another one gets them. */
function demote(work: Work, entry: NodeEntry, terms: Terms): void {
  const { lease } = entry;
  if (lease === null || !isHolding(entry)) return;
  const now = activeFamilies(lease.terms);
  const then = activeFamilies(terms);
  if (now.every((family) => then.includes(family))) return;
  const kept = now.filter((family) => then.includes(family));
  change(work, entry, lease, kept.length > 0 ? { ...terms, families: kept } : asStandby(work, entry, terms));
}

const asStandby = (work: Work, entry: NodeEntry, terms: Terms): Terms =>
  terms.role === 'standby' ? terms : standbyTerms(work.state, entry, terms.families);

function grant(work: Work, entry: NodeEntry, wanted: Terms, plan: Plan): void {
  const { need } = plan;
  const { lease, offer, state } = entry;
  const terms = permitted(work, entry, wanted);
  if (lease !== null && isHolding(entry)) {
    grantHolder(work, entry, lease, terms, need);
  } else if (offer !== null && state === 'offered' && isRoomLeft(work, plan)) {
    const spoken = unknownLease(entry, work.nowUs);
    if (spoken) adopt(work, entry, offer, spoken.number, terms, `kept from an earlier run: ${need.cause}`);
    else elect(work, entry, offer, terms, causeOf(entry, need));
  }
}

function grantHolder(work: Work, entry: NodeEntry, held: HeldLease, terms: Terms, need: Need): void {
  if (entry.state !== 'leaving') {
    change(work, entry, held, terms);
    return;
  }
  const lease = { ...held, reason: null };
  change(work, work.move(entry, 'elected', `wanted again: ${causeOf(entry, need)}`, { lease }), lease, terms);
}

const causeOf = ({ operator }: NodeEntry, need: Need): string =>
  operator?.what === 'elect' ? `asked for by ${operator.by}` : need.cause;

/** As active only for families that no other node may take itself to be active for, except where that one fails. */
function permitted(work: Work, entry: NodeEntry, terms: Terms): Terms {
  if (terms.role === 'standby') return terms;
  const taken = new Set<Family>();
  for (const other of work.nodes.values()) {
    if (other.pairing === entry.pairing || !isHolding(other) || other.lease === null) continue;
    for (const family of other.lease.activeMaybe) if (measuredState(other, family) !== 'bad') taken.add(family);
    for (const family of activeFamilies(other.lease.terms)) taken.add(family);
  }
  const families = terms.families.filter((family) => !taken.has(family));
  return families.length > 0 ? { ...terms, families } : standbyTerms(work.state, entry, terms.families);
}

/** One more than the maximum while one of those that have a lease is on its way out. */
function isRoomLeft(work: Work, { chosen }: Plan): boolean {
  const holding = [...work.nodes.values()].filter(isHolding);
  const names = new Set(chosen.map(({ pairing }) => pairing));
  const swapping = holding.some(({ pairing }) => !names.has(pairing));
  return holding.length < work.policy.maximumElected + (swapping ? 1 : 0);
}
