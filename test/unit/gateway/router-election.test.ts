/** Which node is elected, and when another one takes its place: docs/gateway-protocol.md, sections 6.1 and 6.2. */
import { describe, expect, it } from 'vitest';
import type { Offer } from '../../../src/gateway/wire/types.js';
import type { Family } from '../../../src/net/ip-address.js';
import type { RouterPolicy } from '../../../src/gateway/router/types.js';
import { familiesOf, MS, nodeId, RouterWorld, SECOND, SELF } from '../../helpers/gateway/router-world.js';

const cost = { preference: 0, metered: false, bytesLeft: null };

/** Two nodes that differ in one thing: the second is better by it, though the first comes first by its id. */
function better(second: Partial<Offer>, first: Partial<Offer> = {}, change: Partial<RouterPolicy> = {}): RouterWorld {
  return new RouterWorld(['a', 'b'], change).advertise('a', first).advertise('b', second).need([4, 6]);
}

describe('the order of election', () => {
  it.each<[string, Partial<Offer>, Partial<Offer>]>([
    ['offers less of what is needed', {}, { families: familiesOf('a', [4]) }],
    [
      'says less good of its own way out',
      { backhaul: [{ family: 4, state: 'good', lossPermille: 0, rttUs: 9, ageMs: 1 }] },
      { backhaul: [{ family: 4, state: 'bad', lossPermille: 999, rttUs: 9, ageMs: 1 }] },
    ],
    ['costs more (its preference)', { cost }, { cost: { ...cost, preference: 1 } }],
    ['metered', { cost }, { cost: { ...cost, metered: true } }],
    ['on battery', {}, { power: { batteryPercent: 90, charging: false } }],
    [
      'less capacity',
      { capacity: { downKbps: 20_000, upKbps: 1 } },
      { capacity: { downKbps: 9000, upKbps: 9_000_000 } },
    ],
    ['less capacity upwards', { capacity: { downKbps: 900, upKbps: 16 } }, { capacity: { downKbps: 901, upKbps: 15 } }],
  ])('puts a node behind another that is: %s', (why, second, first) => {
    const world = better(second, first);
    expect([world.stateOf('a'), world.stateOf('b')]).toEqual(['offered', 'electing']);
    expect(world.view('b')).toMatchObject({ rank: 1, why: 'electing as active; the best of 2' });
    expect(world.view('a')).toMatchObject({ rank: 2, why: `behind b: ${why}` });
  });

  it('takes the lower id where nothing else differs', () => {
    const world = new RouterWorld(['b', 'a']).advertise('b').advertise('a').need([]);
    expect(world.view('b').why).toBe('not needed; behind a: the other comes first by its id');
    expect(world.need([4]).stateOf('a')).toBe('electing');
  });

  it('takes capacities within a factor of two for equal, whatever is claimed', () => {
    const world = better({ capacity: { downKbps: 1023, upKbps: 0 } }, { capacity: { downKbps: 512, upKbps: 0 } });
    expect(world.view('a').rank).toBe(1);
    const liar = better({ capacity: { downKbps: 2 ** 32 - 1, upKbps: 2 ** 32 - 1 } });
    expect(liar.view('b').rank).toBe(1);
  });

  it('follows the policy program, before what nodes say of themselves', () => {
    const world = new RouterWorld(['a', 'b', 'c']).send({ type: 'preference', order: ['c', 'b'] });
    for (const name of ['a', 'b', 'c']) world.advertise(name, { cost: { ...cost, preference: name.charCodeAt(0) } });
    world.need([4]);
    expect(['a', 'b', 'c'].map((name) => world.view(name).rank)).toEqual([3, 2, 1]);
    expect(world.view('a').why).toBe('behind b: the policy program prefers another');
  });

  it('puts every metered node behind every other where they are to be avoided', () => {
    const [unmetered, metered] = [{ cost: { ...cost, preference: 9 } }, { cost: { ...cost, metered: true } }];
    expect(better(unmetered, metered).view('a').rank).toBe(1);
    expect(better(unmetered, metered, { metered: 'avoid' }).view('b').rank).toBe(1);
  });

  it('has nobody on a link where nothing is needed', () => {
    const world = better({}).need([]).answer('a');
    expect(world.after(SECOND).stateOf('b')).toBe('offered');
    expect(world.view('b').why).toMatch(/^not needed/);
  });
});

