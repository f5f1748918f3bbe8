/** The rows of docs/gateway-protocol.md, section 6, one by one. */
import { describe, expect, it } from 'vitest';
import { MS, RouterWorld, SECOND, SELF } from '../../helpers/gateway/router-world.js';

const one = (): RouterWorld => new RouterWorld(['a']);
const electing = (): RouterWorld => one().advertise('a').need([4]);
const elected = (): RouterWorld => one().elect('a');
const leaving = (): RouterWorld => elected().need([]);
const releasing = (): RouterWorld => leaving().left('a');
const resting = (): RouterWorld => electing().refuse('a');

describe('a node that is absent', () => {
  it('is offered once it advertises', () => {
    const world = one().need([]);
    expect(world.stateOf('a')).toBe('absent');
    expect(world.advertise('a').stateOf('a')).toBe('offered');
  });

  it('is adopted by RENEW when it holds a lease of ours and something is needed', () => {
    const world = one().need([4]);
    world.advertise('a', { lease: world.leaseOf('a', 77n) });
    expect(world.stateOf('a')).toBe('electing');
    expect(world.last('a').message).toMatchObject({ type: 'renew', lease: { router: SELF, number: 77n } });
    expect(world.answer('a').stateOf('a')).toBe('elected');
  });

  it('is released when it holds a lease of ours and nothing is needed', () => {
    const world = one().need([]);
    world.advertise('a', { lease: world.leaseOf('a', 77n) });
    expect(world.stateOf('a')).toBe('releasing');
    expect(world.last('a').message).toMatchObject({ type: 'release', lease: { number: 77n } });
    expect(world.answer('a').stateOf('a')).toBe('offered');
  });
});

describe('a node that is offered', () => {
  it('is forgotten when it withdraws', () => {
    expect(one().need([]).advertise('a').withdraw('a').stateOf('a')).toBe('absent');
  });

  it('is forgotten when it is not heard within 3.5 intervals, and not before', () => {
    const world = one().need([]).advertise('a');
    expect(world.after(3499 * MS).stateOf('a')).toBe('offered');
    expect(world.after(1 * MS).stateOf('a')).toBe('absent');
  });

  it('is sent ELECT in the step that makes it wanted, whichever comes last', () => {
    for (const world of [one().advertise('a').need([4]), one().need([4]).advertise('a')]) {
      expect(world.stateOf('a')).toBe('electing');
      expect(world.last('a').message).toMatchObject({
        type: 'elect',
        lease: { router: SELF, role: 'active', leftMs: 15_000 },
        want: { families: [4], wayBack: 'router' },
        path: [SELF],
      });
      expect(world.last('a').message.lease.number).not.toBe(0n);
    }
  });

  it('is not elected before the controller has said what is needed', () => {
    expect(one().advertise('a').after(SECOND).stateOf('a')).toBe('offered');
  });
});

