/**
 * The order of a group's tiers: configured order, then degraded members behind healthy ones, then the revert delay, then
 * the operator's force. What is put first carries the traffic.
 *
 * Traffic leaves a live tier for a better one only when that one is ready: it has had a healthy live member for the
 * revert delay without interruption, or has one that has never failed since start. The tier that carries is therefore
 * put first as soon as it takes over, while the better ones are dead: setting their liveness bits later moves nothing.
 */
import type { GroupState, PathState, TierMember, Tiers } from './state.js';

/** The data plane holds this many tiers in a group; what demotion and force add beyond is folded into the last. */
const MAXIMUM_TIERS = 4;

export type PathOf = (uplink: string) => PathState | undefined;

/** A configured tier, or its degraded members apart. */
interface RankedTier {
  readonly configured: number;
  readonly demoted: boolean;
  readonly members: TierMember[];
}

export interface Arrangement {
  /** Without force. */
  readonly order: Tiers;
  readonly carrying: readonly string[];
  readonly deadlineUs: number | null;
}

type Waiting = Pick<GroupState, 'tiers' | 'revertDelayUs' | 'carrying' | 'tierHealthySinceUs'>;

/** Alive because it works, and within its limits. */
export function isHealthyMember(path: PathState | undefined): boolean {
  return path !== undefined && path.alive && path.kept === null && path.healthySinceUs !== null;
}

/** Since when the tier has had a healthy live member without interruption; `before`: as known so far. */
export function tierHealthySince(tier: readonly TierMember[], before: number | null, pathOf: PathOf): number | null {
  let sinceUs: number | null = null;
  for (const { uplink } of tier) {
    const path = pathOf(uplink);
    if (!isHealthyMember(path)) continue;
    sinceUs = Math.min(sinceUs ?? Number.POSITIVE_INFINITY, path!.healthySinceUs!);
  }
  return sinceUs !== null && before !== null ? Math.min(before, sinceUs) : sinceUs;
}

/** The order that the group has by itself. `group.carrying` are the members that carried the traffic so far. */
export function arrange(group: Waiting, pathOf: PathOf, nowUs: number): Arrangement {
  const ranked = demoteDegraded(group.tiers, pathOf);
  const current = ranked.find((tier) => tier.members.some((member) => group.carrying.includes(member.uplink)));
  const chosen = chooseTier(ranked, current, group, pathOf, nowUs);
  const first = chosen ?? current;
  // Without a delay a better tier takes over with its liveness bit, and nothing has to be reordered for it.
  const reorder = first !== undefined && group.revertDelayUs !== 0;
  const tiers = reorder ? [first, ...ranked.filter((tier) => tier !== first)] : ranked;
  return {
    order: foldTiers(tiers.map((tier) => tier.members)),
    carrying: chosen ? liveMembers(chosen.members, pathOf) : group.carrying,
    deadlineUs: chosen ? waitingDeadlineUs(ranked, chosen, group, pathOf, nowUs) : null,
  };
}

/** The forced uplink first, the normal order behind it as fallback. */
export function putFirst(order: Tiers, uplink: string): Tiers {
  const forced = order.flat().find((member) => member.uplink === uplink);
  return forced ? foldTiers([[forced], ...selectMembers(order, (member) => member.uplink !== uplink)]) : order;
}

/** Live members of the first tier that has any: the data plane's own rule. */
export function activeMembers(order: Tiers, pathOf: PathOf): string[] {
  for (const tier of order) {
    const live = liveMembers(tier, pathOf);
    if (live.length > 0) return live;
  }
  return [];
}

export function sameOrder(a: Tiers, b: Tiers): boolean {
  return a.length === b.length && a.every((tier, index) => sameTier(tier, b[index]!));
}

function sameTier(a: readonly TierMember[], b: readonly TierMember[]): boolean {
  return (
    a.length === b.length &&
    a.every((member, index) => member.uplink === b[index]!.uplink && member.weight === b[index]!.weight)
  );
}

function demoteDegraded(tiers: Tiers, pathOf: PathOf): RankedTier[] {
  const rank = (part: Tiers, demoted: boolean): RankedTier[] =>
    part.map((members, configured) => ({ configured, demoted, members })).filter((tier) => tier.members.length > 0);
  const isDegraded = ({ uplink }: TierMember): boolean => {
    const path = pathOf(uplink);
    return path !== undefined && path.alive && path.kept === null && path.beyondLimits;
  };
  const alternative = tiers.some((tier) => tier.some((member) => isHealthyMember(pathOf(member.uplink))));
  if (!alternative || !tiers.some((tier) => tier.some(isDegraded))) return rank(tiers, false);
  return [
    ...rank(
      tiers.map((tier) => tier.filter((member) => !isDegraded(member))),
      false,
    ),
    ...rank(
      tiers.map((tier) => tier.filter(isDegraded)),
      true,
    ),
  ];
}

/** The best live tier that may carry now. To leave a dead or degraded tier, nothing is waited for. */
function chooseTier(
  ranked: readonly RankedTier[],
  current: RankedTier | undefined,
  group: Waiting,
  pathOf: PathOf,
  nowUs: number,
): RankedTier | undefined {
  const stay = current !== undefined && !current.demoted && isLive(current, pathOf);
  return ranked.find((tier) => isLive(tier, pathOf) && (!stay || tier === current || readyAtUs(tier, group) <= nowUs));
}

/** When traffic may come back to this tier; -Infinity: at once, Infinity: not by itself. */
function readyAtUs(tier: RankedTier, group: Waiting): number {
  if (group.revertDelayUs === 0) return Number.NEGATIVE_INFINITY;
  const sinceUs = tier.demoted ? null : (group.tierHealthySinceUs[tier.configured] ?? null);
  if (sinceUs === null) return Number.POSITIVE_INFINITY;
  if (sinceUs === Number.NEGATIVE_INFINITY) return sinceUs;
  return group.revertDelayUs === 'never' ? Number.POSITIVE_INFINITY : sinceUs + group.revertDelayUs;
}

function waitingDeadlineUs(
  ranked: readonly RankedTier[],
  chosen: RankedTier,
  group: Waiting,
  pathOf: PathOf,
  nowUs: number,
): number | null {
  let deadlineUs = Number.POSITIVE_INFINITY;
  for (const tier of ranked) {
    if (tier === chosen) break;
    if (!isLive(tier, pathOf)) continue;
    const readyUs = readyAtUs(tier, group);
    if (readyUs > nowUs) deadlineUs = Math.min(deadlineUs, readyUs);
  }
  return deadlineUs === Number.POSITIVE_INFINITY ? null : deadlineUs;
}

function isLive(tier: RankedTier, pathOf: PathOf): boolean {
  return tier.members.some((member) => pathOf(member.uplink)?.alive === true);
}

function liveMembers(tier: readonly TierMember[], pathOf: PathOf): string[] {
  return tier.filter((member) => pathOf(member.uplink)?.alive === true).map((member) => member.uplink);
}

function selectMembers(tiers: Tiers, keep: (member: TierMember) => boolean): Tiers {
  return tiers.map((tier) => tier.filter(keep)).filter((tier) => tier.length > 0);
}

function foldTiers(tiers: Tiers): Tiers {
  if (tiers.length <= MAXIMUM_TIERS) return tiers;
  return [...tiers.slice(0, MAXIMUM_TIERS - 1), tiers.slice(MAXIMUM_TIERS - 1).flat()];
}
