/** Never act without a better alternative: the last good path keeps its bit, and "all are down" is said, not acted on. */
import { describe, expect, it } from 'vitest';
import { policy, SECOND, uplink, World } from './world.js';

/** Both up, then `a` down, then `b` down. */
function bothDown(): World {
  const world = World.connected(policy([uplink('a'), uplink('b')]));
  return world.replies('a').replies('b').losses('a', 3).losses('b', 3);
}

describe('when every path of a family is down', () => {
  it('the last good one keeps its bit, with the reason', () => {
    const world = bothDown();
    expect(world.path('a')).toMatchObject({ state: 'down', alive: false, kept: null });
    expect(world.path('b')).toMatchObject({
      state: 'down',
      alive: true,
      kept: 'last good path: no other IPv4 path is alive',
    });
    expect(world.actions.some((action) => action.type === 'liveness')).toBe(false);
    expect(world.lastCause('b')).toMatch(/^icmp: 3 of 3 .*; last good path: no other IPv4 path is alive$/);
    expect(world.group().active).toEqual(['b']);
  });

  it('it is suspected and, as enough paths agree, believed', () => {
    const world = bothDown();
    expect(world.allDown()).toEqual({
      family: 4,
      suspected: true,
      believed: true,
      sinceUs: world.nowUs,
      lastGood: 'b',
    });
    expect(world.recorded('all-down')).toEqual([
      expect.objectContaining({
        family: 4,
        believed: true,
        lastGood: 'b',
        cause: expect.stringMatching(/^each of the 2 IPv4/),
      }),
    ]);
  });

  it('it is only suspected while fewer paths than the minimum agree', () => {
    const world = World.connected(policy([uplink('a')], { minimumAgreeing: 2 }))
      .replies('a')
      .losses('a', 3);
    expect(world.allDown()).toMatchObject({ suspected: true, believed: false, lastGood: 'a' });
    expect(world.path('a')).toMatchObject({
      state: 'down',
      alive: true,
      kept: 'last good path: the only IPv4 path there is',
    });
  });

  it('the bit moves to the first path that answers again, before its hold-down ends', () => {
    const world = bothDown().replies('a', 2);
    expect(world.path('a')).toMatchObject({
      state: 'held',
      alive: true,
      kept: 'used before its hold-down ends: no other live IPv4 path',
    });
    expect(world.path('b')).toMatchObject({ state: 'down', alive: false, kept: null });
    expect(world.actions.slice(0, 2)).toEqual([
      expect.objectContaining({ type: 'liveness', uplink: 'a', alive: true }),
      expect.objectContaining({
        type: 'liveness',
        uplink: 'b',
        alive: false,
        cause: expect.stringMatching(/^a is used instead; icmp/),
      }),
    ]);
    expect(world.recorded('all-down-ended')).toHaveLength(1);
    expect(world.allDown()).toMatchObject({ suspected: false, believed: false, sinceUs: null });
  });

  it('the path used early stays the one while another one is held too', () => {
    const world = bothDown().replies('b', 2).replies('a', 2);
    expect(world.path('b').alive).toBe(true);
    expect(world.path('a')).toMatchObject({ state: 'held', alive: false });
    world.pass(11 * SECOND);
    expect(world.path('a')).toMatchObject({ state: 'up', alive: true, kept: null });
    expect(world.path('b')).toMatchObject({ state: 'up', alive: true, kept: null });
  });

  it('the bit moves to a path that is evidently better: it has its link', () => {
    const world = bothDown().link('b', false);
    expect(world.path('b')).toMatchObject({ state: 'down', alive: false });
    expect(world.path('a')).toMatchObject({
      state: 'down',
      alive: true,
      kept: 'best of the IPv4 paths, none of which is alive',
    });
    world.link('b', true);
    expect(world.path('a').alive).toBe(true);
    world.link('a', false);
    expect(world.path('b').alive).toBe(true);
  });

  it('a held path is preferred to a drained one: the operator wants the other to be left', () => {
    const world = World.connected(policy([uplink('a'), uplink('b')]));
    world.replies('a').replies('b').send({ type: 'drain', uplink: 'a', by: 'api' }).losses('b', 3);
    expect(world.path('a').alive).toBe(true);
    world.replies('b', 2);
    expect(world.path('b')).toMatchObject({ state: 'held', alive: true });
    expect(world.path('a')).toMatchObject({ state: 'drained', alive: false });
  });

  it('of paths that are all down, one that is not drained is preferred', () => {
    const world = World.connected(policy([uplink('a'), uplink('b')]));
    world.replies('a').replies('b').send({ type: 'drain', uplink: 'a', by: 'api' }).losses('b', 3).losses('a', 3);
    expect(world.path('a')).toMatchObject({ state: 'drained', alive: false });
    expect(world.path('b')).toMatchObject({ state: 'down', alive: true });
  });

  it('nothing is kept before anything has worked', () => {
    const world = World.connected(policy([uplink('a'), uplink('b')]))
      .losses('a', 3)
      .losses('b', 3);
    expect([world.path('a').alive, world.path('b').alive]).toEqual([false, false]);
    expect(world.allDown()).toMatchObject({ suspected: true, believed: true, lastGood: null });
  });

  it('a path that is only starting is used rather than one without link, and keeps that when the other is removed', () => {
    const starting = policy([uplink('b')]);
    const world = World.connected(policy([uplink('a'), uplink('b')]))
      .replies('a')
      .link('a', false);
    expect(world.path('b')).toMatchObject({ state: 'init', alive: true });
    world.send({ type: 'configure', policy: starting });
    expect(world.path('b')).toMatchObject({ state: 'init', alive: true });
  });

  it('a path that is in no group is no alternative, and is not kept', () => {
    const given = policy([uplink('a'), uplink('spare')]);
    given.groups[0]!.tiers.pop();
    const world = World.connected(given).replies('a').replies('spare').losses('a', 3);
    expect(world.path('a').alive).toBe(true);
    world.losses('spare', 3);
    expect(world.path('spare')).toMatchObject({ alive: false, kept: null });
  });

  it('a starting path is not judged: all are not down yet', () => {
    const world = World.connected(policy([uplink('a'), uplink('b')]))
      .replies('a')
      .losses('a', 3);
    expect(world.path('b').state).toBe('init');
    expect(world.allDown().suspected).toBe(false);
    world.losses('b', 3);
    expect(world.allDown().suspected).toBe(true);
  });

  it('ends when the last path of the family is removed', () => {
    const world = bothDown().send({ type: 'configure', policy: policy([]) });
    expect(world.recorded('all-down-ended')[0]!.cause).toBe('no IPv4 path is configured any more');
  });
});

