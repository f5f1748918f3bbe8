/** Which interface a family leaves by. */
import { readdirSync } from 'node:fs';
import type { Family } from '../../../net/ip-address.js';
import { readDefaultRoutes, type DefaultRoute } from '../default-routes.js';
import type { WayOut } from './types.js';

/** @returns in words, why there is none */
export function findWayOut(family: Family, wanted: string, excluded: readonly string[]): WayOut | string {
  const routes = readDefaultRoutes(family);
  if (wanted === 'auto') return bestOf(routes, excluded);
  if (!readdirSync('/proc/sys/net/ipv4/conf').includes(wanted)) return `there is no interface ${wanted}`;
  const gateway = routes.find((route) => route.interface === wanted)?.gateway ?? null;
  return { interface: wanted, gateway };
}

/** Pure. */
export function bestOf(routes: readonly DefaultRoute[], excluded: readonly string[]): WayOut | string {
  const best = routes.find((route) => !excluded.includes(route.interface));
  if (best !== undefined) return { interface: best.interface, gateway: best.gateway };
  const [served] = routes;
  return served === undefined
    ? 'no default route'
    : `the only default route is by ${served.interface}, where routers are served`;
}
