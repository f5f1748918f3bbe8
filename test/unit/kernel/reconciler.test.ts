/** Applies and switches whose dumps and answers come in every order: the last one asked for is what the kernel has. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FibGroupIntent, FibIntent, FibReport } from '../../../src/controller/ports.js';
import { FibReconciler } from '../../../src/kernel/fib/reconciler.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import { PlayedSockets } from './played-sockets.js';
import { kernelConfig as config } from '../../helpers/kernel-config.js';

const GROUP_ID = 680_000 + 0x4000;
const UPLINKS = [0, 1, 2] as const;

/** Thousands of runs, on a machine that may be busy. */
const BUSY = { timeout: 60_000 };

/** Indices of the active members; the others stand behind. */
type Members = readonly number[];

function group(active: Members): FibGroupIntent {
  return {
    groupIndex: 0,
    group: 'internet',
    family: 4,
    active: active.map((index) => ({ uplink: `wan${index}`, weight: 1 })),
    fallback: active.length === 0 ? [] : UPLINKS.filter((index) => !active.includes(index)).map((i) => `wan${i}`),
  };
}

/** Another gateway means that nexthops are written before the group. */
function intent(active: Members, gateway: number): FibIntent {
  return {
    paths: UPLINKS.map((uplinkIndex) => ({
      uplinkIndex,
      uplink: `wan${uplinkIndex}`,
      family: 4,
      ifindex: 10 + uplinkIndex,
      ifname: `wan${uplinkIndex}`,
      gateway: IpAddress.parse(`192.0.2.${gateway + uplinkIndex}`),
      source: null,
      usable: true,
    })),
    groups: [group(active)],
    routes: [{ prefix: Prefix.everything(4), target: { kind: 'group', groupIndex: 0 } }],
  };
}

class Scene {
  readonly sockets = new PlayedSockets();
  readonly reconciler: FibReconciler;
  readonly reports: Promise<FibReport>[] = [];
  /** What the kernel's group should be in the end. */
  asked: Members = [];
  gateway = 1;
  /** The kernel has taken a switch to `asked`: from now on it must not be undone. */
  switched = false;

  constructor(sliceMessages: number) {
    const { reader, writer } = this.sockets;
    this.reconciler = new FibReconciler({ config, reader, writer, sliceMessages, foreignHolder: () => undefined });
  }

  apply(active: Members, gateway = this.gateway): void {
    this.asked = active;
    this.gateway = gateway;
    this.switched = false;
    this.reports.push(this.reconciler.apply(intent(active, gateway)));
  }

  switch(active: Members): void {
    this.asked = active;
    this.reports.push(this.reconciler.switchGroup(group(active)));
    this.switched = active.length > 0 && this.inKernel() === wantedText(active);
  }

  inKernel(): string {
    const { kernel } = this.sockets;
    return (kernel.nexthops.find(({ id }) => id === GROUP_ID)?.members ?? []).map(({ id }) => id).join();
  }

  async step(pick: number): Promise<void> {
    await this.sockets.step(pick);
    if (this.switched) expect(this.inKernel()).toBe(wantedText(this.asked));
  }

  /** Everything comes to rest; then the kernel has what was asked for last. @returns how many steps it took */
  async settle(): Promise<number> {
    let steps = 0;
    for (; steps === 0 || this.sockets.pending > 0; steps++) {
      expect(steps).toBeLessThan(10_000);
      await this.step(0);
    }
    await Promise.all(this.reports);
    expect(this.inKernel()).toBe(wantedText(this.asked));
    // A pass that a switch cut short has been made good.
    const { nexthops, routes } = this.sockets.kernel;
    const gateways = UPLINKS.map((index) => `192.0.2.${this.gateway + index}`);
    expect(nexthops.flatMap(({ gateway }) => gateway?.toString() ?? []).sort()).toEqual(gateways);
    const own = routes.filter(({ table, gateway }) => table !== 254 && gateway !== null);
    expect(own.map(({ gateway }) => gateway!.toString()).sort()).toEqual(gateways);
    return steps;
  }

  /** A switch is one message; the routes behind follow with the apply that the controller asks for after it. */
  async applyWhatWasAsked(): Promise<void> {
    this.apply(this.asked);
    await this.settle();
    expect(await this.reports.at(-1)).toMatchObject({ problems: [] });
    const metrics = this.sockets.kernel.routes.filter(({ table }) => table === 254).map(({ metric }) => metric);
    const fallback = group(this.asked).fallback.map((_, index) => 101 + index);
    expect(metrics.sort()).toEqual(this.asked.length > 0 ? [100, ...fallback] : []);
  }
}

const wantedText = (active: Members): string => active.map((index) => 680_000 + 2 * index).join();

describe.each([{ sliceMessages: 1 }, { sliceMessages: 256 }])(
  'in slices of $sliceMessages',
  BUSY,
  ({ sliceMessages }) => {
    test('a switch at any moment of a pass, and a second one at any later moment, hold', async () => {
      const quiet = new Scene(sliceMessages);
      quiet.apply([0]);
      await quiet.settle();
      quiet.apply([0, 1], 2);
      const moments = await quiet.settle();
      expect(moments).toBeGreaterThan(10);
      for (let first = 0; first < moments; first++) {
        for (let second = first; second < moments; second++) {
          const scene = new Scene(sliceMessages);
          scene.apply([0]);
          await scene.settle();
          scene.apply([0, 1], 2);
          for (let moment = 0; moment <= second; moment++) {
            if (moment === first) scene.switch([2]);
            if (moment === second) scene.switch([1]);
            await scene.step(0);
          }
          await scene.settle();
        }
      }
    });

    test('a switch holds that comes at any moment while a pass withdraws the group', async () => {
      const scenes = [];
      for (let moment = 0, over = false; !over; moment++) {
        const scene = new Scene(sliceMessages);
        scene.apply([0]);
        await scene.settle();
        scene.apply([]);
        for (let step = 0; step < moment; step++) await scene.step(0);
        over = moment > 0 && scene.sockets.pending === 0;
        scene.switch([1]);
        await scene.settle();
        await scene.applyWhatWasAsked();
        scenes.push(scene);
      }
      expect(scenes.length).toBeGreaterThan(10);
    });

    test('whatever the order of applies, switches, dumps and answers, the last one asked for is what there is', async () => {
      const members = fc.subarray([...UPLINKS]);
      const action = fc.oneof(
        {
          weight: 1,
          arbitrary: fc.record({ kind: fc.constant('apply' as const), members, gateway: fc.constantFrom(1, 2) }),
        },
        { weight: 2, arbitrary: fc.record({ kind: fc.constant('switch' as const), members }) },
        { weight: 8, arbitrary: fc.record({ kind: fc.constant('step' as const), pick: fc.nat(20) }) },
      );
      await fc.assert(
        fc.asyncProperty(members, fc.array(action, { maxLength: 60 }), async (start, actions) => {
          const scene = new Scene(sliceMessages);
          scene.apply(start);
          for (const one of actions) {
            if (one.kind === 'step') await scene.step(one.pick);
            else if (one.kind === 'apply') scene.apply(one.members, one.gateway);
            else scene.switch(one.members);
          }
          // A switch to nobody sends nothing: the apply that follows withdraws.
          if (scene.asked.length > 0) await scene.settle();
          await scene.applyWhatWasAsked();
        }),
        { seed: 4, numRuns: 200 },
      );
    });
  },
);
