/** Which nodes are wanted, and as what: docs/gateway-protocol.md, sections 6.1 and 6.2. Pure. */
import type { Family } from '../../../net/ip-address.js';
import { activeFamilies, isHolding, unique, type NodeEntry, type RouterState, type Terms } from '../machine/state.js';
import { FLAP_WINDOW_US } from '../machine/timers.js';
import type { Need } from '../types.js';
import { compareBy, criteriaOf, difference, type Criterion } from './compare.js';
import { exclusionOf, isElectable, isProved, measuredState, offeredFamilies } from './exclusion.js';

export interface Plan {
  /** What it is made for. */
  need: Need;
  /** By pairing: what each wanted node shall have. Roles are kept from overlapping by who carries this out. */
  wishes: ReadonlyMap<string, Terms>;
  /** Wanted for themselves, best first; the others among the wishes stay until these are ready. */
  chosen: readonly NodeEntry[];
  /** Better than one that is elected: their waiting time runs. */
  ahead: ReadonlySet<string>;
}

/** What the parts of a plan look at. */
interface Context {
  state: RouterState;
  need: Need;
  needed: Family[];
  criteria: Criterion[];
  nowUs: number;
  ahead: Set<string>;
}

export const neededFamilies = (need: Need): Family[] => unique([...need.active, ...need.standby]);

/** Everybody who can be elected and is of use, best first. */
export function rank(state: RouterState, criteria = criteriaOf(state)): NodeEntry[] {
  const needed = state.need === null ? [] : neededFamilies(state.need);
  return [...state.nodes.values()]
    .filter((entry) => isElectable(state, entry) && isUseful(entry, needed))
    .sort(compareBy(criteria));
}

/** Without any need each node keeps its place in the order. */
const isUseful = (entry: NodeEntry, needed: readonly Family[]): boolean =>
  needed.length === 0 || isByHand(entry) || needed.some((family) => offeredFamilies(entry).includes(family));

const isByHand = ({ operator }: NodeEntry): boolean => operator?.what === 'elect';
const isIncumbent = ({ state }: NodeEntry): boolean => state === 'electing' || state === 'elected';

export function planElection(state: RouterState, need: Need, nowUs: number): Plan {
  const criteria = criteriaOf(state);
  const context: Context = { state, need, needed: neededFamilies(need), criteria, nowUs, ahead: new Set() };
  const ranked = isAnythingWanted(state, need) ? rank(state, criteria).filter((entry) => isPossible(need, entry)) : [];
  const chosen = holdOn(context, ranked, pickBest(context, ranked));
  const owners = new Map(context.needed.map((family) => [family, ownerOf(context, chosen, family)] as const));
  const retained = [...state.nodes.values()].filter((entry) => isRetained(context, chosen, owners, entry));
  const wishes = new Map(
    [...chosen, ...retained].map((entry) => [entry.pairing, termsFor(context, owners, entry)] as const),
  );
  return { need, wishes, chosen, ahead: context.ahead };
}

const isPossible = ({ hindrance }: Need, entry: NodeEntry): boolean => hindrance === undefined || isHolding(entry);

function isAnythingWanted({ nodes }: RouterState, need: Need): boolean {
  if (need.active.length + need.standby.length > 0) return true;
  for (const entry of nodes.values()) if (isByHand(entry)) return true;
  return false;
}

/** The best, whoever else is needed to cover the families, and with users' traffic at stake as many as are allowed. */
function pickBest({ state, need, needed }: Context, ranked: readonly NodeEntry[]): NodeEntry[] {
  const picked = new Set(ranked.filter(isByHand));
  const [best] = ranked;
  if (best && needed.length > 0) picked.add(best);
  for (const family of needed) {
    if (![...picked].some((entry) => serves(entry, family))) {
      const server = ranked.find((entry) => serves(entry, family));
      if (server) picked.add(server);
    }
  }
  if (need.active.length > 0) ranked.forEach((entry) => picked.add(entry));
  return [...picked].slice(0, state.policy.maximumElected);
}

const serves = (entry: NodeEntry, family: Family): boolean =>
  offeredFamilies(entry).includes(family) && measuredState(entry, family) !== 'bad';

/**
 * Hysteresis: who is elected keeps its place unless the other is better by what counts at once, or for long enough.
 * @returns best first, like `ideal`
 */
