/** Beginning and end of the data plane: load, take over, replace, keep, clean up. */
import { existsSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Constant, SettingsFlag, type settingsCodec } from '../../src/abi/index.js';
import { openDataplane, unloadDataplane } from '../../src/dataplane/index.js';
import { BpfObject, queryXdp } from '../../src/libbpf/index.js';
import { compileBpf } from '../helpers/compile-bpf.js';
import {
  bucketsOf,
  intent,
  nextHopRow,
  openPlane,
  pinned,
  reading,
  routeCount,
  useDataplaneWorld,
  world,
} from '../helpers/dataplane.js';
import { ifindexOf } from '../helpers/own-netns.js';

useDataplaneWorld();

const OTHER_ABI = `
enum detour_constant { DETOUR_ABI_VERSION = 999 };
struct detour_abi { __u32 version; enum detour_constant constant[0]; };
const volatile struct detour_abi detour_abi SEC(".rodata") = { .version = DETOUR_ABI_VERSION };
SEC("xdp") int pass(struct xdp_md *context) { return detour_abi.version ? XDP_PASS : XDP_DROP; }
`;

const isForwarding = (): boolean =>
  reading<number, ReturnType<typeof settingsCodec.decode>, boolean>(
    'settings',
    (map) => ((map.get(0)?.flags ?? 0) & SettingsFlag.FORWARD) !== 0,
  );

describe('a restart', () => {
  test('takes the pinned state over: same rows, same buckets, same liveness, nothing written, no gap in XDP', async () => {
    const weighted = (weight: number) => {
      const [group] = intent().groups;
      const [tier = [], ...others] = group?.tiers ?? [];
      const tiers = [tier.map((member, index) => (index === 0 ? { ...member, weight } : member)), ...others];
      return intent({ groups: [{ id: 1, tiers }] });
    };
    const first = openPlane();
    // Buckets with a history: a fresh assignment for the same weights would move flows.
    for (const weight of [1, 5, 2]) await first.apply(weighted(weight));
    first.setLiveness([{ nextHop: 1, alive: true }]);
    const before = { buckets: bucketsOf(1, 0), row: nextHopRow(1).row, key: Buffer.from(first.replies.cookieKey) };
    await first.close({ keep: true });
    expect(queryXdp(ifindexOf('dt0')).mode).toBe('native');

    const second = openPlane();
    expect([second.takenOver, second.notes]).toEqual([true, []]);
    expect(second.readLiveness(1)).toBe(true);
    const report = await second.apply(weighted(2));
    // Only the two links get the new program.
    expect(report.writes).toBe(2);
    expect(report.ports.map(({ xdp }) => xdp)).toEqual(['native', 'native']);
    expect({ buckets: bucketsOf(1, 0), row: nextHopRow(1).row, key: Buffer.from(second.replies.cookieKey) }).toEqual(
      before,
    );
  });

  /** Whether the program forwarded at each moment when a route was looked at to be written. */
  async function forwardedDuring(plane: ReturnType<typeof openPlane>, wanted: ReturnType<typeof intent>) {
    const seen: boolean[] = [];
    const routes = wanted.routes.map(({ prefix, target }) => ({
      get prefix() {
        seen.push(isForwarding());
        return prefix;
      },
      target,
    }));
    await plane.apply({ ...wanted, routes });
    return new Set(seen);
  }

  test('leaves packets to the stack while ids that mean something else now are written', async () => {
    const first = openPlane();
    await first.apply(intent());
    await first.close({ keep: true });
    const same = openPlane();
    expect(await forwardedDuring(same, intent())).toEqual(new Set([true]));
    await same.close({ keep: true });

    const regrouped = openPlane();
    const groups = [{ id: 1, tiers: [[{ nextHop: 3, weight: 1 }]] }];
    expect(await forwardedDuring(regrouped, intent({ groups }))).toEqual(new Set([false]));
    expect(isForwarding()).toBe(true);
    // Its own changes are another matter: a new id is never one that is in use.
    expect(await forwardedDuring(regrouped, intent())).toEqual(new Set([true]));
    await regrouped.close({ keep: true });

    const moved = openPlane();
    const nextHops = intent().nextHops.map((hop) => ({ ...hop, ifindex: ifindexOf('dt0') }));
    expect(await forwardedDuring(moved, intent({ nextHops }))).toEqual(new Set([false]));
    expect(isForwarding()).toBe(true);
  });

  test('replaces state of other sizes, and says so', async () => {
    const first = openPlane();
    await first.apply(intent());
    await first.close({ keep: true });
    const second = openPlane({ maxRoutes: 128 });
    expect(second.takenOver).toBe(false);
    expect(second.notes.join()).toMatch(/replaced: .*routes4.*max_entries \(64, wanted 128\)/);
    expect(second.notes.join()).not.toContain('EINVAL');
    const report = await second.apply(intent());
    expect([report.problems, routeCount('routes4')]).toEqual([[], 4]);
    expect(report.ports.map(({ xdp }) => xdp)).toEqual(['native', 'native']);
  });

  test('replaces state of another ABI version', async () => {
    const first = openPlane();
    await first.apply(intent());
    await first.close({ keep: true });
    const other = compileBpf(OTHER_ABI, 'other');
    const object = BpfObject.open(other.path).load();
    unlinkSync(join(world.pinPath, 'detour_abi'));
    object.map('.rodata').pin(join(world.pinPath, 'detour_abi'));
    object.close();
    other.remove();
    const second = openPlane();
    expect(second.notes).toEqual([expect.stringContaining('do not fit and are replaced: they are of ABI version 999')]);
    expect((await second.apply(intent())).problems).toEqual([]);
  });

  test('replaces state that is incomplete', async () => {
    const first = openPlane();
    await first.apply(intent());
    await first.close({ keep: true });
    const buckets = pinned('buckets');
    buckets.unpin(join(world.pinPath, 'detour_buckets'));
    buckets.close();
    const second = openPlane();
    expect(second.notes).toEqual([expect.stringContaining('do not fit and are replaced: there is no buckets')]);
    expect((await second.apply(intent())).problems).toEqual([]);
  });

  test('changes the XDP mode of what is attached when the configuration asks for another', async () => {
    const first = openPlane();
    await first.apply(intent());
    await first.close({ keep: true });
    const second = openPlane({ xdpMode: 'generic' });
    expect((await second.apply(intent())).ports.map(({ xdp }) => xdp)).toEqual(['generic', 'generic']);
    expect(queryXdp(ifindexOf('dt0')).mode).toBe('generic');
  });
});

