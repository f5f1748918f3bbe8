/** What the node's machine does beyond single lines of its table. */
import { describe, expect, it } from 'vitest';
import { isStopped, leaseViews, nextDeadlineUs } from '../../../src/gateway/node/machine.js';
import {
  condition,
  MS,
  NODE_EPOCH,
  NODE_ID,
  NodeRig,
  originOf,
  ROUTER_IDS,
  SECOND,
  V4,
  V6,
} from '../../helpers/gateway/node-rig.js';

const BATTERY = { code: 'battery', text: '9 %' } as const;

describe('a node at its start', () => {
  it('asks first of all that what an earlier run left is taken back', () => {
    const rig = new NodeRig();
    expect(rig.actions[0]).toEqual({ type: 'apply', version: 1, leases: [] });
  });

  it('offers nothing before it knows its condition', () => {
    const rig = new NodeRig({ ready: false }).pass(10 * SECOND);
    expect(rig.sent()).toEqual([]);
    expect(nextDeadlineUs(rig.state)).toBeNull();
    expect(rig.say('home', 'elect', { echo: (BigInt(NODE_EPOCH) << 32n) + 1n }).discarded()).toEqual(['echo']);
  });

  it('tells that it cannot offer anything, so that routers learn of its new epoch', () => {
    const rig = new NodeRig({ ready: false }).condition({ obstacle: BATTERY });
    expect(rig.answers()).toEqual(['withdraw battery']);
    expect(rig.pass(SECOND).answers()).toEqual(['withdraw battery', 'withdraw battery']);
  });

  it('numbers its messages upwards within its epoch, whatever their type and pairing', () => {
    const rig = new NodeRig({ routers: ['home', 'shed'] }).elect().pass(5 * SECOND);
    const orders = rig.actions.flatMap((action) => (action.type === 'send' ? [action.outgoing.order] : []));
    expect(orders).toEqual(orders.map((_, index) => (BigInt(NODE_EPOCH) << 32n) + BigInt(index + 1)));
  });
});

describe('the echo', () => {
  const epoch = BigInt(NODE_EPOCH) << 32n;
  for (const type of ['elect', 'renew', 'release'] as const) {
    it(`of ${type} must be an order of this epoch that was given`, () => {
      const rig = new NodeRig();
      const newest = rig.newestOrder();
      for (const echo of [0n, epoch - 1n, epoch, newest + 1n, epoch + (1n << 32n) + 1n, 2n ** 64n - 1n]) {
        rig.say('home', type, { echo });
        expect(rig.last.map((action) => action.type)).toEqual(['discarded']);
        expect(rig.discarded()).toEqual(['echo']);
      }
      expect(rig.say('home', type, { echo: newest }).discarded()).toEqual([]);
    });
  }

  it('in answers is the order of the message that is answered', () => {
    const rig = new NodeRig();
    const received = rig.received('home', 'elect');
    rig.step({ type: 'message', received }).applied();
    expect(rig.sentOf('accept')[0]!.echo).toBe(received.header.order);
  });
});

describe('messages that cannot be', () => {
  it('are counted and change nothing: a pairing that is gone, a lease for somebody else, the number 0', () => {
    const rig = new NodeRig();
    expect(rig.say('shed', 'elect').discarded()).toEqual(['key']);
    const lease = { router: ROUTER_IDS['shed']!, number: 1n, role: 'active', leftMs: 1000 } as const;
    expect(rig.say('home', 'elect', { lease }).discarded()).toEqual(['malformed']);
    expect(rig.say('home', 'elect', { number: 0n }).discarded()).toEqual(['malformed']);
    const { header, origin, ...rest } = rig.received('home', 'release');
    const message = { type: 'withdraw', reason: BATTERY } as const;
    rig.step({ type: 'message', received: { ...rest, header, origin, message } });
    expect(rig.discarded()).toEqual(['role']);
    expect(rig.stateOf()).toBe('none');
  });
});