describe('a node cannot be elected', () => {
  it.each<[string, Partial<Offer>, Partial<RouterPolicy>]>([
    ['metered', { cost: { ...cost, metered: true } }, { metered: 'never' }],
    ['nobody has approved it', {}, { approval: 'manual' }],
    ['battery at 19 %, at least 20 % is asked for', { power: { batteryPercent: 19, charging: false } }, {}],
    ['it may carry no more bytes', { cost: { ...cost, bytesLeft: 0n } }, {}],
    ['no slot is free (2 of 2)', { slots: { total: 2, used: 2 } }, {}],
    ['a loop: its traffic passes this router', { path: ['b'.repeat(32), SELF] }, {}],
    ['offers no family', { families: [] }, {}],
  ])('%s', (why, offer, change) => {
    const world = new RouterWorld(['a'], change).need([4]).advertise('a', offer);
    expect(world.view('a')).toMatchObject({ state: 'offered', rank: null, why: `cannot be elected: ${why}` });
    expect(world.advertise('a', { slots: { total: 2, used: 1 } }).stateOf('a')).toBe(
      change.approval === 'manual' ? 'offered' : 'electing',
    );
  });

  it('that offers nothing of what is needed', () => {
    const world = new RouterWorld(['a']).need([6]).advertise('a', { families: familiesOf('a', [4]) });
    expect(world.view('a').why).toBe('cannot be elected: offers nothing of what is needed');
  });

  it('although it charges: then the battery does not count', () => {
    const world = new RouterWorld(['a']).need([4]);
    expect(world.advertise('a', { power: { batteryPercent: 1, charging: true } }).stateOf('a')).toBe('electing');
  });

  it('although no slot is free, when the slot is ours', () => {
    const world = new RouterWorld(['a']).need([4]);
    world.advertise('a', { slots: { total: 1, used: 1 }, lease: world.leaseOf('a', 9n) });
    expect(world.stateOf('a')).toBe('electing');
  });

  it('that is a router which this one serves, or leaves by one', () => {
    const world = new RouterWorld(['a', 'b']).send({ type: 'downstream', routers: [nodeId('a')] }).need([4]);
    world.advertise('a').advertise('b', { path: [nodeId('a')] });
    expect(world.view('a').why).toBe('cannot be elected: a loop: this router serves it');
    expect(world.view('b').why).toBe(`cannot be elected: a loop: its traffic passes ${nodeId('a')}`);
    expect(world.sent).toEqual([]);
    world.send({ type: 'downstream', routers: ['d'.repeat(32)] });
    expect(world.last('a').message).toMatchObject({ path: [SELF, 'd'.repeat(32)] });
  });

  it('whose byte budget on this router is used up', () => {
    const world = new RouterWorld(['a']).send({ type: 'budget', pairing: 'a', exhausted: true }).need([4]);
    expect(world.advertise('a').view('a').why).toBe('cannot be elected: the byte budget is used up');
    world.send({ type: 'budget', pairing: 'a', exhausted: false });
    expect(world.stateOf('a')).toBe('electing');
  });

  it('that flaps its offer: four ends within a minute, and it rests', () => {
    const world = new RouterWorld(['a']).need([]);
    for (let flap = 0; flap < 3; flap += 1) world.advertise('a').after(SECOND).withdraw('a');
    expect(world.advertise('a').stateOf('a')).toBe('offered');
    world.after(SECOND).withdraw('a').advertise('a');
    expect(world.view('a')).toMatchObject({
      state: 'resting',
      cause: 'its offer ended 4 times within a minute',
      restUntilUs: world.nowUs + 5 * SECOND,
    });
  });

  it('that confirms and then knows no such lease, over and over', () => {
    const world = new RouterWorld(['a']).need([4]).advertise('a');
    for (let turn = 0; turn < 4; turn += 1)
      world
        .answer('a')
        .after(4 * SECOND)
        .advertise('a')
        .refuse('a', 'no-such-lease');
    expect(world.stateOf('a')).toBe('resting');
  });
});

