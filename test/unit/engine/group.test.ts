import { describe, expect, it } from 'vitest';
import type { EnginePolicy, UplinkPolicy } from '../../../src/engine/types.js';
import { MS, policy, probe, SECOND, uplink, World } from './world.js';

/** Tiers by name: [['a', 'b'], ['c']]. */
function grouped(
  tiers: string[][],
  revertDelayUs: number | 'never' = 0,
  options: Partial<UplinkPolicy> = {},
): EnginePolicy {
  return policy(
    tiers.flat().map((name) => uplink(name, options)),
    {
      groups: [
        {
          name: 'internet',
          tiers: tiers.map((tier) => tier.map((name, index) => ({ uplink: name, weight: index + 1 }))),
          revertDelayUs,
        },
      ],
    },
  );
}

/** Everything answers. */
function allUp(given: EnginePolicy): World {
  const world = World.connected(given);
  for (const { name } of given.uplinks) world.replies(name);
  return world;
}

const LIMITED = { probes: [probe({ 4: ['t'] }, { limits: { lossPercent: 10 } })] };
const SLOW = { target: 't', window: { samples: 50, lossPercent: 20, latencyUs: 900, jitterUs: 10 } };
const FINE = { target: 't', window: { samples: 50, lossPercent: 0, latencyUs: 900, jitterUs: 10 } };

describe('tiers', () => {
  it('use the live members of the best tier that has any', () => {
    const world = allUp(grouped([['a', 'b'], ['c']]));
    expect(world.group().active).toEqual(['a', 'b']);
    world.losses('a', 3);
    expect(world.group().active).toEqual(['b']);
    world.losses('b', 3);
    expect(world.group().active).toEqual(['c']);
    expect(world.group().cause).toMatch(/^b went down: icmp: 3 of 3 probes to target-of-b lost/);
  });

  it('without a revert delay, neither failover nor revert is more than one bit', () => {
    const world = allUp(grouped([['a'], ['b']])).losses('a', 3);
    expect(world.actions.map((action) => action.type)).not.toContain('group');
    world.replies('a', 2).pass(11 * SECOND);
    expect(world.group().active).toEqual(['a']);
    expect(world.actions.map((action) => action.type)).not.toContain('group');
  });

  it('record every change of the active members, from and to', () => {
    const world = allUp(grouped([['a'], ['b']])).losses('a', 3);
    expect(world.recorded('group').map(({ from, to }) => [from, to])).toEqual([
      [[], ['a']],
      [['a'], ['b']],
    ]);
  });

  it('are kept apart by family, with the members that have it', () => {
    const given = policy([uplink('a', { families: [4] }), uplink('b', { families: [4, 6], probes: [] })]);
    const world = World.connected(given);
    expect(world.order('internet', 4)).toEqual([['a'], ['b']]);
    expect(world.order('internet', 6)).toEqual([['b']]);
  });
});

