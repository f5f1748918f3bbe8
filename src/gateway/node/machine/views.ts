/** What status shows. */
import type { LeaseView } from '../types.js';
import { servedFamilyNumbers } from './obstacles.js';
import { inForce, type NodeState } from './state.js';

export function leaseViews(state: NodeState, nowUs: number): LeaseView[] {
  return [...state.pairings].flatMap(([pairing, { lease }]) => {
    if (lease === null || lease.endsUs <= nowUs) return [];
    const { router, role, origin, sinceUs, endsUs, usage } = lease;
    const families = servedFamilyNumbers(state, lease.want);
    const armed = inForce(state, lease);
    return [{ pairing, router, role, address: origin.address, families, sinceUs, endsUs, armed, usage }];
  });
}

/** After `stop`: nothing is in force and everybody was told, so the process may end. */
export function isStopped({ stopping, arming, pairings }: NodeState): boolean {
  if (stopping === null || arming.broken || arming.leases.length > 0) return false;
  if (arming.appliedVersion < arming.version) return false;
  return [...pairings.values()].every(({ withdrawal }) => withdrawal === null);
}