describe('roles', () => {
  it('are active for one of several, standby for the others', () => {
    const world = new RouterWorld(['a', 'b', 'c'], { maximumElected: 2 });
    for (const name of ['a', 'b', 'c']) world.advertise(name);
    world.need([4]).answer('a').answer('b');
    expect(world.elected).toMatchObject([
      { pairing: 'a', role: 'active' },
      { pairing: 'b', role: 'standby' },
    ]);
    expect(world.stateOf('c')).toBe('offered');
  });

  it('are divided by family where no node has both', () => {
    const world = new RouterWorld(['a', 'b'], { maximumElected: 2 });
    world.advertise('a', { families: familiesOf('a', [4]) }).advertise('b', { families: familiesOf('b', [6]) });
    world.need([4, 6]);
    expect(world.last('a').message).toMatchObject({ lease: { role: 'active' }, want: { families: [4] } });
    expect(world.last('b').message).toMatchObject({ lease: { role: 'active' }, want: { families: [6] } });
  });

  it('stay divided where one is elected that has a family more: what it is not asked for cannot be proved', () => {
    const world = new RouterWorld(['a', 'b']).advertise('b', { families: familiesOf('b', [4]) }).need([4, 6]);
    world
      .answer('b')
      .live(3 * SECOND, ['b'])
      .advertise('a')
      .live(100 * SECOND, ['a', 'b']);
    expect(world.elected).toMatchObject([
      { pairing: 'a', role: 'active', families: [{ family: 6 }], leaving: false },
      { pairing: 'b', role: 'active', families: [{ family: 4 }], leaving: false },
    ]);
  });

  it('stay where they are while no path works, whoever comes first by the policy program', () => {
    const world = new RouterWorld(['a', 'b', 'c'], { maximumElected: 2 }).send({ type: 'preference', order: ['b'] });
    world.need([4]);
    for (const name of ['b', 'c', 'a']) world.advertise(name).answer(name).measure(name, 'bad');
    world.measure('c', 'bad').measure('a', 'bad');
    const sent = world.sent.length;
    world.send({ type: 'tick' }).send({ type: 'tick' });
    expect(world.sent.length).toBe(sent);
  });

  it('are standby for one node while a warm one is wanted, and change to active by RENEW', () => {
    const world = new RouterWorld(['a', 'b'], { maximumElected: 2 }).advertise('a').advertise('b').need([], [4, 6]);
    expect(world.answer('a').elected).toMatchObject([{ pairing: 'a', role: 'standby' }]);
    expect(world.stateOf('b')).toBe('offered');
    world.need([4], [4, 6]);
    expect(world.last('a').message).toMatchObject({
      type: 'renew',
      lease: { role: 'active' },
      want: { families: [4, 6] },
    });
    expect(world.elected).toMatchObject([{ pairing: 'a', role: 'active' }]);
  });

  it('are repeated until they are answered', () => {
    const world = new RouterWorld(['a']).advertise('a').need([], [4]).answer('a').need([4], []);
    world.after(100 * MS);
    expect(world.sent.filter(({ message }) => message.lease.role === 'active').length).toBe(3);
    world.answer('a').after(100 * MS);
    expect(world.sent.filter(({ message }) => message.lease.role === 'active').length).toBe(3);
  });
});

