/** Paths that come and go with an election: not used before they have worked, and no witnesses of what the site has. */
import { describe, expect, test } from 'vitest';
import { MS, policy, probe, uplink, World } from './world.js';

const fibre = uplink('fibre');
const phone = uplink('phone', { lastResort: true, holdDownUs: 0 });
const before = policy([fibre], { minimumAgreeing: 1 });
const elected = policy([fibre, phone], { minimumAgreeing: 1 });

/** Fibre has lost its link, the phone has just been elected. */
function cut(): World {
  const world = World.connected(before).replies('fibre').link('fibre', false);
  return world.send({ type: 'configure', policy: elected, cause: 'phone is elected' }).connect('phone');
}

describe('a path of last resort', () => {
  test('is not taken for the better one before it has worked, though it has its link', () => {
    const world = cut();
    expect(world.path('phone')).toMatchObject({ state: 'init', alive: false });
    expect(world.group().active).toEqual(['fibre']);
    world.replies('phone');
    expect(world.path('phone')).toMatchObject({ state: 'up', alive: true, kept: null });
    expect(world.group().active).toEqual(['phone']);
  });

  test('is kept as any other when it was the last that worked', () => {
    const world = cut().replies('phone').losses('phone', 3);
    expect(world.path('phone')).toMatchObject({ state: 'down', alive: true });
    expect(world.group().active).toEqual(['phone']);
  });

  test('ends "all down" when it works, and is not the last good path when it does not', () => {
    const world = cut();
    expect(world.allDown()).toMatchObject({ believed: true, lastGood: 'fibre' });
    expect(world.recorded('all-down-ended')).toEqual([]);
    world.replies('phone');
    expect(world.recorded('all-down-ended').map(({ cause }) => cause)).toEqual([
      expect.stringMatching(/^phone is up: /),
    ]);
    world.losses('phone', 3);
    expect(world.allDown()).toMatchObject({ believed: true, lastGood: 'fibre' });
  });

  test('adds nobody to those who must agree', () => {
    const two = policy([fibre, phone], { minimumAgreeing: 2 });
    const world = World.connected(two).replies('fibre').replies('phone').losses('phone', 3).losses('fibre', 3);
    expect(world.allDown()).toMatchObject({ suspected: true, believed: false });
  });

  test('makes no family of the site of its own', () => {
    const learned = { families: [4, 6] as (4 | 6)[], learnedFamilies: [6] as (4 | 6)[] };
    const both = { probes: [probe({ 4: ['target-of-phone'], 6: ['target6'] })], families: learned.families };
    const world = new World(policy([uplink('fibre', learned), uplink('phone', { ...both, lastResort: true })]));
    world.connect('fibre').connect('phone', [4, 6]);
    world.addressing('fibre', false, 'no IPv6 address', 6).replies('phone', 1, { family: 6, target: 'target6' });
    expect(world.path('phone', 6).state).toBe('up');
    expect(world.allDown(6)).toBeUndefined();
  });

  test('gives the traffic back, and its end is told with its cause', () => {
    const world = cut()
      .replies('phone')
      .link('fibre', true)
      .replies('fibre', 2)
      .pass(10_000 * MS);
    expect(world.group().active).toEqual(['fibre']);
    const gone = cut()
      .replies('phone')
      .send({ type: 'configure', policy: before, cause: 'phone is not elected any more' });
    expect(gone.recorded('group').at(-1)).toMatchObject({ from: ['phone'], cause: 'phone is not elected any more' });
  });
});