describe('a node that is being elected', () => {
  it('is elected by ACCEPT, and known to the shell', () => {
    const world = electing().answer('a');
    expect(world.stateOf('a')).toBe('elected');
    expect(world.elected).toMatchObject([{ pairing: 'a', role: 'active', leaving: false, families: [{ family: 4 }] }]);
    expect(world.leases).toMatchObject([{ pairing: 'a', number: world.last('a').message.lease.number }]);
  });

  it('rests when it refuses', () => {
    const world = resting();
    expect(world.view('a')).toMatchObject({ state: 'resting', lease: null, restUntilUs: world.nowUs + 5 * SECOND });
  });

  it('is asked after 20, 40, 80 ms and so on, each time with a new order, and given up after 8', () => {
    const world = electing();
    const startUs = world.nowUs;
    world.after(2539 * MS);
    const times = world.sent.map(({ atUs }) => (atUs - startUs) / MS);
    expect(times).toEqual([0, 20, 60, 140, 300, 620, 1260, 1900]);
    expect(new Set(world.sent.map(({ order }) => order)).size).toBe(8);
    world.after(1 * MS);
    expect(world.stateOf('a')).toBe('releasing');
    expect(world.last('a').message).toMatchObject({ type: 'release', reason: { code: 'path-fails' } });
    expect(world.answer('a').stateOf('a')).toBe('resting');
  });

  it('is given up after 5 attempts when another one is there', () => {
    const world = new RouterWorld(['a', 'b']).advertise('a').advertise('b').need([4]);
    world.after(619 * MS);
    expect([world.stateOf('a'), world.stateOf('b')]).toEqual(['electing', 'offered']);
    world.after(1 * MS);
    expect([world.stateOf('a'), world.stateOf('b')]).toEqual(['releasing', 'electing']);
  });

  it('is asked anew, at once, when it advertises the lease: its answers were lost', () => {
    const world = electing().after(2000 * MS);
    const { number } = world.last('a').message.lease;
    world.advertise('a', { lease: world.leaseOf('a', number) });
    expect(world.last('a')).toMatchObject({ atUs: world.nowUs, message: { type: 'elect', lease: { number } } });
    world.after(2500 * MS);
    expect(world.stateOf('a')).toBe('electing');
    expect(world.sent.length).toBe(16);
    expect(world.answer('a').stateOf('a')).toBe('elected');
  });

  it('is asked anew once only: then it is given up, whatever it advertises', () => {
    const world = electing();
    const { number } = world.last('a').message.lease;
    for (let second = 0; second < 4; second += 1)
      world.after(900 * MS).advertise('a', { lease: world.leaseOf('a', number) });
    expect(world.stateOf('a')).toBe('releasing');
    expect(world.typesTo('a').filter((type) => type === 'elect').length).toBe(6 + 8);
  });

  it('is not asked anew for advertising nothing, or another lease', () => {
    const world = electing().after(2000 * MS);
    const before = world.sent.length;
    world.advertise('a').advertise('a', { lease: world.leaseOf('a', 5n) });
    expect(world.sent.length).toBe(before);
  });

  it('is released when it is no longer wanted', () => {
    const world = electing().need([]);
    expect(world.stateOf('a')).toBe('releasing');
    expect(world.last('a').message.type).toBe('release');
  });

  it('counts and ignores an answer that echoes nothing of ours', () => {
    const world = electing();
    const { message, order } = world.last('a');
    const accept = { type: 'accept' as const, lease: message.lease, families: [] };
    world.hear('a', { ...accept, echo: order + 1n });
    world.hear('a', { ...accept, lease: { ...message.lease, number: message.lease.number + 1n }, echo: order });
    world.hear('a', { ...accept, lease: { ...message.lease, router: 'f'.repeat(32) }, echo: order });
    expect(world.stateOf('a')).toBe('electing');
    expect(world.discarded).toBe(3);
  });

  it('is not answered for by another machine with the same key', () => {
    const world = electing();
    const { message, order: echo } = world.last('a');
    const families = [] as never[];
    world.hear('a', { type: 'accept', lease: message.lease, echo, families }, undefined, 'e'.repeat(32));
    expect(world.stateOf('a')).toBe('electing');
  });

  it('is given up when it confirms no family that is wanted', () => {
    const world = electing();
    const { message, order: echo } = world.last('a');
    world.hear('a', { type: 'accept', lease: message.lease, echo, families: [] });
    expect(world.stateOf('a')).toBe('releasing');
  });
});

