/** What a dead link does to liveness bits by itself, and who has the last word. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { native } from '../../src/native.js';
import { iface, intent, mac, openPlane, useDataplaneWorld, world } from '../helpers/dataplane.js';
import { ifindexOf, ip } from '../helpers/own-netns.js';
import { until } from '../helpers/poll.js';

useDataplaneWorld();

const threads = (): number => readdirSync('/proc/self/task').length;

test('a link that goes down takes its next hops out of service while the event loop is blocked; no others', async () => {
  const plane = openPlane();
  const hop = (id: number, ifindex: number) => ({ id, ifindex, gatewayMac: mac(id), redirectOk: true });
  // 3: by something above dt2, as a VLAN device would be.
  const above = { ...iface('dt2'), ifindex: 4242 };
  const nextHops = [hop(1, ifindexOf('dt0')), hop(2, ifindexOf('dt2')), hop(3, 4242)];
  await plane.apply(intent({ nextHops, interfaces: [iface('dt0'), iface('dt2'), above], groups: [], routes: [] }));
  plane.setLiveness([1, 2, 3].map((nextHop) => ({ nextHop, alive: true })));
  const child = spawn('ip', ['link', 'set', 'dt2', 'down'], { stdio: 'ignore' });
  const deadline = performance.now() + 10_000;
  const alive = (): boolean[] => [1, 2, 3].map((id) => plane.readLiveness(id));
  while ((alive()[1] || alive()[2]) && performance.now() < deadline);
  expect(alive()).toEqual([true, false, false]);
  await once(child, 'exit');
  ip('link set dt2 up');
});

describe('after a link was down and its bits were cleared', () => {
  const alive = (...ids: number[]) => ids.map((nextHop) => ({ nextHop, alive: true }));

  async function cleared() {
    const plane = openPlane();
    await plane.apply(intent());
    plane.setLiveness(alive(1, 2));
    ip('link set dt2 down');
    await until(() => !plane.readLiveness(1) && !plane.readLiveness(2), { what: 'the bits to be cleared' });
    ip('link set dt2 up');
    return plane;
  }

  test('the controller that repeats itself, because it has not heard yet, does not undo it', async () => {
    const plane = await cleared();
    plane.setLiveness(alive(1, 2));
    world.nowMs += 999;
    plane.setLiveness(alive(1, 2));
    expect([1, 2].map((id) => plane.readLiveness(id))).toEqual([false, false]);
  });

  test('the controller that says so a second later has the last word', async () => {
    const plane = await cleared();
    plane.setLiveness(alive(1));
    world.nowMs += 1000;
    plane.setLiveness(alive(1, 2));
    // Of 2 it speaks for the first time since.
    expect([1, 2].map((id) => plane.readLiveness(id))).toEqual([true, false]);
  });

  test('a next hop that the controller called dead, too, is alive as soon as it says so', async () => {
    const plane = await cleared();
    plane.setLiveness([{ nextHop: 1, alive: false }]);
    plane.setLiveness(alive(1));
    expect(plane.readLiveness(1)).toBe(true);
  });
});

test('the watch ends with the plane, and a plane without one says so and works', async () => {
  const before = threads();
  const plane = openPlane();
  expect(threads()).toBe(before + 1);
  await plane.close({ keep: true });
  expect(threads()).toBe(before);
  const without = openPlane({
    native: {
      ...native,
      openCarrierWatch: () => {
        throw new Error('EMFILE: too many open files');
      },
    },
  });
  expect(without.notes.at(-1)).toBe('links are watched by the event loop only: EMFILE: too many open files');
  expect((await without.apply(intent())).problems).toEqual([]);
});

test('a next hop whose id cannot be does not keep the others from being watched', async () => {
  const plane = openPlane();
  const [first] = intent().nextHops;
  const { problems } = await plane.apply(intent({ groups: [], nextHops: [first!, { ...first!, id: 1_000_000 }] }));
  expect(problems).toHaveLength(1);
  plane.setLiveness([{ nextHop: 1, alive: true }]);
  ip('link set dt2 down');
  await until(() => !plane.readLiveness(1), { what: 'the bit to be cleared' });
  ip('link set dt2 up');
});
