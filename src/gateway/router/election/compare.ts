/** The order of election, docs/gateway-protocol.md, section 6.1: one criterion after the other, among equals of the one before. */
import type { Family } from '../../../net/ip-address.js';
import { activeFamilies, type NodeEntry, type RouterState } from '../machine/state.js';
import { measuredState, offeredFamilies } from './exclusion.js';

export interface Criterion {
  /** The rest of "behind X: ...", for the one that is worse. */
  why: string;
  /** A better one takes over at once, without the wait of `switchAfterUs`. */
  decisive: boolean;
  /** Who has to go for being worse by it has failed: it rests. */
  failure?: true;
  /** Less is better. */
  score: (entry: NodeEntry) => number | string;
}

/** For one state: what the criteria look up is prepared once. */
export function criteriaOf(state: RouterState): Criterion[] {
  const place = new Map(state.preference.map((pairing, index) => [pairing, index]));
  const active = state.need?.active ?? [];
  const standby = (state.need?.standby ?? []).filter((family) => !active.includes(family));
  const unmetered = { why: 'metered', decisive: false, score: meteredScore };
  const avoid = state.policy.metered === 'avoid';
  return [
    { why: 'not asked for by hand', decisive: true, score: ({ operator }) => (operator?.what === 'elect' ? 0 : 1) },
    { why: 'offers less of what is needed', decisive: true, score: (entry) => -count(entry, active) },
    { why: 'offers less of what is kept ready', decisive: true, score: (entry) => -count(entry, standby) },
    {
      why: 'its path was found bad',
      decisive: true,
      failure: true,
      score: (entry) => badFamilies(entry, [...active, ...standby]),
    },
    {
      why: 'the policy program prefers another',
      decisive: false,
      score: ({ pairing }) => place.get(pairing) ?? place.size,
    },
    ...(avoid ? [unmetered] : []),
    { why: 'says less good of its own way out', decisive: false, score: reportedScore },
    { why: 'costs more (its preference)', decisive: false, score: (entry) => entry.offer?.offer.cost?.preference ?? 0 },
    ...(avoid ? [] : [unmetered]),
    { why: 'on battery', decisive: false, score: batteryScore },
    { why: 'less capacity', decisive: false, score: (entry) => -doublings(entry.offer?.offer.capacity?.downKbps) },
    {
      why: 'less capacity upwards',
      decisive: false,
      score: (entry) => -doublings(entry.offer?.offer.capacity?.upKbps),
    },
    { why: 'the other is elected already', decisive: false, score: incumbentScore },
    { why: 'the other comes first by its id', decisive: false, score: ({ node }) => node ?? '~' },
    { why: 'the other comes first by its name', decisive: false, score: ({ pairing }) => pairing },
  ];
}

const count = (entry: NodeEntry, families: readonly Family[]): number => {
  const offered = offeredFamilies(entry);
  return families.filter((family) => offered.includes(family)).length;
};

const badFamilies = (entry: NodeEntry, families: readonly Family[]): number =>
  families.filter((family) => measuredState(entry, family) === 'bad').length;

const meteredScore = ({ offer }: NodeEntry): number => (offer?.offer.cost?.metered ? 1 : 0);

const REPORTED = { good: 0, unknown: 1, bad: 2 } as const;

/** The worst of the families that it says something of; nothing: unknown. */
function reportedScore({ offer }: NodeEntry): number {
  const reported = offer?.offer.backhaul ?? [];
  return reported.length === 0 ? REPORTED.unknown : Math.max(...reported.map(({ state }) => REPORTED[state]));
}

function batteryScore({ offer }: NodeEntry): number {
  const power = offer?.offer.power;
  return power === undefined || power.batteryPercent === null || power.charging ? 0 : 1;
}

/** Steps of a factor of two, so that near-equals are equal; unknown is the least. */
export const doublings = (kbps: number | undefined): number => (kbps ? Math.floor(Math.log2(kbps)) + 1 : 0);

function incumbentScore({ state, lease }: NodeEntry): number {
  if (lease === null || state === 'releasing') return 3;
  if (activeFamilies(lease.terms).length > 0) return 0;
  return state === 'leaving' ? 2 : 1;
}

/** The first criterion that tells two entries apart; null: none does. Negative `order`: `one` is the better one. */
export function difference(
  criteria: readonly Criterion[],
  one: NodeEntry,
  other: NodeEntry,
): { criterion: Criterion; order: number } | null {
  for (const criterion of criteria) {
    const [a, b] = [criterion.score(one), criterion.score(other)];
    if (a !== b) return { criterion, order: a < b ? -1 : 1 };
  }
  return null;
}

export const compareBy =
  (criteria: readonly Criterion[]) =>
  (one: NodeEntry, other: NodeEntry): number =>
    difference(criteria, one, other)?.order ?? 0;
