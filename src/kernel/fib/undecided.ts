/**
 * Groups that nobody has judged yet. After a controller was killed, or has left its routes in place, the next one knows
 * nothing of any path until the first probes are answered; what stands in the kernel for such a group was right a
 * moment ago, so it is wanted as it was found, and traffic of the stack goes on. Pure.
 *
 * Kept is only what the present configuration could have made for this group: a member that is not configured any
 * more, or whose link is down, leaves the group; a plain route stays if it goes through the present gateway of a
 * member. A nexthop object is no matter of the group's: with its gateway it is replaced in place, in whatever group.
 */
import type { KernelConfig } from '../../config/types.js';
import type { FibGroupIntent, FibPathIntent } from '../../controller/ports.js';
import type { Prefix } from '../../net/prefix.js';
import type { NexthopGroupSpec } from '../codec/nexthop.js';
import type { RouteRecord, RouteTarget } from '../codec/route.js';
import { RTPROT_DETOUR } from '../netlink/constants.js';
import { groupNexthopId, pathNexthopId, type FoundObjects, type WantedRoute } from './objects.js';

export class EarlierRun {
  readonly #found: Pick<FoundObjects, 'nexthops' | 'routes'>;
  readonly #config: KernelConfig;
  #byPrefix: ReadonlyMap<string, readonly RouteRecord[]> | null = null;

  constructor(found: Pick<FoundObjects, 'nexthops' | 'routes'>, config: KernelConfig) {
    this.#found = found;
    this.#config = config;
  }

  /** @param members paths of the configured members that can be used now; null: nothing of the group is left to keep */
  group(group: FibGroupIntent, members: readonly FibPathIntent[]): NexthopGroupSpec | null {
    const id = groupNexthopId(this.#config, group.groupIndex, group.family);
    const found = this.#found.nexthops.find((one) => one.id === id && one.protocol === RTPROT_DETOUR);
    const idOf = ({ uplinkIndex, family }: FibPathIntent): number => pathNexthopId(this.#config, uplinkIndex, family);
    const usable = new Set(members.map(idOf));
    const kept = new Map<number, { id: number; weight: number }>();
    for (const member of found?.members ?? []) {
      const same = usable.has(member.id)
        ? member.id
        : members.filter((path) => this.#leads(member.id, path)).map(idOf)[0];
      if (same !== undefined && !kept.has(same)) kept.set(same, { id: same, weight: member.weight });
    }
    return kept.size > 0 ? { id, members: [...kept.values()].sort((a, b) => a.id - b.id) } : null;
  }

  /** An uplink that came and went (a gateway node) may have another number in this run; its way is the same. */
  #leads(id: number, path: FibPathIntent): boolean {
    const found = this.#found.nexthops.find((one) => one.id === id && one.protocol === RTPROT_DETOUR);
    return found?.ifindex === path.ifindex && found.gateway?.equals(path.gateway) === true;
  }

  /**
   * Whatever their metric: it may have been configured otherwise.
   * @param group what is kept of the group
   */
  routes(prefix: Prefix, group: NexthopGroupSpec | null, members: readonly FibPathIntent[]): WantedRoute[] {
    const { table } = this.#config;
    return this.#routesTo(prefix).flatMap((route): WantedRoute[] => {
      const target = keptTarget(route, group, members);
      if (!target) return [];
      const { metric, preferredSource } = route;
      return [{ prefix, table, metric, target, preferredSource, create: false }];
    });
  }

  #routesTo(prefix: Prefix): readonly RouteRecord[] {
    this.#byPrefix ??= this.#indexByPrefix();
    return this.#byPrefix.get(prefix.toString()) ?? [];
  }

  #indexByPrefix(): Map<string, RouteRecord[]> {
    const index = new Map<string, RouteRecord[]>();
    for (const route of this.#found.routes) {
      if (route.table !== this.#config.table) continue;
      const key = route.prefix.toString();
      const others = index.get(key);
      if (others) others.push(route);
      else index.set(key, [route]);
    }
    return index;
  }
}

function keptTarget(
  route: RouteRecord,
  group: NexthopGroupSpec | null,
  members: readonly FibPathIntent[],
): RouteTarget | null {
  if (route.nexthopId !== null) return route.nexthopId === group?.id ? { kind: 'nexthop', id: group.id } : null;
  const { type, ifindex, gateway } = route;
  if (type !== 'unicast' || ifindex === null || !gateway) return null;
  const through = members.some((path) => path.ifindex === ifindex && path.gateway.equals(gateway));
  return through ? { kind: 'gateway', ifindex, gateway } : null;
}
