/**
 * A namespace whose own FIB the program asks, and a router in it that asks for everything:
 *
 *   in0 192.0.2.1/24, 2001:db8:1::1/64 ---- [this namespace] ---- out0 198.51.100.1/24, 2001:db8:2::1/64: neighbour .2
 */
import { writeFileSync } from 'node:fs';
import { enterOwnNetns, ifindexOf, ip } from '../own-netns.js';
import { addNextHop, REDIRECT_OK, RouteKind, v4, v6 } from './little-router.js';
import type { TestRouter } from './test-router.js';

const OUT_PORT_SLOT = 3;

export function enterNetnsWithFib(): { inIfindex: number; outIfindex: number } {
  enterOwnNetns();
  ip('link add in0 type veth peer name in1');
  ip('link add out0 type veth peer name out1');
  for (const name of ['in0', 'in1', 'out0', 'out1']) ip(`link set ${name} up`);
  for (const key of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) writeFileSync(`/proc/sys/net/${key}`, '1');
  ip('address add 192.0.2.1/24 dev in0');
  ip('address add 198.51.100.1/24 dev out0');
  ip('address add 2001:db8:1::1/64 dev in0 nodad');
  ip('address add 2001:db8:2::1/64 dev out0 nodad');
  ip('neigh add 198.51.100.2 lladdr 02:00:00:00:bb:02 dev out0 nud permanent');
  ip('neigh add 2001:db8:2::2 lladdr 02:00:00:00:bb:02 dev out0 nud permanent');
  return { inIfindex: ifindexOf('in0'), outIfindex: ifindexOf('out0') };
}

/** Everything by the FIB, out0 takes redirected frames; group 1 leads there, too, for routes that a test adds. */
export function askFibForEverything(router: TestRouter, outIfindex: number): void {
  router.set('tx_ports', OUT_PORT_SLOT, outIfindex);
  const egress = { port_slot: OUT_PORT_SLOT, flags: REDIRECT_OK, mtu: 1500, vlan_id: 0, inner_vlan_id: 0 };
  router.set('egress', outIfindex, egress);
  addNextHop(router, 1, { ifindex: outIfindex, port_slot: OUT_PORT_SLOT });
  router.group(1, [{ members: [1] }]);
  router.alive([1]);
  router.route(4, v4('0.0.0.0'), 0, RouteKind.fib);
  router.route(6, v6(), 0, RouteKind.fib);
}