describe('a better node', () => {
  const cheap = { cost };
  const dear = { cost: { ...cost, preference: 5 } };
  /** `b` has just been elected. */
  const beginner = (change: Partial<RouterPolicy> = {}, offer: Partial<Offer> = dear): RouterWorld =>
    new RouterWorld(['a', 'b'], change).advertise('b', offer).need([4]).answer('b').measure('b', 'good');
  /** `b` is elected, `a` comes later. */
  const incumbent = (change: Partial<RouterPolicy> = {}, offer: Partial<Offer> = dear): RouterWorld =>
    beginner(change, offer).live(2 * SECOND, ['b']);

  it('does not take over before it has been better for as long as is configured', () => {
    const world = incumbent().advertise('a', cheap);
    world.live(29 * SECOND, ['a', 'b'], ['b']);
    expect(world.stateOf('a')).toBe('offered');
    expect(world.view('a').why).toBe('the best of 2; takes over in 1 s if it stays so');
    world.live(2 * SECOND, ['a', 'b'], ['b']);
    expect(['electing', 'elected']).toContain(world.stateOf('a'));
  });

  it('takes over without waiting when it is heard, or heard out, within 2 s of the election', () => {
    const backhaul = (state: 'good' | 'unknown') => [
      { family: 4 as const, state, lossPermille: 0, rttUs: 9, ageMs: 1 },
    ];
    const incomplete = new RouterWorld(['a', 'b'])
      .advertise('b')
      .advertise('a', { backhaul: backhaul('unknown'), cost: { ...cost, preference: 1 } })
      .need([4])
      .answer('b')
      .after(300 * MS)
      .advertise('a', { backhaul: backhaul('good') });
    const late = beginner()
      .after(1999 * MS)
      .advertise('a', cheap);
    for (const world of [incomplete, late]) {
      expect(world.last('a').message).toMatchObject({ type: 'elect', lease: { role: 'standby' } });
      expect(world.view('b').lease?.role).toBe('active');
      world.answer('a').live(3 * SECOND, ['a', 'b']);
      expect(world.elected).toMatchObject([
        { pairing: 'a', role: 'active' },
        { pairing: 'b', leaving: true },
      ]);
    }
  });

  it('takes over without waiting where both have a place, too', () => {
    const world = beginner({ maximumElected: 2 }).after(SECOND).advertise('a', cheap).answer('a');
    world.live(3 * SECOND, ['a', 'b']);
    expect(world.elected).toMatchObject([
      { pairing: 'a', role: 'active' },
      { pairing: 'b', role: 'standby', leaving: false },
    ]);
  });

  it('waits for the answer of the one that is being elected, which traffic waits for', () => {
    const world = new RouterWorld(['a', 'b'])
      .advertise('b', dear)
      .need([4])
      .after(5 * MS)
      .advertise('a', cheap);
    expect([world.stateOf('a'), world.stateOf('b')]).toEqual(['offered', 'electing']);
    world.answer('b');
    expect([world.stateOf('a'), world.stateOf('b')]).toEqual(['electing', 'elected']);
  });

  it('waits as ever when it comes back from a failure, or when the other one was there before the router', () => {
    const back = new RouterWorld(['a', 'b']).advertise('a', cheap).advertise('b', dear).need([4]).answer('a');
    back.withdraw('a', back.view('a').lease!.number).answer('b').after(SECOND).advertise('a', cheap);
    expect([back.stateOf('a'), back.stateOf('b')]).toEqual(['offered', 'elected']);
    const { leases, nowUs } = incumbent();
    const restarted = new RouterWorld(['a', 'b'], {}, 8);
    restarted.nowUs = nowUs;
    restarted.send({ type: 'restore', leases }).need([4]).answer('b').advertise('a', cheap).advertise('b', dear);
    expect([restarted.stateOf('a'), restarted.stateOf('b')]).toEqual(['offered', 'elected']);
  });

  it('does not take over when it was better only now and then', () => {
    const world = incumbent().advertise('a', cheap);
    for (let turn = 0; turn < 4; turn += 1) {
      world.live(20 * SECOND, ['a', 'b'], ['b']).advertise('a', { cost: { ...cost, preference: 6 } });
      world.live(SECOND, ['a', 'b'], ['b']).advertise('a', cheap);
    }
    expect(world.typesTo('a')).toEqual([]);
  });

  it('is made before the old one is broken: standby, measured, roles swapped one after the other, the old one left', () => {
    const world = incumbent({ switchAfterUs: 0 }).advertise('a', cheap);
    expect(world.last('a').message).toMatchObject({ type: 'elect', lease: { role: 'standby' } });
    world.answer('a');
    expect(world.elected).toMatchObject([
      { pairing: 'a', role: 'standby' },
      { pairing: 'b', role: 'active', leaving: false },
    ]);
    world.measure('a', 'good');
    expect(world.last('b').message).toMatchObject({ type: 'renew', lease: { role: 'standby' } });
    expect(world.last('a').message).toMatchObject({ lease: { role: 'standby' } });
    world.answer('b');
    expect(world.last('a').message).toMatchObject({ type: 'renew', lease: { role: 'active' } });
    expect(world.stateOf('b')).toBe('elected');
    world.answer('a');
    expect(world.elected).toMatchObject([
      { pairing: 'a', role: 'active', leaving: false },
      { pairing: 'b', role: 'standby', leaving: true },
    ]);
    world.left('b');
    expect(world.last('b').message).toMatchObject({ type: 'release', reason: { code: 'other-is-better' } });
  });

  it('does not replace anybody while its own path is not found good', () => {
    const world = incumbent({ switchAfterUs: 0 }).advertise('a', cheap).answer('a').measure('a', 'bad');
    world.live(2 * SECOND, ['a', 'b'], ['b']);
    expect(world.view('b').lease?.role).toBe('active');
    world.live(2 * SECOND, ['a', 'b'], ['b']);
    expect(world.stateOf('a')).toBe('resting');
    expect(world.elected).toMatchObject([{ pairing: 'b', role: 'active', leaving: false }]);
  });

  it('takes over at once when the elected one is found bad, and as active: its predecessor carries nothing', () => {
    const world = incumbent().advertise('a', { cost: { ...cost, preference: 9 } });
    expect(world.stateOf('a')).toBe('offered');
    world.measure('b', 'bad');
    expect(world.last('a').message).toMatchObject({ type: 'elect', lease: { role: 'active' } });
    expect(world.last('b').message).toMatchObject({ type: 'renew', lease: { role: 'standby' } });
    expect(world.elected).toMatchObject([{ pairing: 'b', leaving: false }]);
  });

  it('takes over at once when it has a needed family that the elected one lacks', () => {
    const world = incumbent({}, { families: familiesOf('b', [4]) }).advertise('a');
    expect(world.stateOf('a')).toBe('offered');
    expect(world.need([4, 6]).stateOf('a')).toBe('electing');
  });

  it('takes over from one that may not be used any longer, which stays until then', () => {
    const world = incumbent().advertise('a', { cost: { ...cost, preference: 9 } });
    world.send({ type: 'budget', pairing: 'b', exhausted: true });
    expect([world.stateOf('a'), world.stateOf('b')]).toEqual(['electing', 'elected']);
    world.answer('a').measure('a', 'good').answer('b').answer('a');
    expect([world.stateOf('a'), world.stateOf('b')]).toEqual(['elected', 'leaving']);
    expect(world.left('b').last('b').message).toMatchObject({ type: 'release', reason: { code: 'budget' } });
  });

  it('takes over from one that a person releases, which is left at once', () => {
    const world = incumbent().advertise('a').operator('release', 'b');
    expect([world.stateOf('a'), world.stateOf('b')]).toEqual(['electing', 'leaving']);
    expect(world.operator('auto', 'b').view('b').operator).toBeNull();
  });

  it('is waited for by one that a person releases, which says that it carries on', () => {
    const world = incumbent().operator('release', 'b');
    const why = 'cannot be elected: released by Ada';
    expect(world.view('b')).toMatchObject({ state: 'leaving', why: `${why}; carries on until something else works` });
    expect(world.left('b').answer('b').view('b')).toMatchObject({ state: 'offered', why });
  });
});

