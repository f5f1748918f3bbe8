/** The hundred routes of the forwarding benchmark: the same prefixes and gateways for both contenders. Pure. */
import { gatewayIpv4, gatewayIpv6 } from '../lab/topology.js';

export const ROUTES = 100;
const GROUPS = 10;
const UPLINKS = ['primary', 'backup'] as const;

const prefix4 = (route: number): string => `10.100.${route}.0/24`;
/** As generate.bpf.c counts: the route's number is the fourth group of the address. */
const prefix6 = (route: number): string => `2001:db8:100:${route.toString(16)}::/64`;

const routes = Array.from({ length: ROUTES }, (_, route) => route);
/** Group n prefers uplink n modulo 2; route r is in group r modulo 10. */
const preferred = (number: number): number => (number % GROUPS) % UPLINKS.length;

/** What is appended to the demo's configuration. */
export function detourRoutes(): string {
  const groups = Array.from({ length: GROUPS }, (_, group) => {
    const tiers = preferred(group) === 0 ? UPLINKS : [...UPLINKS].reverse();
    return `  group${group}: {tiers: [${tiers.map((uplink) => `[${uplink}]`).join(', ')}]}`;
  });
  const entries = routes.flatMap((route) => [
    `  - {to: ${prefix4(route)}, group: group${route % GROUPS}}`,
    `  - {to: "${prefix6(route)}", group: group${route % GROUPS}}`,
  ]);
  return ['groups:', ...groups, 'routes:', ...entries, ''].join('\n');
}

/** Lines for `ip -batch`: plain routes with one next hop, the cheapest form that the kernel has. */
export function kernelRoutes(verb: 'add' | 'del'): string[] {
  return routes.flatMap((route) => [
    `route ${verb} ${prefix4(route)} via ${gatewayIpv4(preferred(route))}`,
    `route ${verb} ${prefix6(route)} via ${gatewayIpv6(preferred(route))}`,
  ]);
}
