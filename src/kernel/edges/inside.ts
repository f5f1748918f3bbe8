/** Which destinations behind an interface are no matter of a gateway node on it. Pure. */
import type { KernelRoute, KernelView } from '../../controller/ports.js';
import type { Family } from '../../net/ip-address.js';
import type { Prefix } from '../../net/prefix.js';

type Looked = Pick<KernelView, 'links' | 'routes' | 'nexthops'>;

/**
 * Networks that routes of others lead to by this interface: the link's own, and what is behind other routers on it.
 * Default routes are left out; they are what a node stands in for. In a stable order, each once.
 */
export function networksBehind(view: Looked, ifname: string, family: Family): Prefix[] {
  const ifindex = [...view.links.values()].find(({ name }) => name === ifname)?.ifindex;
  if (ifindex === undefined) return [];
  const found = new Map<string, Prefix>();
  for (const route of view.routes) {
    if (route.type !== 'unicast' || route.prefix.family !== family || route.prefix.length === 0) continue;
    if (leavesBy(route, view, ifindex)) found.set(route.prefix.toString(), route.prefix);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, prefix]) => prefix);
}

function leavesBy({ ifindex, legs, nexthopId }: KernelRoute, { nexthops }: Looked, wanted: number): boolean {
  if (nexthopId !== null) return (nexthops.get(nexthopId) ?? []).some((leg) => leg.ifindex === wanted);
  return ifindex === wanted || legs.some((leg) => leg.ifindex === wanted);
}