describe('a node whose path was found bad', () => {
  const cheap = { cost };
  const dear = { cost: { ...cost, preference: 5 } };
  const PATIENCE = { switchAfterUs: 2 * SECOND };
  /** `b` is elected, `a` boasts. */
  const boasted = (families: Family[] = [4]): RouterWorld =>
    new RouterWorld(['a', 'b'], PATIENCE)
      .advertise('b', dear)
      .need(families)
      .answer('b')
      .measure('b', 'good')
      .advertise('a', cheap);
  const tried = (world: RouterWorld): RouterWorld => {
    while (world.stateOf('a') !== 'elected') world.live(100 * MS, ['a', 'b'], ['b']);
    return world;
  };
  const dismissed = (world: RouterWorld): RouterWorld => {
    expect(world.stateOf('a')).toBe('leaving');
    world.left('a');
    expect(world.last('a').message).toMatchObject({ type: 'release', reason: { code: 'path-fails' } });
    return world.answer('a');
  };

  it('rests when it has to go for a better one, and twice as long when it is tried and found bad again', () => {
    const world = boasted();
    for (const restS of [5, 10, 20]) {
      dismissed(tried(world).measure('a', 'bad'));
      expect(world.view('a')).toMatchObject({
        state: 'resting',
        cause: 'released: b is better: its path was found bad',
        restUntilUs: world.nowUs + restS * SECOND,
      });
      world.live(restS * SECOND - 1, ['a', 'b'], ['b']);
      expect(world.stateOf('a')).toBe('resting');
    }
  });

  it('rests no longer than before when it has done without failure for as long as the longest rest', () => {
    const world = boasted();
    dismissed(tried(world).measure('a', 'bad'));
    tried(world).live(85 * SECOND, ['a', 'b']);
    expect(world.view('a').lease?.role).toBe('active');
    dismissed(world.measure('a', 'bad').live(100 * MS, ['b']));
    expect(world.view('a')).toMatchObject({ state: 'resting', restUntilUs: world.nowUs + 5 * SECOND });
  });

  it('rests when that was so in one family only, and the other one has both', () => {
    const world = dismissed(
      tried(boasted([4, 6]))
        .measure('a', 'bad', [6])
        .measure('a', 'bad', [6]),
    );
    expect(world.stateOf('a')).toBe('resting');
  });

  it('rests whatever else it has to go for', () => {
    const world = new RouterWorld(['a']).elect('a').measure('a', 'bad').operator('release', 'a').left('a');
    const reason = { code: 'path-fails', text: 'released by Ada; its path was found bad' };
    expect(world.last('a').message).toMatchObject({ type: 'release', reason });
    expect(world.answer('a').stateOf('a')).toBe('resting');
  });

  it('rests when nothing is needed any more, but not when it works in one family', () => {
    for (const [bad, after] of [
      [[4, 6], 'resting'],
      [[6], 'offered'],
    ] as const) {
      const world = new RouterWorld(['a']).elect('a', [4, 6]).measure('a', 'bad', bad).need([]).left('a').answer('a');
      expect(world.stateOf('a')).toBe(after);
    }
  });
});

