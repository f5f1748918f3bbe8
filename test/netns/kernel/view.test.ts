/**
 * The view against `ip -json`.
 *
 *   dt-kernel-PID-N                       dt-kernel-PID-N-far
 *     up0 192.0.2.2/24    ------------------ up0 192.0.2.1/24
 *         2001:db8:1::2/64                       2001:db8:1::1/64
 *     up1 198.51.100.2/24 ------------------ up1 198.51.100.1/24
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { native } from '../../../src/native.js';
import type { KernelChange, KernelView } from '../../../src/controller/ports.js';
import { hopsOf } from '../../../src/controller/facts.js';
import { KernelState, type StateOptions } from '../../../src/kernel/view/view.js';
import { kernelIsAtLeast } from '../../helpers/kernel-features.js';
import { until } from '../../helpers/poll.js';
import { Namespace } from './namespace.js';
import { addressesByIp, linksByIp, neighboursByIp, routesByIp, rulesByIp, view as asText } from './oracle.js';

let space: Namespace;
const open: KernelState[] = [];

beforeEach(() => {
  space = new Namespace();
  space.veth('up0', ['192.0.2.2/24', '2001:db8:1::2/64'], ['192.0.2.1/24', '2001:db8:1::1/64']);
  space.veth('up1', ['198.51.100.2/24'], ['198.51.100.1/24']);
});

afterEach(() => {
  for (const state of open.splice(0)) state.close();
  space.close();
});

async function openState(options: Partial<StateOptions> = {}): Promise<KernelState> {
  const state = await KernelState.open({
    open: (socket) => native.openNetlink(socket),
    netns: space.path,
    table: 254,
    isOwnPort: () => false,
    ...options,
  });
  open.push(state);
  return state;
}

/** "ifindex gateway" of every next hop of the default route, or of another one of table main. */
function legs(state: KernelState, prefix: string): string[] {
  const view = state.view();
  const route = view.routes.find((one) => one.table === 254 && one.prefix.toString() === prefix);
  return route ? hopsOf(route, view).map(({ ifindex, gateway }) => `${ifindex} ${gateway?.toString()}`) : [];
}

/** Waits until the view says the same as `ip`, and shows the difference if it never does. */
async function expectSameAsIp(
  state: KernelState,
  kinds = ['links', 'addresses', 'neighbours', 'routes', 'rules'],
): Promise<void> {
  const oracle: Record<string, () => string[]> = {
    links: () => linksByIp(space),
    addresses: () => addressesByIp(space),
    neighbours: () => neighboursByIp(space),
    routes: () => routesByIp(space),
    rules: () => rulesByIp(space),
  };
  for (const kind of kinds) {
    const mine = (): string[] => asText(state.view(), space)[kind as 'links'];
    await until(() => JSON.stringify(mine()) === JSON.stringify(oracle[kind]!()), { timeoutMs: 5_000 }).catch(() => {
      const [view, ip] = [new Set(mine()), new Set(oracle[kind]!())];
      const only = (one: Set<string>, other: Set<string>): string[] =>
        [...one].filter((line) => !other.has(line)).slice(0, 10);
      const differences = { onlyInView: only(view, ip), onlyByIp: only(ip, view) };
      expect({ kind, ...differences, sizes: mine().length }).toEqual({
        kind,
        onlyInView: [],
        onlyByIp: [],
        sizes: oracle[kind]!().length,
      });
    });
  }
}

test('the first view equals what ip shows', async () => {
  space.ip('route add 203.0.113.0/24 via 192.0.2.1 metric 5');
  space.ip('route add default nexthop via 192.0.2.1 nexthop via 198.51.100.1');
  space.ip('-6 route add 2001:db8:f::/48 via 2001:db8:1::1 metric 7');
  space.ip('route add blackhole 192.0.2.128/25');
  space.ip('rule add from 192.0.2.2 fwmark 0x7/0xff iif up0 lookup 100 priority 900');
  space.ip('neighbour add 192.0.2.77 lladdr 02:00:00:00:00:77 dev up0 nud permanent');
  await expectSameAsIp(await openState());
});