describe("a lease's time", () => {
  it('is at most what the owner grants, counted from the receipt', () => {
    const rig = new NodeRig();
    rig.nowUs += SECOND;
    rig.say('home', 'elect', { leftMs: 3_600_000, atUs: rig.nowUs - 200 * MS });
    expect(rig.apply()).toMatchObject([{ endsUs: rig.nowUs - 200 * MS + 60 * SECOND }]);
    expect(rig.applied().sentOf('accept')[0]!.lease.leftMs).toBe(59_800);
  });

  it('that is over when the ELECT is read is none', () => {
    const rig = new NodeRig();
    rig.nowUs += 20 * SECOND;
    expect(rig.say('home', 'elect', { atUs: rig.nowUs - 16 * SECOND }).answers()).toEqual(['refuse no-such-lease']);
    expect(rig.say('home', 'elect', { leftMs: 0 }).answers()).toEqual(['refuse no-such-lease']);
  });

  it('is not shortened by a router that asks for less later: it may not have heard the answer', () => {
    const rig = new NodeRig().elect();
    const endsUs = rig.nowUs + 15 * SECOND;
    rig.say('home', 'renew', { leftMs: 2000 });
    expect(leaseViews(rig.state, rig.nowUs)).toMatchObject([{ endsUs }]);
    expect(rig.pass(14 * SECOND).stateOf()).toBe('in force');
  });

  it('cannot be renewed at its end', () => {
    const rig = new NodeRig().elect();
    rig.nowUs += 15 * SECOND;
    expect(rig.say('home', 'renew').answers()).toEqual(['refuse no-such-lease']);
    expect(rig.apply()).toEqual([]);
  });

  it('may begin anew with the same number in the very step that ends it', () => {
    const rig = new NodeRig().elect();
    rig.nowUs += 15 * SECOND;
    expect(rig.say('home', 'elect').answers()).toEqual([]);
    expect(rig.apply()).toMatchObject([{ number: 1n, endsUs: rig.nowUs + 15 * SECOND }]);
    expect(rig.applied().answers()).toEqual(['accept']);
  });
});

describe('an ELECT while rules are being taken back', () => {
  it('is kept, and its rules are written next', () => {
    const rig = new NodeRig().elect().say('home', 'release');
    const disarming = rig.state.arming.version;
    rig.say('home', 'elect', { number: 2n });
    expect(rig.apply()).toMatchObject([{ number: 2n }]);
    expect(rig.applied(null, disarming).answers()).toEqual(['released']);
    expect(rig.stateOf()).toBe('given');
    expect(rig.applied().answers()).toEqual(['accept']);
  });

  it('does not wait for a version that the shell never reports by itself', () => {
    const rig = new NodeRig().elect().say('home', 'release').say('home', 'elect', { number: 2n });
    expect(rig.applied().answers()).toEqual(['accept', 'released']);
  });
});

describe('several routers', () => {
  it('share the slots; who comes later is refused, and told in ADVERTISE that a slot is free again', () => {
    const rig = new NodeRig({ routers: ['home', 'shed', 'barn'], policy: { slots: 2 } }).elect('home').elect('shed');
    expect(rig.say('barn', 'elect').answers()).toEqual(['refuse busy']);
    expect(rig.pass(100 * MS).sentOf('advertise')[0]).toMatchObject({ slots: { total: 2, used: 2 } });
    rig.say('shed', 'release');
    expect(rig.sentOf('advertise')).toMatchObject(Array(3).fill({ slots: { total: 2, used: 1 } }));
    expect(rig.applied().elect('barn').answers()).toContain('accept');
  });

  it('each see only their own lease in ADVERTISE, once it was confirmed', () => {
    const rig = new NodeRig({ routers: ['home', 'shed'], policy: { slots: 2 } }).say('home', 'elect').pass(SECOND);
    expect(rig.sentOf('advertise').every(({ lease }) => lease === undefined)).toBe(true);
    rig.applied().pass(SECOND);
    const leases = (pairing: string) => rig.sent(pairing).map((message) => 'lease' in message && message.lease?.number);
    expect(new Set(leases('home'))).toEqual(new Set([1n]));
    expect(new Set(leases('shed'))).toEqual(new Set([false]));
  });

  it('do not suffer when the rules of one of them cannot be written', () => {
    const rig = new NodeRig({ routers: ['home', 'shed'], policy: { slots: 2 } }).elect('home').say('shed', 'elect');
    rig.applied('no such prefix');
    expect(rig.answers()).toEqual(['refuse arming-failed']);
    expect(rig.apply()).toMatchObject([{ pairing: 'home' }]);
    expect(rig.stateOf('home')).toBe('given');
    expect(rig.applied().stateOf('home')).toBe('in force');
    expect(rig.stateOf('shed')).toBe('none');
  });

  it('all end when what had been in force can no longer be written', () => {
    const rig = new NodeRig({ routers: ['home', 'shed'], policy: { slots: 2 } }).elect('home').elect('shed');
    rig.applied('gone');
    expect(rig.answers()).toEqual(['withdraw arming-failed', 'withdraw arming-failed']);
    expect(rig.apply()).toEqual([]);
  });
});