function holdOn(context: Context, ranked: readonly NodeEntry[], ideal: readonly NodeEntry[]): NodeEntry[] {
  const challengers = ideal.filter((entry) => !isIncumbent(entry)).length;
  const displaced = ranked.filter((entry) => isIncumbent(entry) && !ideal.includes(entry)).slice(0, challengers);
  const chosen = ideal.map((entry) => {
    if (isIncumbent(entry)) return entry;
    const incumbent = displaced.pop();
    if (!incumbent || mayTakeOver(context, entry, incumbent, true)) return entry;
    return incumbent;
  });
  return ranked.filter((entry) => chosen.includes(entry));
}

/** @param covers the other was picked although it ranks behind: for a family that nobody else has */
function mayTakeOver(
  { criteria, ahead, nowUs, state }: Context,
  entry: NodeEntry,
  from: NodeEntry,
  covers: boolean,
): boolean {
  const found = difference(criteria, entry, from);
  if (found === null || found.order > 0) return covers;
  ahead.add(entry.pairing);
  const sinceUs = entry.betterSinceUs ?? nowUs;
  return found.criterion.decisive || isInTime(entry, sinceUs, from) || nowUs - sinceUs >= state.policy.switchAfterUs;
}

/**
 * Better while the other's election was open: it was heard too late, or what it said of itself was not complete. Only once
 * that one is elected, so that traffic waits for nobody; and not one that comes back from a failure.
 */
function isInTime({ rest, flapsUs }: NodeEntry, sinceUs: number, { state, lease }: NodeEntry): boolean {
  if (state !== 'elected' || lease === null || sinceUs >= lease.openUntilUs) return false;
  const failedUs = Math.max(rest?.untilUs ?? -Infinity, flapsUs.at(-1) ?? -Infinity);
  return failedUs < lease.openUntilUs - FLAP_WINDOW_US;
}

/** Who has, or gets, the traffic of a family. */
function ownerOf(context: Context, chosen: readonly NodeEntry[], family: Family): NodeEntry | null {
  const able = chosen.filter((entry) => offeredFamilies(entry).includes(family));
  const best = able.find((entry) => serves(entry, family)) ?? able[0] ?? null;
  const holder = activeHolder(context.state, family);
  if (holder === null || best === null || holder.pairing === best.pairing) return best;
  if (measuredState(holder, family) === 'bad') return best;
  if (chosen.includes(holder) && !mayTakeOver(context, best, holder, false)) return holder;
  const retainable = exclusionOf(context.state, holder)?.soft !== false;
  return holder.state === 'elected' && retainable && !isProved(best, family) ? holder : best;
}

function activeHolder({ nodes }: RouterState, family: Family): NodeEntry | null {
  for (const entry of nodes.values()) {
    if (isIncumbent(entry) && entry.lease && activeFamilies(entry.lease.terms).includes(family)) return entry;
  }
  return null;
}

/** Make before break: not chosen any more, but no chosen one has been found to work in its place. */
function isRetained(
  { state, need, needed }: Context,
  chosen: readonly NodeEntry[],
  owners: ReadonlyMap<Family, NodeEntry | null>,
  entry: NodeEntry,
): boolean {
  if (entry.state !== 'elected' || entry.lease === null || chosen.includes(entry)) return false;
  if (exclusionOf(state, entry)?.soft === false) return false;
  const { families } = entry.lease;
  return needed.some((family) => {
    if (!families.some((offered) => offered.family === family)) return false;
    if (!chosen.some((other) => offeredFamilies(other).includes(family))) return false;
    if (owners.get(family) === entry) return true;
    return !chosen.some((other) => hasTakenOver(other, family, need.active.includes(family)));
  });
}

const hasTakenOver = (entry: NodeEntry, family: Family, asActive: boolean): boolean =>
  isProved(entry, family) &&
  (!asActive || (entry.lease?.confirmed ? activeFamilies(entry.lease.confirmed).includes(family) : false));

function termsFor(
  { state, need, needed }: Context,
  owners: ReadonlyMap<Family, NodeEntry | null>,
  entry: NodeEntry,
): Terms {
  const { wayBack } = state.policy;
  const owned = needed.filter((family) => owners.get(family) === entry);
  if (owned.some((family) => need.active.includes(family))) return { role: 'active', families: owned, wayBack };
  return standbyTerms(state, entry, needed);
}

/** Ready for all that is needed of what it offers. */
export function standbyTerms({ policy }: RouterState, entry: NodeEntry, needed: readonly Family[]): Terms {
  const offered = offeredFamilies(entry);
  const useful = needed.filter((family) => offered.includes(family));
  return { role: 'standby', families: useful.length > 0 ? useful : offered, wayBack: policy.wayBack };
}