describe('a node that a person elects', () => {
  it('is elected although nothing is needed, as standby', () => {
    const world = new RouterWorld(['a', 'b']).advertise('a').advertise('b').need([]).operator('elect', 'b').answer('b');
    expect(world.elected).toMatchObject([{ pairing: 'b', role: 'standby' }]);
    expect(world.need([4]).elected).toMatchObject([{ pairing: 'b', role: 'active' }]);
    expect(world.need([]).stateOf('b')).toBe('elected');
    expect(world.operator('auto', 'b').stateOf('b')).toBe('leaving');
  });
});

describe('a pairing', () => {
  it('that ends is released once, while its key is there, and forgotten', () => {
    const world = new RouterWorld(['a']).elect('a').send({ type: 'pairings', pairings: [] });
    expect(world.last('a').message).toMatchObject({ type: 'release', reason: { code: 'operator' } });
    expect(world.elected).toEqual([]);
    expect(world.records.at(-1)).toMatchObject({ gateway: 'a', to: 'absent' });
    expect(world.state.nodes.size).toBe(0);
  });

  it('that is approved may be elected', () => {
    const world = new RouterWorld(['a'], { approval: 'manual' }).need([4]).advertise('a');
    world.send({ type: 'pairings', pairings: [{ name: 'a', peer: null, approved: true }] });
    expect(world.stateOf('a')).toBe('electing');
  });
});

describe('a router that could not use a node now', () => {
  it('elects nobody, also not by hand, says why, and elects when that is over', () => {
    const world = new RouterWorld(['a']).hindered([4], 'nft is missing').advertise('a');
    world.send({ type: 'operator', what: 'elect', pairing: 'a', by: 'a person' });
    expect(world.view('a')).toMatchObject({ state: 'offered', rank: 1, why: 'not elected: nft is missing' });
    expect(world.need([4]).stateOf('a')).toBe('electing');
  });

  it('keeps whom it has elected, and takes nobody else in its place', () => {
    const world = new RouterWorld(['b', 'a'], { maximumElected: 2 });
    world.elect('b').hindered([4], 'nft is missing').advertise('a');
    expect([world.stateOf('b'), world.stateOf('a')]).toEqual(['elected', 'offered']);
  });
});

describe('a node on several links', () => {
  it('is believed on one of them, until that is silent for two intervals', () => {
    const world = new RouterWorld(['a']).need([]).advertise('a');
    const origin = { ...world.view('a').origin!, ifindex: 9, ifname: 'lan9' };
    const elsewhere = () => {
      const received = {
        pairing: 'a',
        origin,
        atUs: world.nowUs,
        header: { sender: nodeId('a'), receiver: SELF, order: world.nextOrder('a') },
      };
      const message = {
        type: 'advertise' as const,
        intervalMs: 1000,
        families: familiesOf('a', [4]),
        backhaul: [],
        path: [],
      };
      return world.send({ type: 'message', received: { ...received, message } });
    };
    expect(elsewhere().view('a').origin?.ifname).toBe('lan0');
    world.after(2 * SECOND);
    expect(elsewhere().view('a').origin?.ifname).toBe('lan0');
    world.after(1);
    expect(elsewhere().view('a').origin?.ifname).toBe('lan9');
  });
});
