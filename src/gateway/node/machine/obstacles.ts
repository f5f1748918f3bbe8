/** Why an offer is not made, or a lease not given or not kept (section 5.1). Each function: null, or the reason. */
import type { Family } from '../../../net/ip-address.js';
import type { MachineId, OfferedFamily, Reason, Want } from '../../wire/types.js';
import type { NodeState } from './state.js';

export const NO_SUCH_LEASE: Reason = { code: 'no-such-lease', text: '' };
/** Nobody has said yet whether this machine's own way out works. */
export const NOT_CHECKED: Reason = { code: 'backhaul', text: 'not checked yet' };

/** Why no offer is made to anybody. */
export function offerObstacle({ stopping, condition }: NodeState): Reason | null {
  if (stopping) return stopping;
  if (condition === null) return NOT_CHECKED;
  if (condition.obstacle) return condition.obstacle;
  if (condition.offer.families.length === 0) return { code: 'backhaul', text: 'no address family works' };
  return null;
}

export interface Wish {
  router: MachineId;
  path: readonly MachineId[];
  want: Want;
}

/** Why what this router wishes cannot be done, whatever the slots. */
export function wishObstacle(state: NodeState, wish: Wish): Reason | null {
  return offerObstacle(state) ?? loopObstacle(state, wish) ?? nothingOffered(state, wish.want);
}

/** Traffic would come back to where it came from. */
function loopObstacle({ policy, condition }: NodeState, { router, path }: Wish): Reason | null {
  if (router === policy.self || path.includes(policy.self))
    return { code: 'loop', text: 'it came through this machine' };
  const upstream = condition?.upstream ?? [];
  const met = [router, ...path].find((id) => upstream.includes(id));
  return met === undefined ? null : { code: 'loop', text: `this machine leaves through ${met.slice(0, 8)}` };
}

function nothingOffered(state: NodeState, want: Want): Reason | null {
  if (servedFamilies(state, want).length > 0) return null;
  return { code: 'nothing-offered', text: `no ${want.families.map((family) => `IPv${family}`).join(', ')} here` };
}

/** Why no further router is served. */
export function slotObstacle(state: NodeState, pairing: string): Reason | null {
  const others = [...state.pairings].filter(([name, { lease }]) => lease !== null && name !== pairing).length;
  if (others < state.policy.slots) return null;
  return { code: 'busy', text: `${others} of ${state.policy.slots} slots are taken` };
}

export function servedFamilies(state: NodeState, want: Want): OfferedFamily[] {
  const offered = state.condition?.offer.families ?? [];
  return offered.filter(({ family }) => want.families.includes(family));
}

export function servedFamilyNumbers(state: NodeState, want: Want): Family[] {
  return servedFamilies(state, want).map(({ family }) => family);
}