describe('revert delay', () => {
  it('starts when the better tier is alive again, and traffic comes back when it ends', () => {
    const world = allUp(grouped([['a'], ['b']], 30 * SECOND)).losses('a', 3);
    // Reordered while a is dead: to set its bit later moves nothing.
    expect(world.order()).toEqual([['b'], ['a']]);
    world.replies('a', 2).pass(10 * SECOND);
    expect(world.path('a')).toMatchObject({ state: 'up', alive: true });
    expect(world.group().active).toEqual(['b']);
    world.pass(30 * SECOND - 1);
    expect(world.group().active).toEqual(['b']);
    world.pass(1);
    expect(world.group()).toMatchObject({
      active: ['a'],
      cause: 'a has been healthy for 30 s: traffic comes back',
    });
    expect(world.order()).toEqual([['a'], ['b']]);
  });

  it('of zero tells no waiting time', () => {
    const world = allUp(grouped([['a'], ['b']], 0))
      .losses('a', 3)
      .replies('a', 2)
      .pass(10 * SECOND);
    expect(world.group()).toMatchObject({ active: ['a'], cause: 'a is healthy again: traffic comes back' });
  });

  it('starts anew when the better tier fails meanwhile', () => {
    const world = allUp(grouped([['a'], ['b']], 30 * SECOND))
      .losses('a', 3)
      .replies('a', 2)
      .pass(30 * SECOND);
    world
      .losses('a', 3)
      .replies('a', 2)
      .pass(10 * SECOND);
    expect(world.path('a').state).toBe('up');
    world.pass(29 * SECOND);
    expect(world.group().active).toEqual(['b']);
    world.pass(1 * SECOND);
    expect(world.group().active).toEqual(['a']);
  });

  it('goes on while members of the better tier relieve each other', () => {
    const world = allUp(grouped([['a', 'b'], ['c']], 30 * SECOND))
      .losses('a', 3)
      .losses('b', 3);
    world.replies('a', 2).pass(10 * SECOND);
    const aliveUs = world.nowUs;
    world
      .pass(5 * SECOND)
      .replies('b', 2)
      .pass(10 * SECOND)
      .losses('a', 3);
    expect(world.path('b').alive).toBe(true);
    world.pass(aliveUs + 30 * SECOND - world.nowUs - 1);
    expect(world.group().active).toEqual(['c']);
    world.pass(1);
    expect(world.group().active).toEqual(['b']);
  });

  it('is not waited for when the tier that carries dies', () => {
    const world = allUp(grouped([['a'], ['b']], 30 * SECOND))
      .losses('a', 3)
      .replies('a', 2)
      .pass(10 * SECOND);
    expect(world.group().active).toEqual(['b']);
    world.link('b', false);
    expect(world.group().active).toEqual(['a']);
  });

  it('is not waited for by an uplink that is only late at the start', () => {
    const world = World.connected(grouped([['a'], ['b']], 30 * SECOND)).replies('b');
    expect(world.group().active).toEqual(['b']);
    world.replies('a');
    expect(world.group().active).toEqual(['a']);
  });

  it('is not waited for after a drain of a path that was well all the time', () => {
    const world = allUp(grouped([['a'], ['b']], 30 * SECOND)).send({ type: 'drain', uplink: 'a', by: 'api' });
    world.pass(SECOND).send({ type: 'undrain', uplink: 'a', by: 'api' });
    expect(world.group().active).toEqual(['a']);
  });

  it('"never" leaves it to the operator', () => {
    const world = allUp(grouped([['a'], ['b']], 'never'))
      .losses('a', 3)
      .replies('a', 2)
      .pass(86_400 * SECOND);
    expect(world.path('a').state).toBe('up');
    expect(world.group().active).toEqual(['b']);
    world.send({ type: 'auto', group: 'internet', by: 'cli' });
    expect(world.group()).toMatchObject({ active: ['a'], cause: 'back to automatic by cli' });
  });

  it('keeps the order while no member is alive', () => {
    const given = grouped([['a'], ['b']], 30 * SECOND);
    given.uplinks.push(uplink('c'));
    given.groups.push({ name: 'other', tiers: [[{ uplink: 'c', weight: 1 }]], revertDelayUs: 0 });
    const world = allUp(given).losses('a', 3).losses('b', 3);
    expect(world.group().active).toEqual([]);
    world.send({ type: 'tick' });
    expect(world.order()).toEqual([['b'], ['a']]);
    world.replies('a', 2).pass(10 * SECOND);
    expect(world.group().active).toEqual(['a']);
  });

  it('that a reload introduces leaves the traffic where it is', () => {
    const world = World.connected(grouped([['a'], ['b']], 0, LIMITED))
      .replies('a', 1, FINE)
      .replies('b', 1, SLOW);
    world
      .losses('a', 3, SLOW)
      .replies('a', 2, SLOW)
      .pass(10 * SECOND);
    expect([world.path('a').state, world.path('b').state]).toEqual(['degraded', 'degraded']);
    expect(world.group().active).toEqual(['a']);
    world.send({ type: 'configure', policy: grouped([['a'], ['b']], 30 * SECOND, LIMITED) });
    expect(world.group().active).toEqual(['a']);
  });

  it('survives a reload', () => {
    const given = grouped([['a'], ['b']], 30 * SECOND);
    const world = allUp(given)
      .losses('a', 3)
      .replies('a', 2)
      .pass(20 * SECOND);
    world.send({ type: 'configure', policy: structuredClone(given) });
    expect(world.group().active).toEqual(['b']);
    expect(world.actions).toEqual([]);
    world.pass(20 * SECOND);
    expect(world.group().active).toEqual(['a']);
  });
});