describe('a loop', () => {
  const cases = {
    'the node itself is on the path': { path: [ROUTER_IDS['home']!, NODE_ID], upstream: [] },
    'the node leaves through the router': { path: [], upstream: [ROUTER_IDS['home']!] },
    'the node leaves through somebody whom the router serves': {
      path: [ROUTER_IDS['home']!, ROUTER_IDS['shed']!],
      upstream: [ROUTER_IDS['shed']!],
    },
  };
  for (const [why, { path, upstream }] of Object.entries(cases)) {
    it(`is refused: ${why}`, () => {
      const rig = new NodeRig().condition({ upstream });
      expect(rig.say('home', 'elect', { path }).answers()).toEqual(['refuse loop']);
    });
  }

  it('that comes to be later ends the lease', () => {
    const rig = new NodeRig().elect('home', { path: [ROUTER_IDS['home']!, ROUTER_IDS['shed']!] });
    rig.condition({ upstream: [ROUTER_IDS['shed']!] });
    expect(rig.answers()).toEqual(['withdraw loop']);
  });
});

describe('families', () => {
  it('in force and in ACCEPT are those that are wanted and offered', () => {
    const rig = new NodeRig().condition({ families: [V4] }).say('home', 'elect');
    expect(rig.apply()).toMatchObject([{ want: { families: [4] } }]);
    expect(rig.applied().sentOf('accept')).toMatchObject([{ families: [V4] }]);
  });

  it('of which none is offered are refused', () => {
    const rig = new NodeRig().condition({ families: [V4] });
    expect(rig.say('home', 'elect', { want: { families: [6], wayBack: 'router' } }).answers()).toEqual([
      'refuse nothing-offered',
    ]);
  });

  it('that come and go are followed, and the lease is withdrawn with the last of them', () => {
    const rig = new NodeRig().elect('home', { want: { families: [6], wayBack: 'router' } });
    expect(rig.condition({ families: [V4] }).answers()).toEqual(['withdraw nothing-offered']);
    const both = new NodeRig().elect();
    expect(both.condition({ families: [V4] }).apply()).toMatchObject([{ want: { families: [4] } }]);
    expect(both.condition({ families: [V4, V6] }).apply()).toMatchObject([{ want: { families: [4, 6] } }]);
    expect(both.applied().say('home', 'renew').sentOf('status')).toMatchObject([{ families: [V4, V6] }]);
  });
});

describe('an offer that must end', () => {
  it('is withdrawn three times, 100 ms apart, with the lease, and nothing is advertised until it can be made again', () => {
    const rig = new NodeRig({ routers: ['home', 'shed'] }).elect('home');
    const times: number[] = [];
    rig.condition({ obstacle: BATTERY });
    expect(rig.apply()).toEqual([]);
    expect(rig.sent('home')).toMatchObject([{ type: 'withdraw', lease: { number: 1n } }]);
    expect(rig.sent('shed')).toMatchObject([{ type: 'withdraw' }]);
    expect('lease' in rig.sent('shed')[0]!).toBe(false);
    for (let deadline = nextDeadlineUs(rig.state); deadline !== null; deadline = nextDeadlineUs(rig.state)) {
      times.push(deadline - rig.nowUs);
      expect(rig.pass(deadline - rig.nowUs).answers()).toEqual(['withdraw battery', 'withdraw battery']);
    }
    expect(times).toEqual([100 * MS, 100 * MS]);
    expect(rig.condition({}).sentOf('advertise')).toHaveLength(2);
  });

  it('says why to whom it refuses, and to whom it has withdrawn the lease', () => {
    const rig = new NodeRig().elect().condition({ obstacle: BATTERY });
    expect(rig.say('home', 'renew').answers()).toEqual(['refuse battery']);
    expect(rig.say('home', 'elect', { number: 2n }).answers()).toEqual(['refuse battery']);
  });

  it('and can be made again in the next moment is advertised after the last WITHDRAW, or elected before', () => {
    const rig = new NodeRig().elect().condition({ obstacle: BATTERY }).condition({});
    expect(rig.sentOf('advertise')).toEqual([]);
    expect(
      rig
        .pass(200 * MS)
        .sent()
        .map(({ type }) => type),
    ).toEqual(['withdraw', 'withdraw', 'advertise']);
    const early = new NodeRig()
      .elect()
      .condition({ obstacle: BATTERY })
      .condition({})
      .say('home', 'elect', { number: 2n });
    expect(
      early
        .applied()
        .pass(300 * MS)
        .answers(),
    ).toEqual([]);
  });
});

