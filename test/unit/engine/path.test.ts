import { describe, expect, it } from 'vitest';
import { MS, policy, probe, SECOND, uplink, World } from './world.js';

/** Two uplinks, both connected; `b` answers, so that `a` can fail without being the last one. */
function pair(options: Parameters<typeof uplink>[1] = {}): World {
  return World.connected(policy([uplink('a', options), uplink('b')])).replies('b');
}

const NO_PROBES = { probes: [] };

describe('init', () => {
  it('goes up with the first reply, because start to forwarding must be quick', () => {
    const world = pair();
    expect(world.path('a')).toMatchObject({ state: 'init', alive: false });
    world.replies('a');
    expect(world.path('a')).toMatchObject({ state: 'up', alive: true, failures: 0 });
    expect(world.path('a').cause).toBe('icmp: reply from target-of-a in 900 us');
    expect(world.actions[0]).toMatchObject({ type: 'liveness', uplink: 'a', alive: true });
  });

  it('needs one reply of each target of the quorum', () => {
    const world = pair({ probes: [probe({ 4: ['t1', 't2', 't3'] }, { quorum: 2 })] });
    world.replies('a', 5, { target: 't1' });
    expect(world.path('a').state).toBe('init');
    world.replies('a', 1, { target: 't3' });
    expect(world.path('a').state).toBe('up');
    expect(world.path('a').cause).toBe('icmp: 2 of 3 targets answer (t1 in 900 us, t3 in 900 us)');
  });

  it('takes a quorum above the number of targets for all of them', () => {
    const world = pair({ probes: [probe({ 4: ['t1', 't2'] }, { quorum: 5 })] }).replies('a', 1, { target: 't1' });
    expect(world.path('a').state).toBe('init');
    world.replies('a', 1, { target: 't2' });
    expect(world.path('a').state).toBe('up');
  });

  it('believes probes that are answered rather than a neighbour entry that failed', () => {
    const world = pair().neighbour('a', 'failed').replies('a');
    expect(world.history('a')).toBe('init > up > suspect');
  });

  it('needs every probe', () => {
    const probes = [probe({ 4: ['t1'] }), probe({ 4: ['t2'] }, { name: 'dns' })];
    const world = pair({ probes }).replies('a', 3, { target: 't1' });
    expect(world.path('a').state).toBe('init');
    world.replies('a', 1, { probe: 'dns', target: 't2' });
    expect(world.path('a').state).toBe('up');
  });

  it('goes down by losses: an uplink dead at boot is down, not starting for ever', () => {
    const world = pair().losses('a', 2);
    expect(world.path('a').state).toBe('init');
    world.losses('a');
    expect(world.path('a')).toMatchObject({ state: 'down', alive: false, failures: 1 });
    expect(world.path('a').damping.figureOfMerit).toBe(0);
    expect(world.path('a').cause).toBe(
      'icmp: 3 of 3 probes to target-of-a lost (no reply within 20 ms), no reply so far',
    );
  });

  it('goes down when the link is down or an address is missing', () => {
    const world = new World(policy([uplink('a'), uplink('b')]));
    world.link('a', false, 'wan0 has no carrier').link('b', true).addressing('b', false, 'no source address');
    expect(world.path('a')).toMatchObject({ state: 'down', cause: 'link down: wan0 has no carrier' });
    expect(world.path('b')).toMatchObject({ state: 'down', cause: 'addressing is not ready: no source address' });
  });

  it('waits for link and addressing even if a probe is answered already', () => {
    const world = new World(policy([uplink('a')])).replies('a');
    expect(world.path('a').state).toBe('init');
    world.connect('a');
    expect(world.path('a').state).toBe('up');
  });

  it('goes up at once where nothing is probed, with a neighbour that is unknown', () => {
    const world = World.connected(policy([uplink('a', NO_PROBES)]));
    expect(world.path('a')).toMatchObject({ state: 'up', cause: 'link up, addressing ready, nothing is probed' });
  });

  it('is not held after a late start: what has never worked cannot flap back', () => {
    const world = new World(policy([uplink('a'), uplink('b', NO_PROBES)])).connect('b').link('a', false);
    world
      .pass(5 * SECOND)
      .connect('a')
      .replies('a');
    expect(world.history('a')).toBe('init > down > up');
  });
});

