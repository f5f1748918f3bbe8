/** One group in one family: follows its members, keeps its order and says why either changed. */
import { formatUs } from './cause.js';
import {
  activeMembers,
  arrange,
  isHealthyMember,
  putFirst,
  sameOrder,
  tierHealthySince,
  type PathOf,
} from './order.js';
import type { GroupState, Health, Tiers } from './state.js';
import type { GroupPolicy } from './types.js';

export function newGroup(policy: GroupPolicy, family: GroupState['family'], tiers: Tiers): GroupState {
  return {
    name: policy.name,
    family,
    tiers,
    revertDelayUs: policy.revertDelayUs,
    forced: null,
    tierHealthySinceUs: tiers.map(() => null),
    carrying: [],
    order: tiers,
    active: [],
    cause: 'configured; no member is alive yet',
    deadlineUs: null,
  };
}

/**
 * The group after its members, its policy, its force or the time have changed.
 * @param trigger why the order changes if it does, when an operator or a configuration is the reason; else null
 * @returns the same object when nothing changed; `order` is the same array unless the order changed
 */
export function followMembers(group: GroupState, pathOf: PathOf, nowUs: number, trigger: string | null): GroupState {
  const tierHealthySinceUs = group.tiers.map((tier, index) =>
    tierHealthySince(tier, group.tierHealthySinceUs[index] ?? null, pathOf),
  );
  const arranged = arrange({ ...group, tierHealthySinceUs }, pathOf, nowUs);
  const wanted = group.forced ? putFirst(arranged.order, group.forced.uplink) : arranged.order;
  const order = sameOrder(wanted, group.order) ? group.order : wanted;
  const active = activeMembers(order, pathOf);
  const unmoved = order === group.order && sameNames(active, group.active);
  const next: GroupState = {
    ...group,
    tierHealthySinceUs,
    carrying: arranged.carrying,
    order,
    active: unmoved ? group.active : active,
    cause: unmoved ? group.cause : (trigger ?? explain(group, { order, active }, pathOf, nowUs)),
    deadlineUs: arranged.deadlineUs,
  };
  return sameGroup(group, next) ? group : next;
}

export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}

function sameGroup(a: GroupState, b: GroupState): boolean {
  return (
    a.order === b.order &&
    a.active === b.active &&
    a.deadlineUs === b.deadlineUs &&
    sameNames(a.carrying, b.carrying) &&
    a.tierHealthySinceUs.every((sinceUs, index) => sinceUs === b.tierHealthySinceUs[index])
  );
}

/** In the past: the cause of a change stays when the member is something else by now. */
function became(health: Health): string {
  if (health === 'down') return 'went down';
  return health === 'up' ? 'came up' : `became ${health}`;
}

/** What happened, told by the member that it happened to: the one that was left, else the one that was taken. */
function explain(
  before: GroupState,
  after: { order: Tiers; active: readonly string[] },
  pathOf: PathOf,
  nowUs: number,
): string {
  const left = before.active.filter((uplink) => !after.active.includes(uplink));
  const joined = after.active.filter((uplink) => !before.active.includes(uplink));
  for (const uplink of left) {
    const path = pathOf(uplink);
    if (!path) return `${uplink} is not configured any more`;
    if (!path.alive) return `${uplink} ${path.drained ? 'was drained' : became(path.health)}: ${path.cause}`;
    if (path.beyondLimits) return `${uplink} ${became('degraded')}: ${path.healthCause}`;
  }
  for (const uplink of joined) {
    const path = pathOf(uplink)!;
    if (path.kept !== null) return `${uplink}: ${path.kept}`;
    const waited = left.length > 0 && isHealthyMember(path) && Number.isFinite(path.healthySinceUs);
    if (waited) {
      const healthyUs = nowUs - path.healthySinceUs!;
      const since = healthyUs > 0 ? `has been healthy for ${formatUs(healthyUs)}` : 'is healthy again';
      return `${uplink} ${since}: traffic comes back`;
    }
    return `${uplink} ${became(path.health)}: ${path.healthCause}`;
  }
  const first = after.order[0]?.map((member) => member.uplink).join(', ') ?? 'no member';
  return `the quality or the liveness of members changed: ${first} first`;
}
