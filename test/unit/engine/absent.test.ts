/** A family that is used where it is there (`gateway: auto`) and is not: absent, not down. */
import { describe, expect, it } from 'vitest';
import { allDownViews } from '../../../src/engine/index.js';
import type { Family } from '../../../src/net/ip-address.js';
import { policy, uplink, World } from './world.js';

const learning = (name: string) =>
  uplink(name, {
    families: [4, 6],
    learnedFamilies: [4, 6],
    probes: [{ ...uplink(name).probes[0]!, targets: { 4: [`target-of-${name}`], 6: [`target-of-${name}`] } }],
  });

/** Links up; addressing as said, both families of both uplinks. */
function world(ready: Record<Family, boolean>, uplinks = [learning('a'), learning('b')]): World {
  const made = new World(policy(uplinks));
  for (const name of ['a', 'b']) {
    made.send({ type: 'link', uplink: name, up: true, detail: 'carrier' });
    for (const family of [4, 6] as const) address(made, name, family, ready[family]);
  }
  return made;
}

function address(made: World, name: string, family: Family, ready: boolean): void {
  made.send({ type: 'addressing', uplink: name, family, ready, detail: ready ? 'there' : 'no usable address' });
}

describe('a family whose gateways are all learned', () => {
  it('is absent while no path of it has ever been addressed: no all-down', () => {
    const made = world({ 4: true, 6: false });
    expect(made.path('a', 6)).toMatchObject({ state: 'down', cause: expect.stringContaining('no usable address') });
    expect(allDownViews(made.state).map(({ family }) => family)).toEqual([]);
    made.replies('a').replies('b');
    expect(allDownViews(made.state)).toEqual([expect.objectContaining({ family: 4, suspected: false })]);
    expect(made.recorded('all-down')).toEqual([]);
  });

  it('is judged from when it appears, without having been down, and is down when it vanishes', () => {
    const made = world({ 4: true, 6: false }).replies('a').replies('b');
    address(made, 'a', 6, true);
    expect(made.recorded('all-down')).toEqual([]);
    made.replies('a', 1, { family: 6 });
    expect(made.path('a', 6).state).toBe('up');
    expect(allDownViews(made.state)).toHaveLength(2);
    address(made, 'a', 6, false);
    expect(made.recorded('all-down')).toEqual([expect.objectContaining({ family: 6, believed: true })]);
  });

  it('is down when it appears and nothing answers', () => {
    const made = world({ 4: true, 6: false });
    address(made, 'b', 6, true);
    made.losses('b', 3, { family: 6 });
    expect(made.recorded('all-down')).toEqual([expect.objectContaining({ family: 6 })]);
  });

  it('is down, not absent, if one gateway of it is configured', () => {
    const made = world({ 4: true, 6: false }, [learning('a'), { ...learning('b'), learnedFamilies: [4] }]);
    expect(made.recorded('all-down')).toEqual([expect.objectContaining({ family: 6, believed: true })]);
  });
});