describe('a node that is elected', () => {
  it('is sent RENEW within a fifth of the lease, shortened by up to a quarter', () => {
    const world = elected();
    const startUs = world.last('a').atUs;
    world.after(3 * SECOND);
    const renewed = world.sent.find(({ message }) => message.type === 'renew');
    expect(renewed!.atUs - startUs).toBeGreaterThanOrEqual(2250 * MS);
    expect(renewed!.atUs - startUs).toBeLessThanOrEqual(3000 * MS);
  });

  it('has a lease that counts from when the confirmed message was sent, not from when the answer came', () => {
    const world = electing();
    const sentUs = world.nowUs;
    world.nowUs += 15 * MS;
    world.answer('a');
    expect(world.view('a').lease?.endsUs).toBe(sentUs + 15 * SECOND);
  });

  it('has no longer lease than the node grants', () => {
    const world = electing();
    const sentUs = world.nowUs;
    world.answer('a', { leftMs: 4000 });
    expect(world.view('a').lease?.endsUs).toBe(sentUs + 4 * SECOND);
  });

  it('keeps its lease for as long as RENEW is answered', () => {
    const world = elected().live(60 * SECOND, ['a']);
    expect(world.stateOf('a')).toBe('elected');
    expect(world.view('a').lease!.endsUs).toBeGreaterThan(world.nowUs + 11 * SECOND);
  });

  it('is gone at the end of its lease, after RENEW was repeated until then', () => {
    const world = elected();
    world.after(15 * SECOND - 1);
    expect(world.stateOf('a')).toBe('elected');
    expect(world.typesTo('a').filter((type) => type === 'renew').length).toBeGreaterThan(15);
    world.after(1);
    expect(world.stateOf('a')).toBe('resting');
    expect(world.elected).toEqual([]);
    expect(world.leases).toEqual([]);
  });

  it('is gone at once when it withdraws this lease', () => {
    const world = elected();
    world.withdraw('a', world.view('a').lease!.number);
    expect(world.stateOf('a')).toBe('absent');
    expect(world.elected).toEqual([]);
  });

  it('is asked by RENEW when it withdraws another lease or none', () => {
    for (const number of [undefined, 5n]) {
      const world = elected().withdraw('a', number);
      expect(world.stateOf('a')).toBe('elected');
      expect(world.last('a').message.type).toBe('renew');
    }
  });

  it('is asked by RENEW when it advertises without the lease, and elected anew when it has none', () => {
    const world = elected();
    const { number } = world.view('a').lease!;
    world.advertise('a', { lease: world.leaseOf('a', number + 1n) });
    expect(world.last('a').message).toMatchObject({ type: 'renew', lease: { number } });
    world.refuse('a', 'no-such-lease');
    expect(world.stateOf('a')).toBe('electing');
    expect(world.last('a').message).toMatchObject({ type: 'renew', lease: { number: number + 1n } });
  });

  it('rests when it refuses RENEW for another reason', () => {
    const world = elected()
      .after(3 * SECOND)
      .refuse('a', 'arming-failed');
    expect(world.stateOf('a')).toBe('resting');
    expect(world.elected).toEqual([]);
  });

  it('is left first when nothing is needed any more, and keeps its lease meanwhile', () => {
    const world = leaving();
    expect(world.stateOf('a')).toBe('leaving');
    expect(world.elected).toMatchObject([{ leaving: true, role: 'standby' }]);
    expect(world.last('a').message).toMatchObject({ type: 'renew', lease: { role: 'standby' } });
    world.answer('a').live(20 * SECOND, ['a']);
    expect(world.stateOf('a')).toBe('leaving');
  });

  it('is released and rests when its path is bad for 3 s, in every family asked of it', () => {
    const world = elected().measure('a', 'bad', [6]);
    world.live(4 * SECOND, ['a'], []);
    expect(world.stateOf('a')).toBe('elected');
    world.measure('a', 'bad', [4]).after(3 * SECOND - 1);
    expect(world.stateOf('a')).toBe('elected');
    world.after(1);
    expect(world.stateOf('a')).toBe('releasing');
    expect(world.last('a').message).toMatchObject({ type: 'release', reason: { code: 'path-fails' } });
    expect(world.answer('a').stateOf('a')).toBe('resting');
  });

  it('is not given up for a path that was bad for less', () => {
    const world = elected()
      .measure('a', 'bad')
      .after(2 * SECOND)
      .measure('a', 'good')
      .after(2 * SECOND);
    expect(
      world
        .measure('a', 'bad')
        .after(2 * SECOND)
        .stateOf('a'),
    ).toBe('elected');
  });
});

describe('a node that is being left', () => {
  it('is sent RELEASE once no traffic goes to it', () => {
    const world = releasing();
    expect(world.stateOf('a')).toBe('releasing');
    expect(world.last('a').message).toMatchObject({ type: 'release', reason: { code: 're-established' } });
    expect(world.elected).toEqual([]);
  });

  it('stays when it is wanted again', () => {
    const world = leaving().answer('a').need([4]);
    expect(world.stateOf('a')).toBe('elected');
    expect(world.last('a').message).toMatchObject({ type: 'renew', lease: { role: 'active' } });
    expect(world.elected).toMatchObject([{ leaving: false, role: 'active' }]);
  });

  it('is not taken for left by word about a node that is not being left', () => {
    expect(elected().left('a').stateOf('a')).toBe('elected');
  });
});