describe('degraded members', () => {
  const limited = (tiers: string[][], revertDelayUs: number = 0): World => {
    const given = grouped(tiers, revertDelayUs, LIMITED);
    const world = World.connected(given);
    for (const { name } of given.uplinks) world.replies(name, 1, FINE);
    return world;
  };

  it('stand behind healthy ones of any tier', () => {
    const world = limited([['a', 'b'], ['c']]).replies('a', 1, SLOW);
    expect(world.order()).toEqual([['b'], ['c'], ['a']]);
    expect(world.group()).toMatchObject({
      active: ['b'],
      cause: expect.stringMatching(/^a became degraded: icmp: t over 50/),
    });
    world.replies('b', 1, SLOW);
    expect(world.order()).toEqual([['c'], ['a', 'b']]);
    world.replies('a', 1, FINE).replies('b', 1, FINE);
    expect(world.order()).toEqual([['a', 'b'], ['c']]);
  });

  it('stay where they are when there is no healthy one', () => {
    const world = limited([['a'], ['b']])
      .link('b', false)
      .replies('a', 1, SLOW);
    expect(world.order()).toEqual([['a'], ['b']]);
    world.send({ type: 'drain', uplink: 'b', by: 'api' });
    expect(world.group().active).toEqual(['a']);
  });

  it('keep their weights', () => {
    const world = limited([['a', 'b']]).replies('b', 1, SLOW);
    expect(world.group().order).toEqual([[{ uplink: 'a', weight: 1 }], [{ uplink: 'b', weight: 2 }]]);
  });

  it('stay behind during a suspicion', () => {
    const world = limited([['a'], ['b']])
      .replies('a', 1, SLOW)
      .losses('a', 1, SLOW);
    expect(world.path('a').state).toBe('suspect');
    expect(world.group().active).toEqual(['b']);
  });

  it('get the traffic back after the revert delay', () => {
    const world = limited([['a'], ['b']], 30 * SECOND).replies('a', 1, SLOW);
    expect(world.group().active).toEqual(['b']);
    world.replies('a', 1, FINE).pass(30 * SECOND - 1);
    expect(world.group().active).toEqual(['b']);
    world.pass(1);
    expect(world.group().active).toEqual(['a']);
  });

  it('are left at once for one that is well', () => {
    const world = limited([['a'], ['b']], 30 * SECOND)
      .losses('a', 3, { target: 't' })
      .replies('a', 2, FINE);
    world.pass(11 * SECOND);
    expect(world.group().active).toEqual(['b']);
    world.replies('b', 1, SLOW);
    expect(world.group().active).toEqual(['a']);
  });

  it('never need more tiers than the data plane has', () => {
    const world = limited([['a', 'x'], ['b', 'y'], ['c', 'z'], ['d']]);
    for (const name of ['x', 'y', 'z']) world.replies(name, 1, SLOW);
    expect(world.order()).toEqual([['a'], ['b'], ['c'], ['d', 'x', 'y', 'z']]);
  });
});

describe('force', () => {
  it('puts the uplink first and keeps the normal order behind it', () => {
    const world = allUp(grouped([['a'], ['b'], ['c']]));
    world.send({ type: 'force', group: 'internet', uplink: 'c', by: 'api' });
    expect(world.order()).toEqual([['c'], ['a'], ['b']]);
    expect(world.group()).toMatchObject({ active: ['c'], forced: 'c', cause: 'forced to c by api' });
    expect(world.recorded('operator').at(-1)).toMatchObject({ what: 'force internet to c', by: 'api' });
    world.losses('c', 3);
    expect(world.group().active).toEqual(['a']);
    world.replies('c', 2).pass(11 * SECOND);
    expect(world.group().active).toEqual(['c']);
    world.send({ type: 'auto', group: 'internet', by: 'api' });
    expect(world.group()).toMatchObject({ active: ['a'], forced: null, cause: 'back to automatic by api' });
  });

  it('prevails over quality', () => {
    const given = grouped([['a'], ['b']], 0, LIMITED);
    const world = World.connected(given).replies('a', 1, FINE).replies('b', 1, FINE);
    world.send({ type: 'force', group: 'internet', uplink: 'a', by: 'api' }).replies('a', 1, SLOW);
    expect(world.group().active).toEqual(['a']);
  });

  it('is ignored for what is no member', () => {
    const world = allUp(grouped([['a'], ['b']]));
    world.send({ type: 'force', group: 'internet', uplink: 'z', by: 'api' });
    world.send({ type: 'force', group: 'nowhere', uplink: 'a', by: 'api' });
    expect(world.actions).toEqual([]);
    expect(world.group().forced).toBeNull();
  });

  it('survives a reload, unless its uplink leaves the group', () => {
    const world = allUp(grouped([['a'], ['b']])).send({ type: 'force', group: 'internet', uplink: 'b', by: 'api' });
    world.send({ type: 'configure', policy: grouped([['a'], ['b']]) });
    expect(world.group().forced).toBe('b');
    world.send({ type: 'configure', policy: grouped([['a'], ['c']]) });
    expect(world.group()).toMatchObject({ forced: null, active: ['a'] });
  });
});

