/** What the API shows of each node, with the reason of its place in the order. */
import { criteriaOf, difference, type Criterion } from '../election/compare.js';
import { exclusionOf } from '../election/exclusion.js';
import { neededFamilies, rank } from '../election/plan.js';
import type { NodeView } from '../types.js';
import { isHolding, type NodeEntry, type RouterState } from './state.js';

const US_PER_SECOND = 1_000_000;

/** One for each pairing, in the order of their names. */
export function nodeViews(state: RouterState, nowUs: number): NodeView[] {
  const criteria = criteriaOf(state);
  const ranked = rank(state, criteria);
  const places = new Map(ranked.map(({ pairing }, index) => [pairing, index]));
  return [...state.nodes.values()]
    .sort((one, other) => (one.pairing < other.pairing ? -1 : 1))
    .map((entry) => {
      const place = places.get(entry.pairing);
      const why = place === undefined ? whyNot(state, entry) : whyThere(state, criteria, ranked, place, nowUs);
      return viewOf(entry, place === undefined ? null : place + 1, why, nowUs);
    });
}

function viewOf(entry: NodeEntry, rankFromOne: number | null, why: string, nowUs: number): NodeView {
  const { lease, offer, rest } = entry;
  return {
    pairing: entry.pairing,
    node: entry.node,
    approved: entry.approved,
    state: entry.state,
    sinceUs: entry.sinceUs,
    cause: entry.cause,
    origin: lease?.origin ?? offer?.origin ?? null,
    lastHeardUs: entry.lastHeardUs,
    offer: offer === null ? null : offer.offer,
    measured: [...entry.measured],
    rank: rankFromOne,
    why,
    operator: entry.operator?.what ?? null,
    lease:
      lease === null
        ? null
        : {
            number: lease.number,
            role: lease.terms.role,
            sinceUs: lease.sinceUs,
            endsUs: entry.state === 'releasing' ? lease.latestEndUs : lease.endsUs,
            usage: lease.usage,
          },
    gateways: (lease?.families ?? []).map(({ family, gateway: address }) => ({ family, address })),
    restUntilUs: rest !== null && rest.untilUs > nowUs ? rest.untilUs : null,
  };
}

function whyNot(state: RouterState, entry: NodeEntry): string {
  const excluded = exclusionOf(state, entry);
  // Nobody's traffic is thrown away: it says so, or an operator would think that a release by hand did nothing.
  const carries = entry.state === 'leaving' ? '; carries on until something else works' : '';
  if (excluded) return `cannot be elected: ${excluded.why}${carries}`;
  return 'cannot be elected: offers nothing of what is needed';
}

function whyThere(
  state: RouterState,
  criteria: readonly Criterion[],
  ranked: readonly NodeEntry[],
  place: number,
  nowUs: number,
): string {
  const entry = ranked[place]!;
  const before = ranked[place - 1];
  const found = before && difference(criteria, entry, before);
  const position = found ? `behind ${before.pairing}: ${found.criterion.why}` : `the best of ${ranked.length}`;
  if (isHolding(entry)) return `${entry.state} as ${entry.lease?.terms.role ?? 'standby'}; ${position}`;
  if (state.need?.hindrance !== undefined) return `not elected: ${state.need.hindrance}`;
  if (entry.betterSinceUs !== null) {
    const leftUs = entry.betterSinceUs + state.policy.switchAfterUs - nowUs;
    return `${position}; takes over in ${Math.max(0, Math.ceil(leftUs / US_PER_SECOND))} s if it stays so`;
  }
  const needed = state.need === null ? [] : neededFamilies(state.need);
  return needed.length === 0 ? `not needed; ${position}` : position;
}
