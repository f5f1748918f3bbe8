/** Which destinations behind an interface are no matter of a gateway node on it. No I/O. */
import type { KernelRoute, KernelView } from '../../controller/ports.js';
import type { Family } from '../../net/ip-address.js';
import type { Prefix } from '../../net/prefix.js';

export type LookedAt = Pick<KernelView, 'links' | 'routes' | 'nexthops'>;

/**
 * Without the longer ones of more prefixes than this, connections to them that the stack knew before are taken for new
 * when the table is put in place; nobody has that many networks behind one interface, but for a full table.
 */
const MAX_PREFIXES = 500;

/**
 * Networks that routes of others lead to by an interface: the link's own, and what is behind other routers on it. Default
 * routes are left out; they are what a node stands in for. In a stable order, none within another.
 */
export function networksBehind(view: LookedAt, ifindex: number, family: Family): Prefix[] {
  const found = new Map<string, Prefix>();
  for (const route of view.routes) {
    if (route.type !== 'unicast' || route.prefix.family !== family || route.prefix.length === 0) continue;
    if (leavesBy(route, view, ifindex)) found.set(route.prefix.toString(), route.prefix);
  }
  const ordered = [...found].sort(([a, p], [b, q]) => p.length - q.length || (a < b ? -1 : 1));
  const outermost: Prefix[] = [];
  for (const [, prefix] of ordered) {
    if (outermost.length === MAX_PREFIXES) break;
    if (!outermost.some((other) => other.contains(prefix))) outermost.push(prefix);
  }
  return outermost;
}

function leavesBy({ ifindex, legs, nexthopId }: KernelRoute, { nexthops }: LookedAt, wanted: number): boolean {
  if (nexthopId !== null) return (nexthops.get(nexthopId) ?? []).some((leg) => leg.ifindex === wanted);
  return ifindex === wanted || legs.some((leg) => leg.ifindex === wanted);
}

/** Goes through the routes, of which there may be a million, once for as long as the view keeps its list. */
export class Inside {
  readonly #view: () => LookedAt;
  #of: Pick<LookedAt, 'routes' | 'nexthops'> | null = null;
  readonly #known = new Map<string, readonly Prefix[]>();

  constructor(view: () => LookedAt) {
    this.#view = view;
  }

  /** Of an interface by its name; none if it is not there. */
  behind(ifname: string, family: Family): readonly Prefix[] {
    const view = this.#view();
    if (this.#of?.routes !== view.routes || this.#of.nexthops !== view.nexthops) this.#known.clear();
    this.#of = view;
    const ifindex = [...view.links.values()].find(({ name }) => name === ifname)?.ifindex;
    if (ifindex === undefined) return [];
    const key = `${family} ${ifindex}`;
    const networks = this.#known.get(key) ?? networksBehind(view, ifindex, family);
    this.#known.set(key, networks);
    return networks;
  }
}