describe('the end', () => {
  test('without keep, nothing is left attached or pinned', async () => {
    const plane = openPlane();
    await plane.apply(intent());
    await plane.close({ keep: false });
    expect(queryXdp(ifindexOf('dt0')).mode).toBe('none');
    expect(existsSync(world.pinPath)).toBe(false);
  });

  test('unload cleans up after a crash without any other state, even while a handle is open', async () => {
    const plane = openPlane();
    await plane.apply(intent());
    const removed = unloadDataplane(world.pinPath);
    expect(removed).toContain(`detour_link_${ifindexOf('dt0')}`);
    expect(removed).toContain('detour_routes4');
    expect(queryXdp(ifindexOf('dt0')).mode).toBe('none');
    expect(existsSync(world.pinPath)).toBe(false);
    expect(unloadDataplane(world.pinPath)).toEqual([]);
  });
});

describe('opening', () => {
  test('without a bpffs says how to mount one', () => {
    expect(() => openDataplane({ pinPath: '/tmp/dt-none/detour', xdpMode: 'auto', maxRoutes: 8 })).toThrow(
      /no bpffs at \/tmp\/dt-none\/detour: mount it: mount -t bpf/,
    );
  });

  test('with an object of another ABI version says what to do', () => {
    const other = compileBpf(OTHER_ABI, 'other');
    expect(() => openPlane({ objectFile: other.path })).toThrow(
      `ABI version is 999, this program's ${Constant.DETOUR_ABI_VERSION}: run "make build"`,
    );
    other.remove();
  });

  test('with an object that is not there names it', () => {
    expect(() => openPlane({ objectFile: '/does/not/exist.bpf.o' })).toThrow(
      /loading \/does\/not\/exist\.bpf\.o failed: ENOENT/,
    );
  });
});