describe('a reload', () => {
  it('keeps the state of paths that stay and starts the others', () => {
    const world = allUp(grouped([['a'], ['b']])).losses('a', 3);
    world.send({ type: 'configure', policy: grouped([['c'], ['a'], ['b']]) });
    expect(world.path('a')).toMatchObject({ state: 'down', failures: 1 });
    expect(world.path('b')).toMatchObject({ state: 'up', alive: true });
    expect(world.path('c')).toMatchObject({ state: 'init', alive: false });
    expect(world.actions).toEqual([
      { type: 'liveness', uplink: 'c', family: 4, alive: false, cause: 'configured; nothing is known yet' },
      expect.objectContaining({ type: 'group', group: 'internet', cause: 'the configuration has changed' }),
    ]);
  });

  it('without a change does nothing', () => {
    const world = allUp(grouped([['a'], ['b']]));
    world.send({ type: 'configure', policy: grouped([['a'], ['b']]) });
    expect(world.actions).toEqual([]);
  });

  it('keeps the counts of targets that stay, and does not take a path down for new ones', () => {
    const world = allUp(policy([uplink('a'), uplink('b')])).losses('a', 2);
    const probes = [probe({ 4: ['new', 'target-of-a'] }, { quorum: 2 })];
    world.send({ type: 'configure', policy: policy([uplink('a', { probes }), uplink('b')]) });
    expect(world.path('a')).toMatchObject({ state: 'suspect', alive: true });
    expect(world.path('a').targets).toMatchObject([
      { target: 'new', good: null },
      { target: 'target-of-a', good: true, consecutiveLosses: 2 },
    ]);
    world.losses('a');
    expect(world.path('a').state).toBe('down');
  });

  it('ignores late samples of what is gone', () => {
    const world = allUp(grouped([['a'], ['b']]));
    const before = world.state;
    world.losses('gone', 3).losses('a', 3, { target: 'gone' }).losses('a', 3, { probe: 'gone' });
    world.losses('a', 3, { family: 6 });
    expect(world.state).toBe(before);
  });

  it('a family that is added shares the link and the drain of its uplink', () => {
    const world = World.connected(policy([uplink('a', { probes: [] }), uplink('b', { probes: [] })]));
    world.send({ type: 'drain', uplink: 'a', by: 'api' });
    world.send({
      type: 'configure',
      policy: policy([uplink('a', { probes: [], families: [4, 6] }), uplink('b', { probes: [] })]),
    });
    world.addressing('a', true, '', 6);
    expect(world.path('a', 6).state).toBe('drained');
    world.send({ type: 'undrain', uplink: 'a', by: 'api' });
    expect(world.path('a', 6).state).toBe('up');
  });
});

describe('the order of actions', () => {
  it('is liveness, then groups, then records', () => {
    const world = allUp(grouped([['a'], ['b']], 30 * SECOND)).link('a', false);
    expect(world.actions.map((action) => action.type)).toEqual(['liveness', 'group', 'record', 'record']);
  });

  it('is empty for a sample that changes nothing', () => {
    const world = allUp(grouped([['a'], ['b']])).replies('a', 3);
    expect(world.actions).toEqual([]);
    expect(world.path('a').targets[0]!.consecutiveReplies).toBe(4);
    expect(world.nowUs % MS).toBe(0);
  });
});
