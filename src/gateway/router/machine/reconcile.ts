/** From the plan to leases: who must go goes first, so that no two nodes are active for one family. */
import type { Family } from '../../../net/ip-address.js';
import { criteriaOf, difference } from '../election/compare.js';
import { exclusionOf, measuredState } from '../election/exclusion.js';
import { neededFamilies, planElection, standbyTerms, type Plan } from '../election/plan.js';
import type { Reason } from '../../wire/types.js';
import type { Need } from '../types.js';
import { adopt, change, disown, elect, leave, reasonOf, release } from './lease.js';
import { countFlap, isFlapping } from './offer.js';
import { activeFamilies, isHolding, type HeldLease, type NodeEntry, type Terms } from './state.js';
import type { Work } from './work.js';

/** What one pass changes may let another one begin (a place that is free, a role): passes until nothing changes. */
const MAXIMUM_PASSES = 8;

export function reconcile(work: Work): void {
  const { need } = work.state;
  if (need === null || work.stopped) return;
  for (let pass = 0, before = -1; pass < MAXIMUM_PASSES && before !== work.changes; pass += 1) {
    before = work.changes;
    carryOut(work, need);
  }
}

function carryOut(work: Work, need: Need): void {
  const plan = planElection(work.state, need, work.nowUs);
  keepWaitingTimes(work, plan);
  for (const { pairing } of [...work.nodes.values()])
    withEntry(work, pairing, (entry) => dismiss(work, entry, need, plan));
  for (const [pairing, terms] of plan.wishes) withEntry(work, pairing, (entry) => demote(work, entry, terms));
  for (const [pairing, terms] of plan.wishes)
    withEntry(work, pairing, (entry) => grant(work, entry, terms, need, plan));
}

function withEntry(work: Work, pairing: string, act: (entry: NodeEntry) => void): void {
  const entry = work.entry(pairing);
  if (entry) act(entry);
}

function keepWaitingTimes(work: Work, { ahead }: Plan): void {
  for (const entry of [...work.nodes.values()]) {
    const betterSinceUs = ahead.has(entry.pairing) ? (entry.betterSinceUs ?? work.nowUs) : null;
    if (betterSinceUs !== entry.betterSinceUs) work.change(entry, { betterSinceUs });
  }
}

function dismiss(work: Work, entry: NodeEntry, need: Need, plan: Plan): void {
  const { state, lease, offer } = entry;
  if (plan.wishes.has(entry.pairing)) return;
  if (lease !== null && state === 'elected') leave(work, entry, lease, dismissal(work, entry, need, plan));
  else if (lease !== null && state === 'electing') release(work, entry, lease, dismissal(work, entry, need, plan));
  else if ((state === 'offered' || state === 'resting') && offer !== null) {
    const { lease: spoken } = offer;
    if (spoken === null || spoken.number === entry.endedLease || spoken.endsUs <= work.nowUs) return;
    if (!isFlapping(entry, work.nowUs)) disown(work, countFlap(work, entry, true), offer, spoken);
  }
}

/** Why it is not wanted any more: what RELEASE and the event say. One whose path does not work rests after it. */
function dismissal(work: Work, entry: NodeEntry, need: Need, plan: Plan): Reason {
  const excluded = exclusionOf(work.state, entry);
  if (excluded) return reasonOf(excluded.code, excluded.why);
  const fails = entry.badSinceUs !== null;
  if (neededFamilies(need).length === 0) {
    return fails
      ? reasonOf('path-fails', 'not needed, and its path was found bad')
      : reasonOf('re-established', need.cause);
  }
  const [best] = plan.chosen;
  if (!best) return reasonOf('nothing-offered', 'offers nothing that is needed');
  const worse = difference(criteriaOf(work.state), entry, best)?.criterion;
  const code = fails || worse?.failure ? 'path-fails' : 'other-is-better';
  return reasonOf(code, `${best.pairing} is better${worse ? `: ${worse.why}` : ''}`);
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

function grant(work: Work, entry: NodeEntry, wanted: Terms, need: Need, plan: Plan): void {
  const terms = permitted(work, entry, wanted);
  const { lease } = entry;
  if (lease !== null && isHolding(entry)) {
    grantHolder(work, entry, lease, terms, need);
  } else if (entry.offer !== null && entry.state === 'offered' && isRoomLeft(work, plan)) {
    const { lease: spoken } = entry.offer;
    const known = spoken !== null && spoken.number !== entry.endedLease && spoken.endsUs > work.nowUs;
    if (known) adopt(work, entry, entry.offer, spoken.number, terms, `kept from an earlier run: ${need.cause}`);
    else elect(work, entry, entry.offer, terms, causeOf(entry, need));
  }
}

function grantHolder(work: Work, entry: NodeEntry, lease: HeldLease, terms: Terms, need: Need): void {
  if (entry.state !== 'leaving') {
    change(work, entry, lease, terms);
    return;
  }
  const back = work.move(entry, 'elected', `wanted again: ${causeOf(entry, need)}`, {
    lease: { ...lease, reason: null },
  });
  change(work, back, { ...lease, reason: null }, terms);
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