describe('up', () => {
  it('is suspected at the first loss that would lead to failure, and stays alive', () => {
    const world = pair().replies('a').losses('a');
    expect(world.path('a')).toMatchObject({ state: 'suspect', alive: true });
    expect(world.path('a').cause).toBe(
      'icmp: 1 of 3 probes to target-of-a lost (no reply within 20 ms), last reply seen 20 ms before',
    );
    expect(world.actions.some((action) => action.type === 'liveness')).toBe(false);
  });

  it('is not suspected for a target that the quorum can spare', () => {
    const world = pair({ probes: [probe({ 4: ['t1', 't2', 't3'] }, { quorum: 2 })] });
    for (const target of ['t1', 't2', 't3']) world.replies('a', 1, { target });
    world.losses('a', 50, { target: 't2' });
    expect(world.path('a')).toMatchObject({ state: 'up', alive: true });
    expect(world.path('a').targets.map((target) => target.good)).toEqual([true, false, true]);
    world.losses('a', 1, { target: 't3' });
    expect(world.path('a').state).toBe('suspect');
    world.losses('a', 2, { target: 't3' });
    expect(world.path('a').state).toBe('down');
    expect(world.path('a').cause).toMatch(
      /^icmp: 2 of 3 targets failed, 2 must answer: 50 probes to t2 lost \(.*\), last reply seen .*; 3 of 3 probes to t3 lost \(no reply/,
    );
  });

  it('goes down in the same step as its link', () => {
    const world = pair().replies('a').link('a', false, 'wan0 has no carrier');
    expect(world.path('a')).toMatchObject({ state: 'down', alive: false });
    expect(world.actions[0]).toEqual({
      type: 'liveness',
      uplink: 'a',
      family: 4,
      alive: false,
      cause: 'link down: wan0 has no carrier',
    });
  });

  it('goes down in the same step as its address', () => {
    const world = pair().replies('a').addressing('a', false, 'the lease has expired');
    expect(world.path('a')).toMatchObject({ state: 'down', alive: false });
  });

  it('goes down with its neighbour where nothing is probed', () => {
    const world = pair(NO_PROBES).neighbour('a', 'failed');
    expect(world.path('a')).toMatchObject({ state: 'down', cause: 'the gateway does not answer: 192.0.2.1' });
  });

  it('is only suspected for its neighbour where probes can decide', () => {
    const world = pair().replies('a').neighbour('a', 'failed');
    expect(world.path('a')).toMatchObject({ state: 'suspect', alive: true });
    world.replies('a', 3);
    expect(world.path('a').state).toBe('suspect');
    world.neighbour('a', 'resolved');
    expect(world.path('a').state).toBe('up');
  });

  it('is judged apart from the same uplink in the other family', () => {
    const probes = [probe({ 4: ['t4'], 6: ['t6'] })];
    const world = World.connected(
      policy([uplink('a', { families: [4, 6], probes }), uplink('b', { families: [4, 6] })]),
    );
    world.replies('b').replies('a', 1, { target: 't4' }).replies('a', 1, { target: 't6', family: 6 });
    world.losses('a', 3, { target: 't6', family: 6 });
    expect(world.path('a', 4).state).toBe('up');
    expect(world.path('a', 6).state).toBe('down');
  });
});

describe('degraded', () => {
  const limits = { lossPercent: 10, latencyUs: 100 * MS };
  const window = (lossPercent: number, latencyUs: number | null = 900, samples = 50) => ({
    target: 't',
    window: { samples, lossPercent, latencyUs, jitterUs: null },
  });
  const limited = (): World => pair({ probes: [probe({ 4: ['t'] }, { limits })] }).replies('a', 1, window(0));

  it('begins beyond a limit and says which', () => {
    const world = limited().replies('a', 1, window(10));
    expect(world.path('a').state).toBe('up');
    world.replies('a', 1, window(12));
    expect(world.path('a')).toMatchObject({ state: 'degraded', alive: true });
    expect(world.path('a').cause).toBe(
      'icmp: t over 50 samples: loss 12 % (limit 10 %), latency 900 us (limit 100 ms)',
    );
  });

  it('ends only when every figure is at or below 80 % of its limit', () => {
    const world = limited().replies('a', 1, window(12, 150 * MS));
    for (const figures of [window(9, 10 * MS), window(0, 81 * MS), window(8, null)]) {
      world.replies('a', 1, figures);
      expect(world.path('a').state).toBe('degraded');
    }
    world.replies('a', 1, window(8, 80 * MS));
    expect(world.path('a').state).toBe('up');
  });

  it('is not judged by a window of a few samples, but by a small one that is full', () => {
    const world = limited()
      .replies('a', 1, window(50, 900, 4))
      .replies('a', 1, window(50, 900, 9));
    expect(world.path('a').state).toBe('up');
    world.replies('a', 1, window(50, 900, 9));
    expect(world.path('a').state).toBe('degraded');
  });

  it('does not come from one slow or dead target that the quorum can spare', () => {
    const world = pair({ probes: [probe({ 4: ['t', 'u'] }, { limits })] });
    world.replies('a', 1, window(0)).replies('a', 1, { ...window(0), target: 'u' });
    world.losses('a', 5, { ...window(100, null), target: 'u' });
    expect(world.path('a').state).toBe('up');
    world.replies('a', 1, window(0, 300 * MS));
    expect(world.path('a').state).toBe('degraded');
  });

  it('is returned to when a suspicion is revoked', () => {
    const world = limited().replies('a', 1, window(12)).losses('a', 1, window(14)).replies('a', 1, window(14));
    expect(world.history('a')).toBe('init > up > degraded > suspect > degraded');
  });

  it('fails like any other', () => {
    const world = limited().replies('a', 1, window(12)).losses('a', 3, window(20));
    expect(world.history('a')).toBe('init > up > degraded > suspect > down');
    expect(world.path('a').alive).toBe(false);
  });
});

describe('suspect', () => {
  it('is revoked by a reply', () => {
    const world = pair().replies('a').losses('a', 2).replies('a');
    expect(world.history('a')).toBe('init > up > suspect > up');
    expect(world.path('a').failures).toBe(0);
  });

  it('is confirmed by the last of the losses, with figures', () => {
    const world = pair().replies('a').losses('a', 2);
    expect(world.path('a').alive).toBe(true);
    world.losses('a');
    expect(world.path('a')).toMatchObject({ state: 'down', alive: false, failures: 1 });
    expect(world.lastCause('a')).toBe(
      'icmp: 3 of 3 probes to target-of-a lost (no reply within 20 ms), last reply seen 60 ms before',
    );
  });

  it('is cut short by the link', () => {
    const world = pair().replies('a').losses('a').link('a', false);
    expect(world.path('a')).toMatchObject({ state: 'down', alive: false });
  });
});

describe('down', () => {
  const down = (): World => pair().replies('a').losses('a', 3);

  it('is left after the wanted number of replies in a row, for held', () => {
    const world = down().replies('a').losses('a').replies('a');
    expect(world.path('a').state).toBe('down');
    world.replies('a');
    expect(world.path('a')).toMatchObject({ state: 'held', alive: false, heldUntilUs: world.nowUs + 10 * SECOND });
    expect(world.path('a').cause).toBe(
      'answers again: icmp: reply from target-of-a in 900 us; held for 10 s hold-down',
    );
  });

  it('is left by link and addressing where nothing is probed', () => {
    const world = pair(NO_PROBES).link('a', false).addressing('a', false).link('a', true);
    expect(world.path('a').state).toBe('down');
    world.addressing('a', true);
    expect(world.path('a')).toMatchObject({ state: 'held', alive: false });
  });

  it('asks for replies again after the link was gone, whatever had been answered before', () => {
    const world = pair().replies('a', 10).link('a', false).link('a', true);
    expect(world.path('a').state).toBe('down');
    world.replies('a');
    expect(world.path('a').state).toBe('down');
    world.replies('a');
    expect(world.path('a').state).toBe('held');
  });

  it('asks for replies again after an address was gone', () => {
    const world = pair().replies('a', 10).addressing('a', false).addressing('a', true);
    expect(world.path('a').state).toBe('down');
    expect(world.path('a').targets[0]!.good).toBe(false);
  });

  it('is left when the probes are answered, even with a neighbour entry that failed', () => {
    const world = down().neighbour('a', 'failed').replies('a', 2);
    expect(world.path('a').state).toBe('held');
  });

  it('goes straight up where no hold-down is configured', () => {
    const world = pair({ holdDownUs: 0 }).replies('a').losses('a', 3).replies('a', 2);
    expect(world.history('a')).toBe('init > up > suspect > down > up');
  });
});

describe('held', () => {
  const held = (): World => pair().replies('a').losses('a', 3).replies('a', 2);

  it('ends exactly when its hold-down does', () => {
    const world = held().pass(10 * SECOND - 1);
    expect(world.path('a')).toMatchObject({ state: 'held', alive: false });
    world.pass(1);
    expect(world.path('a')).toMatchObject({ state: 'up', alive: true, heldUntilUs: null });
    expect(world.path('a').cause).toBe('held for 10 s: icmp: reply from target-of-a in 900 us');
  });

  it('fails again by losses and by the link, and starts anew', () => {
    const world = held()
      .pass(9 * SECOND)
      .losses('a', 3);
    expect(world.path('a')).toMatchObject({ state: 'down', failures: 2 });
    world.replies('a', 2).pass(9 * SECOND);
    expect(world.path('a').state).toBe('held');
    world.link('a', false);
    expect(world.path('a')).toMatchObject({ state: 'down', failures: 3 });
  });

  it('does not end in the middle of a loss run', () => {
    const world = held()
      .losses('a')
      .pass(20 * SECOND);
    expect(world.path('a').state).toBe('held');
    world.replies('a');
    expect(world.path('a').state).toBe('up');
  });

  it('ends earlier when a reload shortens the hold-down', () => {
    const world = held().pass(5 * SECOND);
    world.send({ type: 'configure', policy: policy([uplink('a', { holdDownUs: 2 * SECOND }), uplink('b')]) });
    expect(world.path('a')).toMatchObject({ state: 'up', alive: true });
  });
});

describe('drained', () => {
  it('leaves to the alternate and comes back at once, without hold-down', () => {
    const world = pair().replies('a').send({ type: 'drain', uplink: 'a', by: 'api' });
    expect(world.path('a')).toMatchObject({ state: 'drained', alive: false, cause: 'drained by api', kept: null });
    expect(world.group().active).toEqual(['b']);
    world.pass(60 * SECOND).send({ type: 'undrain', uplink: 'a', by: 'api' });
    expect(world.path('a')).toMatchObject({ state: 'up', alive: true });
    expect(world.group().active).toEqual(['a']);
    expect(world.history('a')).toBe('init > up > drained > up');
    expect(world.recorded('operator').map((record) => record.what)).toEqual(['drain a', 'undrain a']);
  });

  it('goes on being judged below, and returns to what is true then', () => {
    const world = pair().replies('a').send({ type: 'drain', uplink: 'a', by: 'api' }).losses('a', 3);
    expect(world.path('a').state).toBe('drained');
    world.send({ type: 'undrain', uplink: 'a', by: 'api' });
    expect(world.path('a')).toMatchObject({ state: 'down', alive: false });
    expect(world.lastCause('a')).toMatch(/^undrained by api: icmp: 3 of 3 probes/);
    expect(world.path('a').cause).toMatch(/^icmp: 3 of 3 probes/);
  });

  it('is maintenance: failures meanwhile are neither damped nor held', () => {
    const world = pair().replies('a').send({ type: 'drain', uplink: 'a', by: 'api' });
    for (let i = 0; i < 5; i++) world.losses('a', 3).replies('a', 2);
    world.send({ type: 'undrain', uplink: 'a', by: 'api' });
    expect(world.path('a')).toMatchObject({ state: 'up', alive: true, failures: 5 });
    expect(world.path('a').damping.figureOfMerit).toBe(0);
  });

  it('is refused for the last live path, aloud, until another one is alive', () => {
    const world = World.connected(policy([uplink('a'), uplink('b')]))
      .replies('a')
      .losses('b', 3);
    world.send({ type: 'drain', uplink: 'a', by: 'api' });
    expect(world.path('a')).toMatchObject({
      state: 'drained',
      alive: true,
      kept: 'drained, but the only live IPv4 path',
    });
    expect(world.lastCause('a')).toBe('drained by api; drained, but the only live IPv4 path');
    expect(world.actions.some((action) => action.type === 'liveness')).toBe(false);
    world.replies('b', 2);
    expect(world.path('a')).toMatchObject({ state: 'drained', alive: false, kept: null });
    expect(world.path('b')).toMatchObject({ state: 'up', alive: true });
    expect(world.actions.filter((action) => action.type === 'liveness')).toEqual([
      expect.objectContaining({ uplink: 'b', alive: true }),
      expect.objectContaining({ uplink: 'a', alive: false, cause: 'b is used instead; drained by api' }),
    ]);
  });

  it('comes back into use when the alternates fail', () => {
    const world = pair().replies('a').send({ type: 'drain', uplink: 'a', by: 'api' }).losses('b', 3);
    expect(world.path('a')).toMatchObject({ state: 'drained', alive: true });
    expect(world.path('b')).toMatchObject({ state: 'down', alive: false });
  });

  it('twice is once', () => {
    const world = pair().replies('a').send({ type: 'drain', uplink: 'a', by: 'api' });
    world.send({ type: 'drain', uplink: 'a', by: 'cli' });
    expect(world.actions).toEqual([]);
    expect(world.path('a').cause).toBe('drained by api');
  });
});