describe('a stalled prober', () => {
  it('takes back the losses counted meanwhile, and takes no path down', () => {
    const world = World.connected(policy([uplink('a'), uplink('b')]))
      .replies('a')
      .replies('b');
    const fromUs = world.nowUs;
    world.losses('a', 2).losses('b', 2);
    world.send({ type: 'blind', fromUs, toUs: world.nowUs, detail: 'the transmitter was 312 ms late' });
    expect([world.path('a').state, world.path('b').state]).toEqual(['up', 'up']);
    expect(world.path('a').targets[0]!.consecutiveLosses).toBe(0);
    expect(world.recorded('blind')).toEqual([
      { kind: 'blind', durationUs: 80_000, cause: 'the transmitter was 312 ms late', atUs: world.nowUs },
    ]);
    world.losses('a', 2);
    expect(world.path('a').state).toBe('suspect');
  });

  it('leaves losses that came before or after', () => {
    const world = World.connected(policy([uplink('a'), uplink('b')]))
      .replies('a')
      .replies('b')
      .losses('a', 2);
    world.send({ type: 'blind', fromUs: world.nowUs + 1, toUs: world.nowUs + 500, detail: '' });
    expect(world.path('a').targets[0]!.consecutiveLosses).toBe(2);
    world.send({ type: 'blind', fromUs: 0, toUs: 500, detail: '' });
    expect(world.path('a').targets[0]!.consecutiveLosses).toBe(2);
    world.losses('a').send({ type: 'blind', fromUs: 0, toUs: world.nowUs, detail: '' });
    expect(world.path('a').targets[0]).toMatchObject({ good: false, consecutiveLosses: 3 });
    expect(world.recorded('blind').every((record) => record.cause !== '')).toBe(true);
  });
});