describe('ADVERTISE', () => {
  it('comes at intervals that are shortened by up to a quarter, differently for different seeds', () => {
    const rig = new NodeRig();
    const gaps: number[] = [];
    for (let count = 0; count < 200; count++) {
      const deadline = nextDeadlineUs(rig.state)!;
      gaps.push(deadline - rig.nowUs);
      expect(rig.pass(deadline - rig.nowUs).sentOf('advertise')).toHaveLength(1);
    }
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(750 * MS);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(SECOND);
    expect(Math.max(...gaps) - Math.min(...gaps)).toBeGreaterThan(200 * MS);
  });

  it('tells at once what routers choose by, but not what drifts, and not more often than every 50 ms', () => {
    const rig = new NodeRig().pass(500 * MS);
    const offer = { ...condition().offer, cost: { preference: 3, metered: true, bytesLeft: 10n } };
    expect(rig.step({ type: 'condition', condition: { ...condition(), offer } }).sentOf('advertise')).toHaveLength(1);
    const less = { ...offer, cost: { ...offer.cost, bytesLeft: 9n } };
    expect(rig.step({ type: 'condition', condition: { ...condition(), offer: less } }).sent()).toEqual([]);
    expect(rig.condition({ families: [V4] }).sent()).toEqual([]);
    expect(rig.pass(50 * MS).sentOf('advertise')).toMatchObject([{ families: [V4] }]);
  });
});

describe('usage', () => {
  it('is told in STATUS and, with what came last, in RELEASED', () => {
    const usage = (bytes: bigint) =>
      ({ type: 'usage', usage: new Map([['home', { toNetworkBytes: bytes, fromNetworkBytes: 0n }]]) }) as const;
    const rig = new NodeRig().elect().step(usage(41n));
    expect(rig.say('home', 'renew').sentOf('status')).toMatchObject([{ usage: { toNetworkBytes: 41n } }]);
    rig.say('home', 'release').step(usage(43n));
    expect(rig.applied().sentOf('released')).toMatchObject([{ usage: { toNetworkBytes: 43n } }]);
  });
});

describe('rules that cannot be taken back', () => {
  it('are tried again every second, and RELEASED is not said before', () => {
    const rig = new NodeRig().elect().say('home', 'release').applied('nft is gone');
    expect(rig.records()).toEqual(['arming-failed']);
    expect(rig.answers()).toEqual([]);
    expect(rig.pass(SECOND).apply()).toEqual([]);
    expect(rig.applied().answers()).toEqual(['released']);
    expect(rig.pass(3 * SECOND).apply()).toBeNull();
  });
});

describe('stop', () => {
  const stop = { type: 'stop', reason: { code: 'shutting-down', text: '' } } as const;

  it('withdraws and disarms, and is done when both are done', () => {
    const rig = new NodeRig().elect().step(stop);
    expect(rig.answers()).toEqual(['withdraw shutting-down']);
    expect(rig.apply()).toEqual([]);
    expect(isStopped(rig.state)).toBe(false);
    expect(isStopped(rig.applied().state)).toBe(false);
    rig.pass(200 * MS);
    expect(isStopped(rig.state)).toBe(true);
    expect(nextDeadlineUs(rig.state)).toBeNull();
  });

  it('refuses whoever still asks', () => {
    const rig = new NodeRig().step(stop);
    expect(rig.say('home', 'elect').answers()).toEqual(['refuse shutting-down']);
  });
});

describe('views', () => {
  it('show a lease with since when, until when, and whether its rules are in force', () => {
    const rig = new NodeRig().say('home', 'elect', { origin: originOf('home') });
    const view = { pairing: 'home', router: ROUTER_IDS['home'], role: 'active', families: [4, 6], sinceUs: rig.nowUs };
    expect(leaseViews(rig.state, rig.nowUs)).toMatchObject([{ ...view, armed: false }]);
    expect(leaseViews(rig.applied().state, rig.nowUs)).toMatchObject([{ ...view, armed: true }]);
    expect(leaseViews(rig.state, rig.nowUs + 15 * SECOND)).toEqual([]);
  });
});