describe('a node that is being released', () => {
  it('is offered again after RELEASED', () => {
    const world = releasing().answer('a');
    expect(world.stateOf('a')).toBe('offered');
    expect(world.actions).toContainEqual(expect.objectContaining({ type: 'usage', pairing: 'a' }));
  });

  it('is sent RELEASE until the lease has ended on the node, too', () => {
    const world = releasing();
    const renewedUs = world.sent.findLast(({ message }) => message.type === 'renew')!.atUs;
    world.after(renewedUs + 15 * SECOND - 1 - world.nowUs);
    expect(world.stateOf('a')).toBe('releasing');
    expect(world.typesTo('a').filter((type) => type === 'release').length).toBeGreaterThan(20);
    world.after(1);
    expect(world.stateOf('a')).toBe('absent');
  });

  it('is elected anew, with a new number, once it is released and wanted again', () => {
    const world = releasing();
    const { number } = world.last('a').message.lease;
    world.need([4]);
    expect(world.stateOf('a')).toBe('releasing');
    world.answer('a');
    expect(world.stateOf('a')).toBe('electing');
    expect(world.last('a').message.lease.number).not.toBe(number);
  });

  it('has the slot free that it gave back, though it last advertised when it had none but had not answered yet', () => {
    const full = electing()
      .advertise('a', { slots: { total: 1, used: 1 } })
      .answer('a');
    expect(full.need([]).left('a').answer('a').stateOf('a')).toBe('offered');
    expect(full.need([4]).stateOf('a')).toBe('electing');
  });

  it('has no slot free when it says so after that', () => {
    const full = electing()
      .advertise('a', { slots: { total: 1, used: 1 } })
      .answer('a')
      .need([])
      .left('a');
    for (const world of [full.advertise('a', { slots: { total: 1, used: 1 } }).answer('a'), full]) {
      world.advertise('a', { slots: { total: 1, used: 1 } });
      expect(world.need([4]).view('a')).toMatchObject({ state: 'offered', rank: null });
    }
  });

  it('is not released twice for speaking of the lease that is over', () => {
    const world = releasing();
    const { number } = world.last('a').message.lease;
    world.answer('a');
    const count = world.sent.length;
    world.advertise('a', { lease: world.leaseOf('a', number) });
    expect(world.sent.length).toBe(count);
  });
});

describe('a node that rests', () => {
  it('is not elected before the rest is over, then at once', () => {
    const world = resting();
    for (let second = 0; second < 4; second += 1) world.after(SECOND).advertise('a');
    expect(world.stateOf('a')).toBe('resting');
    world.after(SECOND);
    expect(world.stateOf('a')).toBe('electing');
  });

  it('rests twice as long each time, up to the longest', () => {
    const world = electing();
    const rests: number[] = [];
    for (let failure = 0; failure < 7; failure += 1) {
      world.refuse('a');
      const restUs = world.view('a').restUntilUs! - world.nowUs;
      rests.push(restUs / SECOND);
      world
        .after(restUs - 1)
        .advertise('a')
        .after(1);
    }
    expect(rests).toEqual([5, 10, 20, 40, 80, 80, 80]);
  });

  it('is forgiven after the longest rest without a failure', () => {
    const world = elected();
    world.live(100 * SECOND, ['a']);
    world
      .after(3 * SECOND)
      .refuse('a', 'busy')
      .advertise('a')
      .after(5 * SECOND);
    expect(world.stateOf('a')).not.toBe('resting');
  });

  it('is still at rest when it comes back from silence', () => {
    const world = resting().withdraw('a').after(SECOND).advertise('a');
    expect(world.stateOf('a')).toBe('resting');
  });

  it('is elected at once when a person asks for it', () => {
    expect(resting().operator('elect', 'a').stateOf('a')).toBe('electing');
  });
});

describe('a router that stops', () => {
  it('releases everybody, and sends nothing but RELEASE from then on', () => {
    const world = elected().send({ type: 'stop', reason: { code: 'shutting-down', text: 'stopped' } });
    expect(world.last('a').message).toMatchObject({ type: 'release', reason: { code: 'shutting-down' } });
    expect(world.elected).toEqual([]);
    const before = world.sent.length;
    world
      .after(100 * MS)
      .need([4])
      .advertise('a')
      .after(SECOND);
    expect(world.sent.slice(before).every(({ message }) => message.type === 'release')).toBe(true);
    world.answer('a');
    expect(world.stateOf('a')).not.toBe('releasing');
  });
});

describe('a router that starts again within a lease', () => {
  const restarted = (lateUs = 0): RouterWorld => {
    const before = elected().answer('a');
    const world = new RouterWorld(['a'], {}, 8);
    world.nowUs = before.nowUs + lateUs;
    return world.send({ type: 'restore', leases: before.leases });
  };

  it('keeps the node and renews at once, before anything is known of the need', () => {
    const world = restarted();
    expect(world.stateOf('a')).toBe('elected');
    expect(world.last('a').message.type).toBe('renew');
    expect(world.last('a').order >> 32n).toBe(8n);
    expect(world.answer('a').need([4]).answer('a').stateOf('a')).toBe('elected');
  });

  it('takes up no lease that has ended', () => {
    expect(restarted(15 * SECOND).stateOf('a')).toBe('absent');
  });
});