test('the view follows random changes of every kind and stays equal to what ip shows', async () => {
  const state = await openState();
  let seed = 20260101;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const device = (): string => `up${random(2)}`;
  const attempt = (command: string): void => {
    try {
      space.ip(command);
    } catch {
      // Adding twice and deleting what is not there are part of the mix.
    }
  };
  const changes: (() => void)[] = [
    () => attempt(`route add 203.0.113.${random(4) * 64}/26 dev ${device()} metric ${random(2)}`),
    () => attempt(`route replace 203.0.113.${random(4) * 64}/26 dev ${device()} metric ${random(2)}`),
    () => attempt(`route append 203.0.113.${random(4) * 64}/26 dev ${device()} metric ${random(2)}`),
    () => attempt(`route delete 203.0.113.${random(4) * 64}/26`),
    () => attempt(`-6 route add 2001:db8:${random(3)}::/48 via 2001:db8:1::${random(3) + 1} dev up0`),
    () => attempt(`-6 route append 2001:db8:${random(3)}::/48 via 2001:db8:1::${random(3) + 1} dev up0`),
    () => attempt(`-6 route replace 2001:db8:${random(3)}::/48 dev ${device()}`),
    () => attempt(`-6 route delete 2001:db8:${random(3)}::/48`),
    () => attempt(`address add 10.${random(3)}.0.1/24 dev ${device()}`),
    () => attempt(`address delete 10.${random(3)}.0.1/24 dev ${device()}`),
    () => attempt(`rule add from 10.${random(3)}.0.0/16 lookup main priority ${100 + random(3)}`),
    () => attempt(`rule delete priority ${100 + random(3)}`),
    () =>
      attempt(`neighbour replace 192.0.2.${50 + random(4)} lladdr 02:00:00:00:00:0${random(9)} dev up0 nud permanent`),
    () => attempt(`neighbour delete 192.0.2.${50 + random(4)} dev up0`),
    () => attempt(`link set ${device()} mtu ${1400 + random(100)}`),
    () => attempt(`link set ${device()} down`),
    () => attempt(`link set ${device()} up`),
    () => space.sysctl(`net.ipv4.conf.${device()}.forwarding`, random(2)),
    () => space.sysctl(`net.ipv6.conf.all.forwarding`, random(2)),
    () => space.sysctl(`net.ipv4.conf.${random(2) ? 'all' : device()}.rp_filter`, random(3)),
  ];
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 15; i++) changes[random(changes.length)]!();
    await expectSameAsIp(state);
  }
});

test('a lost carrier is told within the netlink callback, with the view already showing it', async () => {
  const state = await openState();
  const { ifindex } = [...state.view().links.values()].find((link) => link.name === 'up0')!;
  await until(() => state.view().links.get(ifindex)?.carrier, { what: 'the carrier' });
  let told: { changes: ReadonlySet<KernelChange>; view: KernelView } | null = null;
  state.onChange((changes, view) => {
    if (changes.has('link') && !view.links.get(ifindex)!.carrier) told ??= { changes, view };
  });
  space.farIp('link set up0 down');
  await until(() => told, { what: 'the news of the lost carrier' });
  expect(told!.view.links.get(ifindex)).toMatchObject({ adminUp: true, carrier: false });
  space.farIp('link set up0 up');
  await until(() => state.view().links.get(ifindex)!.carrier, { what: 'the carrier again' });
});

test('a carrier loss whose message never comes is found by the audit', async () => {
  // Linkwatch may swallow a flap. Here every notification about links gets lost; answers to dumps carry our port.
  const state = await openState({
    open: (socket) =>
      native.openNetlink({
        ...socket,
        onMessages: (datagram) => {
          const notification = datagram.readUInt32LE(12) === 0;
          if (!(notification && socket.groups?.includes(1))) socket.onMessages(datagram);
        },
      }),
  });
  const { ifindex } = [...state.view().links.values()].find((link) => link.name === 'up0')!;
  await until(() => state.view().links.get(ifindex)!.carrier, { what: 'the carrier' });
  const told: ReadonlySet<KernelChange>[] = [];
  state.onChange((changes) => told.push(changes));
  space.farIp('link set up0 down');
  await until(() => !state.view().links.get(ifindex)!.carrier, { what: 'the loss' });
  expect(told.some((changes) => changes.has('link'))).toBe(true);
});

test('after an overrun the view is made true again and never goes empty in between', async () => {
  const state = await openState({ receiveBufferBytes: 4096 });
  const seen: ReadonlySet<KernelChange>[] = [];
  let smallest = Infinity;
  state.onChange((changes, view) => {
    seen.push(changes);
    smallest = Math.min(smallest, view.routes.length, view.addresses.length);
  });
  // The event loop stands still while ip works: far more messages than the buffer holds.
  space.batch(Array.from({ length: 4000 }, (_, i) => `route add 10.${i >> 8}.${i & 255}.0/24 dev up1`));
  await until(() => seen.some((changes) => changes.has('resync')), { what: 'the resync' });
  await expectSameAsIp(state, ['routes', 'addresses']);
  expect(smallest).toBeGreaterThan(0);
});

test('an interface that is deleted and made again is followed with all that belongs to it', async () => {
  const state = await openState();
  space.ip('link delete up1');
  await expectSameAsIp(state);
  space.veth('up1', ['198.51.100.9/24'], ['198.51.100.1/24']);
  await expectSameAsIp(state);
});

