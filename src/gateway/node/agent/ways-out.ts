/** The way out as the configuration says: watched by asking targets, or, where none are named, by its default route. */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../../controller/ports.js';
import type { NodeBackhaulConfig } from '../../../config/gateway-node/index.js';
import type { Family } from '../../../net/ip-address.js';
import { openBackhaul } from '../backhaul/index.js';
import type { WayOut } from '../backhaul/types.js';
import { findWayOut } from '../backhaul/way-out.js';
import { readDefaultRoutes } from '../default-routes.js';
import type { BackhaulPort } from './ports.js';

const FAMILIES: readonly Family[] = [4, 6];
const AUTO = 'auto';

export interface WaysOutOptions {
  config: NodeBackhaulConfig;
  clock: Clock;
  /** Where routers are: no way out. */
  exclude: () => readonly string[];
}

export function openWaysOut({ config, clock, exclude }: WaysOutOptions): BackhaulPort {
  const wanted = config.interface ?? AUTO;
  if (config.targets.length === 0) return unasked(wanted, exclude);
  const { targets, intervalMs, timeoutMs, failAfter } = config;
  return openBackhaul({ interface: wanted, exclude, targets, intervalMs, timeoutMs, failAfter, clock });
}

export interface ChangeableWaysOut extends BackhaulPort {
  /** Watches in another way from now on; what has been found out so far is forgotten, unless nothing is another. */
  configure(config: NodeBackhaulConfig): void;
}

export function openChangeableWaysOut(options: WaysOutOptions): ChangeableWaysOut {
  let { config } = options;
  let watched = openWaysOut(options);
  const listeners: (() => void)[] = [];
  return {
    configure: (wanted) => {
      if (isDeepStrictEqual(wanted, config)) return;
      config = wanted;
      watched.close();
      watched = openWaysOut({ ...options, config });
      for (const listener of listeners) watched.onChange(listener);
    },
    paths: () => watched.paths(),
    interfaces: () => watched.interfaces(),
    gateways: () => watched.gateways(),
    problems: () => watched.problems(),
    onChange: (listener) => {
      listeners.push(listener);
      watched.onChange(listener);
    },
    close: () => watched.close(),
  };
}

/** Interfaces of the ways out, whatever becomes of them; asked before it is known where routers are. */
export function waysOutOf(config: NodeBackhaulConfig): string[] {
  if (config.interface !== null) return [config.interface];
  const names = FAMILIES.map((family) => findWayOut(family, AUTO, [])).flatMap((way) =>
    typeof way === 'string' ? [] : [way.interface],
  );
  return [...new Set(names)];
}

/** A family has a way out while it has a route; whether that leads anywhere is not known. Looked up when it is asked for. */
function unasked(wanted: string, exclude: () => readonly string[]): BackhaulPort {
  const found = (): { family: Family; way: WayOut | string }[] =>
    FAMILIES.map((family) => ({ family, way: routeOf(family) }));
  // Nobody is asked, so the route is all that says that the family leads anywhere.
  const routeOf = (family: Family): WayOut | string => {
    const way = findWayOut(family, wanted, exclude());
    if (typeof way === 'string' || wanted === AUTO) return way;
    const hasRoute = readDefaultRoutes(family).some((route) => route.interface === wanted);
    return hasRoute ? way : `no default route by ${wanted}`;
  };
  const ways = (): { family: Family; way: WayOut }[] =>
    found().flatMap(({ family, way }) => (typeof way === 'string' ? [] : [{ family, way }]));
  return {
    paths: () => ways().map(({ family }) => ({ family, state: 'unknown', lossPermille: 0, rttUs: 0, ageMs: 0 })),
    interfaces: () => Object.fromEntries(ways().map(({ family, way }) => [family, way.interface])),
    gateways: () => ways().flatMap(({ way }) => way.gateway ?? []),
    problems: () => found().flatMap(({ family, way }) => (typeof way === 'string' ? [{ family, reason: way }] : [])),
    // The agent looks at it each second.
    onChange: () => undefined,
    close: () => undefined,
  };
}
