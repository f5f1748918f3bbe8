/**
 * The topology of the table tests. One device, the loopback (ifindex 1), which is there in every namespace; nothing is
 * ever sent by it, because BPF_PROG_TEST_RUN ends before a redirect is carried out.
 *
 *   interface           slot  ifindex         next hop  leaves                     group
 *   untagged             1       1              1       untagged                     1
 *   802.1Q 100           2     101              2       802.1Q 100                   2
 *   802.1ad 200/Q 30     3     102              3       802.1ad 200 / 802.1Q 30      3
 *   802.1ad 100          4     103 (forwarding off)
 *   802.1Q 100/Q 7       5     104              4       unresolved                   4
 *                                               5       not redirectable             5
 *                                               6       MTU 600                      6
 *                                               7       no such port                 7
 *                                               8       dead                         8
 *                                               9       id without a row             9
 *
 * Routes: 198.51.<group>.0/24 and 2001:db8:<group>::/48 lead to the group; the other kinds are listed below.
 */
import { TestRouter } from './test-router.js';

export const OUR_MAC = '02:00:00:00:00:01';

const FORWARD = 1 | 2;
export const REDIRECT_OK = 4;
export const STRICT_SOURCE = 16;
export const LOOSE_SOURCE = 32;
export const SETTINGS_FORWARD = 1;
export const VLAN_8021AD = 0x8000;

const RESOLVED = 1;
const HOP_REDIRECT_OK = 2;
export const HOP_FRAGMENTS_OK = 4;

export const RouteKind = { group: 1, local: 2, blackhole: 3, fib: 4, stack: 5 } as const;

export interface HopFields {
  ifindex?: number;
  flags?: number;
  mtu?: number;
  vlan_id?: number;
  inner_vlan_id?: number;
  port_slot?: number;
}

const macBytes = (mac: string) => Uint8Array.from(mac.split(':'), (byte) => parseInt(byte, 16));

/** MAC of the neighbour behind a next hop. */
export const neighbourMac = (id: number) => `02:00:00:00:aa:${id.toString(16).padStart(2, '0')}`;

export const v4 = (address: string) => Uint8Array.from(address.split('.'), Number);

/** 16 bytes of an address whose first groups are given: v6(0x2001, 0xdb8) is 2001:db8::. */
export function v6(...groups: number[]): Uint8Array {
  const bytes = new Uint8Array(16);
  groups.forEach((group, i) => bytes.set([group >> 8, group & 255], i * 2));
  return bytes;
}

export function addInterface(
  router: TestRouter,
  fields: { vlan?: number; inner?: number; ifindex: number; slot: number; flags?: number; port?: number },
): void {
  const { vlan = 0, inner = 0, ifindex, slot, flags = FORWARD, port = 1 } = fields;
  router.set(
    'interfaces',
    { port_ifindex: port, vlan_id: vlan, inner_vlan_id: inner },
    { ifindex, flags, slot, mac: macBytes(OUR_MAC) },
  );
}

/** The row of a next hop is its id here. */
export function addNextHop(router: TestRouter, id: number, fields: HopFields = {}): void {
  router.set('next_hops', id, {
    ifindex: 1,
    port_slot: 0,
    flags: RESOLVED | HOP_REDIRECT_OK,
    mtu: 1500,
    vlan_id: 0,
    inner_vlan_id: 0,
    source_mac: macBytes(OUR_MAC),
    destination_mac: macBytes(neighbourMac(id)),
    ...fields,
  });
  router.set('next_hop_slots', id, id);
}

function addGroups(router: TestRouter): void {
  for (let id = 1; id <= 9; id++) {
    router.group(id, [{ members: [id] }]);
    router.route(4, v4(`198.51.${id}.0`), 24, RouteKind.group, id);
    router.route(6, v6(0x2001, 0xdb8, id), 48, RouteKind.group, id);
  }
  router.alive([1, 2, 3, 4, 5, 6, 7, 9]);
}

function addOtherRoutes(router: TestRouter): void {
  router.route(4, v4('192.0.2.1'), 32, RouteKind.local);
  router.route(4, v4('192.0.2.66'), 32, RouteKind.blackhole);
  router.route(4, v4('192.0.2.67'), 32, RouteKind.stack);
  router.route(4, v4('192.0.2.68'), 32, RouteKind.group, 63); // never published
  router.route(4, v4('192.0.2.69'), 32, RouteKind.group, 0xffffff); // out of range
  router.route(4, v4('192.0.2.70'), 32, 15); // a kind of the future
  router.route(6, v6(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1), 128, RouteKind.local);
  router.route(6, v6(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0x66), 128, RouteKind.blackhole);
}

export function littleRouter(program: 'detour_xdp' | 'detour_xdp_frags' = 'detour_xdp'): TestRouter {
  const router = new TestRouter(program);
  router.settings(SETTINGS_FORWARD, [0x0706050403020100n, 0x0f0e0d0c0b0a0908n]);
  addInterface(router, { ifindex: 1, slot: 1 });
  addInterface(router, { ifindex: 101, slot: 2, vlan: 100 });
  addInterface(router, { ifindex: 102, slot: 3, vlan: 200 | VLAN_8021AD, inner: 30 });
  addInterface(router, { ifindex: 103, slot: 4, vlan: 100 | VLAN_8021AD, flags: 0 });
  addInterface(router, { ifindex: 104, slot: 5, vlan: 100, inner: 7 });
  router.set('tx_ports', 0, 1);
  addNextHop(router, 1);
  addNextHop(router, 2, { vlan_id: 100 });
  addNextHop(router, 3, { vlan_id: 200 | VLAN_8021AD, inner_vlan_id: 30 });
  addNextHop(router, 4, { flags: HOP_REDIRECT_OK });
  addNextHop(router, 5, { flags: RESOLVED });
  addNextHop(router, 6, { mtu: 600 });
  addNextHop(router, 7, { port_slot: 9 });
  addNextHop(router, 8);
  addGroups(router);
  addOtherRoutes(router);
  return router;
}
