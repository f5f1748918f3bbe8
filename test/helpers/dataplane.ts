/**
 * A data plane over real maps, in a network namespace and a bpffs of its own:
 *
 *   dt0 ===veth=== dt1     (all ends in the test's namespace; dt0 and dt2 are ports)
 *   dt2 ===veth=== dt3
 */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { groupCodec, nextHopCodec } from '../../src/abi/index.js';
import type { ForwardingIntent, InterfaceIntent, PortIntent } from '../../src/controller/ports.js';
import { openDataplane, unloadDataplane, type DataPlane, type DataPlaneOptions } from '../../src/dataplane/index.js';
import { BpfMap } from '../../src/libbpf/index.js';
import { native } from '../../src/native.js';
import { MacAddress } from '../../src/net/mac-address.js';
import { Prefix } from '../../src/net/prefix.js';
import { mountBpffs } from './bpffs.js';
import { enterOwnNetns, ifindexOf, ip } from './own-netns.js';

/** What the current test has. */
export const world = { pinPath: '', nowMs: 0, opened: [] as DataPlane[] };

/** Registers set-up and clean-up; call once at the top of a test file. */
export function useDataplaneWorld(): void {
  let bpffs: ReturnType<typeof mountBpffs>;

  beforeAll(() => {
    enterOwnNetns();
    for (const [a, b] of [
      ['dt0', 'dt1'],
      ['dt2', 'dt3'],
    ]) {
      ip(`link add ${a} type veth peer name ${b}`);
      ip(`link set ${a} up`);
      ip(`link set ${b} up`);
    }
    bpffs = mountBpffs();
  });

  beforeEach(({ task }) => {
    world.opened = [];
    world.nowMs = 1_000_000;
    world.pinPath = join(bpffs.path, `plane-${task.id.replaceAll(/\W/g, '')}`);
  });

  afterEach(async () => {
    for (const plane of world.opened) await plane.close({ keep: true });
    unloadDataplane(world.pinPath);
  });

  afterAll(() => bpffs.unmount());
}

export const mac = (last: number) => MacAddress.fromBytes(Uint8Array.of(2, 0, 0, 0, 0, last));

export function openPlane(options: Partial<DataPlaneOptions> = {}): DataPlane {
  const plane = openDataplane({
    pinPath: world.pinPath,
    xdpMode: 'auto',
    maxRoutes: 64,
    nowMs: () => world.nowMs,
    ...options,
  });
  world.opened.push(plane);
  return plane;
}

export function pinned<K, V>(name: string): BpfMap<K, V> {
  return BpfMap.openPinned<K, V>(join(world.pinPath, `detour_${name}`));
}

/** Reads a pinned map with a function and closes it. */
export function reading<K, V, R>(name: string, read: (map: BpfMap<K, V>) => R): R {
  const map = pinned<K, V>(name);
  try {
    return read(map);
  } finally {
    map.close();
  }
}

export const port = (name: string, redirectOk = true): PortIntent => ({ ifindex: ifindexOf(name), name, redirectOk });

export const iface = (name: string, vlanId = 0): InterfaceIntent => ({
  ifindex: ifindexOf(name) + vlanId,
  name,
  portIfindex: ifindexOf(name),
  vlanId,
  innerVlanId: 0,
  mac: mac(ifindexOf(name)),
  mtu: 1500,
  forward: { 4: true, 6: true },
  egress: true,
  rpFilter: 0,
});

export function intent(overrides: Partial<ForwardingIntent> = {}): ForwardingIntent {
  const egress = ifindexOf('dt2');
  return {
    forward: true,
    ports: [port('dt0'), port('dt2')],
    interfaces: [iface('dt0'), iface('dt2')],
    nextHops: [1, 2, 3].map((id) => ({ id, ifindex: egress, gatewayMac: mac(100 + id), redirectOk: true })),
    groups: [
      {
        id: 1,
        tiers: [
          [
            { nextHop: 1, weight: 1 },
            { nextHop: 2, weight: 1 },
          ],
          [{ nextHop: 3, weight: 1 }],
        ],
      },
    ],
    routes: [
      { prefix: Prefix.parse('0.0.0.0/0'), target: { kind: 'group', group: 1 } },
      { prefix: Prefix.parse('192.0.2.0/24'), target: { kind: 'fib' } },
      { prefix: Prefix.parse('198.51.100.1/32'), target: { kind: 'local' } },
      { prefix: Prefix.parse('203.0.113.0/24'), target: { kind: 'blackhole' } },
      { prefix: Prefix.parse('2001:db8::/32'), target: { kind: 'group', group: 1 } },
    ],
    ...overrides,
  };
}

export function bucketsOf(groupId: number, tier: number): number[] {
  const group = reading<number, Record<string, unknown>, ReturnType<typeof groupCodec.decode>>('groups', (map) =>
    decodeGroup(map, groupId),
  );
  const row = group.tiers[tier];
  if (!row || row.bucketMask === 0) return [];
  return reading<number, number, number[]>('buckets', (map) =>
    Array.from({ length: row.bucketMask + 1 }, (_, index) => map.get(row.bucketBase + index) ?? 0),
  );
}

export function decodeGroup(map: BpfMap<number, unknown>, id: number): ReturnType<typeof groupCodec.decode> {
  const bytes = new Uint8Array((id + 1) * groupCodec.size);
  native.mapReadArray(map.fd, id + 1, bytes);
  return groupCodec.decode(new DataView(bytes.buffer), id * groupCodec.size);
}

export function nextHopRow(id: number): { row: number; hop: ReturnType<typeof nextHopCodec.decode> } {
  const row = reading<number, number, number>('next_hop_slots', (map) => map.get(id) ?? 0);
  const bytes = new Uint8Array((row + 1) * nextHopCodec.size);
  reading<number, unknown, void>('next_hops', (map) => native.mapReadArray(map.fd, row + 1, bytes));
  return { row, hop: nextHopCodec.decode(new DataView(bytes.buffer), row * nextHopCodec.size) };
}

export const routeCount = (name: string): number => reading(name, (map) => [...map.keys()].length);
