/** Nexthop objects of others, as what they lead to: a route may name one instead of saying it itself. */
import type { KernelView, RouteLeg } from '../../controller/ports.js';
import type { NexthopRecord } from '../codec/nexthop.js';

/** Members of a group that are gone, or are blackholes, lead nowhere. */
export function nexthopLegs(nexthops: readonly NexthopRecord[]): KernelView['nexthops'] {
  const single = new Map<number, RouteLeg>();
  for (const { id, ifindex, gateway } of nexthops) {
    if (ifindex !== null) single.set(id, { ifindex, gateway });
  }
  return new Map(
    nexthops.map(({ id, members }) => [id, (members ?? [{ id }]).flatMap((member) => single.get(member.id) ?? [])]),
  );
}