test('routes that vanish with their nexthop object without a message vanish from the view', async () => {
  space.ip('nexthop add id 77 via 198.51.100.1 dev up1');
  space.ip('route add 203.0.113.0/24 nhid 77');
  const state = await openState();
  const there = (): boolean => state.view().routes.some((route) => route.nexthopId === 77);
  expect(there()).toBe(true);
  space.farIp('link set up1 down');
  await until(() => !there(), { what: 'the route to go' });
  await expectSameAsIp(state, ['routes']);
});

test.each([0, 1])(
  'nexthop objects and groups lead to all their legs (net.ipv4.nexthop_compat_mode %i)',
  async (compat) => {
    space.sysctl('net.ipv4.nexthop_compat_mode', compat);
    space.ip('nexthop add id 77 via 192.0.2.1 dev up0');
    space.ip('nexthop add id 78 via 198.51.100.1 dev up1');
    space.ip('nexthop add id 79 group 77/78');
    space.ip('route add default nhid 79');
    space.ip('route add 203.0.113.0/24 nhid 78');
    const state = await openState();
    const up0 = `${space.ifindexOf('up0')} 192.0.2.1`;
    const up1 = `${space.ifindexOf('up1')} 198.51.100.1`;
    expect([legs(state, '0.0.0.0/0'), legs(state, '203.0.113.0/24')]).toEqual([[up0, up1], [up1]]);
    space.ip('nexthop replace id 78 via 198.51.100.9 dev up1');
    await until(() => legs(state, '0.0.0.0/0')[1]?.endsWith('198.51.100.9') === true, { what: 'the new gateway' });
    // Taken out of the group without a message.
    space.farIp('link set up1 down');
    await until(() => legs(state, '0.0.0.0/0').length === 1, { what: 'the leg to go' });
    expect(legs(state, '0.0.0.0/0')).toEqual([up0]);
  },
);

test('default routes of one metric that IPv6 merges into one keep the gateway of each interface', async () => {
  space.ip('address add 2001:db8:2::2/64 dev up1 nodad');
  const state = await openState();
  space.ip('-6 route append default via 2001:db8:1::1 dev up0 metric 1024');
  space.ip('-6 route append default via 2001:db8:2::1 dev up1 metric 1024');
  const both = [`${space.ifindexOf('up0')} 2001:db8:1::1`, `${space.ifindexOf('up1')} 2001:db8:2::1`];
  await until(() => JSON.stringify(legs(state, '::/0')) === JSON.stringify(both), { what: 'both gateways' });
  space.ip('-6 route del default via 2001:db8:1::1 dev up0 metric 1024');
  await until(() => legs(state, '::/0').length === 1, { what: 'one gateway' });
  expect(legs(state, '::/0')).toEqual([both[1]]);
});

test('routes say for which sources and type of service they are', async () => {
  space.ip('-6 route add default from fd01::/64 via 2001:db8:1::1 dev up0 metric 1024');
  space.ip('route add default via 192.0.2.1 tos 0x10 metric 7');
  const state = await openState();
  const ofDefaults = state.view().routes.filter(({ prefix }) => prefix.length === 0);
  expect(ofDefaults.map(({ source, tos }) => [source?.toString() ?? null, tos])).toEqual([
    [null, 16],
    ['fd01::/64', 0],
  ]);
});

test('a route whose nexthop object somebody deletes vanishes from the view', async () => {
  space.ip('nexthop add id 77 via 198.51.100.1 dev up1');
  space.ip('route add 203.0.113.0/24 nhid 77');
  const state = await openState();
  expect(state.view().routes.some((route) => route.nexthopId === 77)).toBe(true);
  space.ip('nexthop delete id 77');
  await until(() => !state.view().routes.some((route) => route.nexthopId === 77), { what: 'the route to go' });
});

test('a device says whether it takes redirected frames, of one buffer and of several, and when that changes; before kernel 6.3 nothing', async () => {
  const state = await openState();
  const capabilities = (): (boolean | null | undefined)[] => {
    const link = [...state.view().links.values()].find(({ name }) => name === 'up0');
    return [link?.xdpRedirectTarget, link?.xdpRedirectFragments];
  };
  if (!kernelIsAtLeast(6, 3)) {
    // Found by trying instead: src/dataplane/redirect-trial.ts.
    expect(capabilities()).toEqual([null, null]);
    return;
  }
  // A veth takes them while its peer runs NAPI, which generic receive offload turns on.
  expect(capabilities()).toEqual([false, false]);
  space.farExec('ethtool -K up0 gro on');
  await until(() => capabilities().every((each) => each === true), { what: 'the XDP features' });
});
