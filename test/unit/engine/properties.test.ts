/**
 * What must hold whatever happens: random configurations and random events, each counterexample shrunk by fast-check.
 * The seed is fixed so that a red run can be repeated; ENGINE_SEED and ENGINE_RUNS look elsewhere and for longer.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  desired,
  groupViews,
  initialState,
  nextDeadlineUs,
  pathViews,
  step,
  type EngineState,
} from '../../../src/engine/index.js';
import type { EngineAction, EngineEvent, EnginePolicy, PathView } from '../../../src/engine/types.js';
import type { Family } from '../../../src/net/ip-address.js';
import { deepFreeze, MS, policy, probe, SECOND, uplink } from './world.js';

const SETTINGS = {
  seed: Number(process.env['ENGINE_SEED'] ?? 20260101),
  numRuns: Number(process.env['ENGINE_RUNS'] ?? 100),
};

const NAMES = ['a', 'b', 'c', 'd'];
const TARGETS = ['t1', 't2', 't3'];

// ------------------------------------------------------------------------------------------------ arbitraries

const anyUplink = (name: string) =>
  fc
    .record({
      families: fc.constantFrom<Family[]>([4], [6], [4, 6]),
      targets: fc.integer({ min: 0, max: 3 }),
      quorum: fc.integer({ min: 1, max: 3 }),
      failAfter: fc.integer({ min: 1, max: 3 }),
      recoverAfter: fc.integer({ min: 1, max: 3 }),
      limited: fc.boolean(),
      holdDownUs: fc.constantFrom(0, 1, 300 * MS, 5 * SECOND),
      damped: fc.boolean(),
    })
    .map(({ targets, quorum, failAfter, recoverAfter, limited, damped, ...rest }) => {
      const keys = TARGETS.slice(0, targets);
      const limits = limited ? { lossPercent: 20, latencyUs: 50 * MS } : {};
      const only = probe({ 4: keys, 6: keys }, { quorum, failAfter, recoverAfter, limits });
      return uplink(name, {
        ...rest,
        probes: targets === 0 ? [] : [only],
        damping: {
          enabled: damped,
          penaltyPerFailure: 1000,
          cutoffThreshold: 1500,
          reuseThreshold: 700,
          halfLifeUs: 2 * SECOND,
          maximumSuppressUs: 8 * SECOND,
        },
      });
    });

const anyPolicy: fc.Arbitrary<EnginePolicy> = fc
  .record({
    uplinks: fc.tuple(...NAMES.map(anyUplink)),
    count: fc.integer({ min: 1, max: NAMES.length }),
    tierOf: fc.array(fc.integer({ min: -1, max: 3 }), { minLength: NAMES.length, maxLength: NAMES.length }),
    revertDelayUs: fc.constantFrom<(number | 'never')[]>(0, 400 * MS, 3 * SECOND, 'never'),
    minimumAgreeing: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ uplinks, count, tierOf, revertDelayUs, minimumAgreeing }) => {
    const used = uplinks.slice(0, count);
    const tiers = [0, 1, 2, 3]
      .map((tier) => used.filter((_, index) => tierOf[index] === tier).map(({ name }) => ({ uplink: name, weight: 1 })))
      .filter((tier) => tier.length > 0);
    const groups = [
      ...(tiers.length > 0 ? [{ name: 'main', tiers, revertDelayUs }] : []),
      { name: 'all', tiers: [used.map(({ name }) => ({ uplink: name, weight: 2 }))], revertDelayUs: 0 },
    ];
    // Uplinks outside `main` are members all the same; leave `all` out now and then so that some are in no group.
    return policy(used, { groups: tierOf[3] === -1 ? groups.slice(0, -1) : groups, minimumAgreeing });
  });

const name = fc.constantFrom(...NAMES);
const family = fc.constantFrom<Family[]>(4, 6);

const anySample: fc.Arbitrary<EngineEvent> = fc
  .record({
    uplink: name,
    family,
    target: fc.constantFrom(...TARGETS),
    ok: fc.boolean(),
    samples: fc.integer({ min: 1, max: 20 }),
    lossPercent: fc.constantFrom(0, 10, 18, 30, 100),
    latencyUs: fc.constantFrom(1000, 45 * MS, 60 * MS),
  })
  .map(({ ok, samples, lossPercent, latencyUs, ...rest }) => ({
    type: 'sample' as const,
    probe: 'icmp',
    ...rest,
    outcome: ok ? ({ ok, rttUs: latencyUs } as const) : ({ ok, cause: 'no reply' } as const),
    window: { samples, lossPercent, latencyUs: lossPercent === 100 ? null : latencyUs, jitterUs: null },
  }));

const anyEvent: fc.Arbitrary<EngineEvent> = fc.oneof(
  { weight: 12, arbitrary: anySample },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('link' as const),
      uplink: name,
      up: moreOften(true),
      detail: fc.constantFrom('', 'no carrier'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('addressing' as const),
      uplink: name,
      family,
      ready: moreOften(true),
      detail: fc.constant(''),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('neighbour' as const),
      uplink: name,
      family,
      state: fc.constantFrom('resolved' as const, 'failed' as const, 'unknown' as const),
      detail: fc.constant(''),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('drain' as const), uplink: name, by: fc.constant('test') }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('undrain' as const), uplink: name, by: fc.constant('test') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('force' as const),
      group: fc.constant('main'),
      uplink: name,
      by: fc.constant('test'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('auto' as const), group: fc.constant('main'), by: fc.constant('test') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('blind' as const),
      fromUs: fc.constant(0),
      toUs: fc.integer({ min: 0, max: 10 * SECOND }),
      detail: fc.constant(''),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('configure' as const), policy: anyPolicy }) },
  { weight: 2, arbitrary: fc.constant({ type: 'tick' as const }) },
);

function moreOften(value: boolean): fc.Arbitrary<boolean> {
  return fc.oneof({ weight: 2, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: fc.constant(!value) });
}

interface Moment {
  afterUs: number;
  event: EngineEvent;
}

/** A start in which most things are there, then anything. */
const anyHistory: fc.Arbitrary<Moment[]> = fc
  .record({
    first: anyPolicy,
    answered: fc.boolean(),
    rest: fc.array(
      fc.record({ afterUs: fc.constantFrom(0, 20 * MS, 20 * MS, 300 * MS, 2 * SECOND), event: anyEvent }),
      { maxLength: 80, size: 'max' },
    ),
  })
  .map(({ first, answered, rest }) => {
    const start: EngineEvent[] = [{ type: 'configure', policy: first }];
    for (const { name: given, families } of first.uplinks) {
      start.push({ type: 'link', uplink: given, up: true, detail: '' });
      for (const each of families) {
        start.push({ type: 'addressing', uplink: given, family: each, ready: true, detail: '' });
        if (answered) for (const target of TARGETS) start.push(reply(given, each, target));
      }
    }
    return [...start.map((event) => ({ afterUs: 0, event })), ...rest];
  });

function reply(given: string, each: Family, target: string): EngineEvent {
  return {
    type: 'sample',
    uplink: given,
    family: each,
    probe: 'icmp',
    target,
    outcome: { ok: true, rttUs: 900 },
    window: { samples: 20, lossPercent: 0, latencyUs: 900, jitterUs: 10 },
  };
}

// ------------------------------------------------------------------------------------------------ running

interface Happening {
  before: EngineState;
  event: EngineEvent;
  nowUs: number;
  after: EngineState;
  actions: EngineAction[];
}

/** Plays a history as the shell does: a tick at every deadline that lies before the next event. */
function play(history: readonly Moment[], look: (happening: Happening) => void): EngineState {
  let state = initialState();
  let nowUs = 1_000_000_000;
  const send = (event: EngineEvent): void => {
    const before = deepFreeze(state);
    const result = step(before, event, nowUs);
    state = result.state;
    look({ before, event, nowUs, after: state, actions: result.actions });
  };
  for (const { afterUs, event } of history) {
    const untilUs = nowUs + afterUs;
    for (;;) {
      const deadlineUs = nextDeadlineUs(state);
      if (deadlineUs === null || deadlineUs > untilUs) break;
      nowUs = Math.max(nowUs, deadlineUs);
      send({ type: 'tick' });
    }
    nowUs = untilUs;
    send(event);
  }
  return state;
}

/** Holds after every step of any history. */
function always(look: (happening: Happening) => void): void {
  fc.assert(
    fc.property(anyHistory, (history) => void play(history, look)),
    SETTINGS,
  );
}

const keyOf = (path: { uplink: string; family: Family }): string => `${path.uplink}/${path.family}`;

function aliveKeys(state: EngineState, nowUs: number): Set<string> {
  return new Set(
    pathViews(state, nowUs)
      .filter((path) => path.alive)
      .map(keyOf),
  );
}

function membersOf(state: EngineState): Set<string> {
  return new Set(state.policy.groups.flatMap((group) => group.tiers.flat().map((member) => member.uplink)));
}

// ------------------------------------------------------------------------------------------------ properties

// The limit is against hanging for ever, not against a busy machine.
describe('whatever happens', { timeout: 300_000 }, () => {
  it('no dead member is chosen while a live one exists in any tier', () => {
    always(({ after, nowUs }) => {
      const alive = aliveKeys(after, nowUs);
      for (const group of groupViews(after)) {
        const policyTiers = after.policy.groups.find((each) => each.name === group.group)!.tiers;
        const anyAlive = policyTiers.flat().some((member) => alive.has(`${member.uplink}/${group.family}`));
        expect(group.active.length > 0).toBe(anyAlive);
        for (const member of group.active) expect(alive.has(`${member}/${group.family}`)).toBe(true);
      }
    });
  });

  it('every order holds each member of the group in that family exactly once, in at most four tiers', () => {
    always(({ after }) => {
      const paths = new Set(after.paths.map(keyOf));
      for (const group of groupViews(after)) {
        const configured = after.policy.groups.find((each) => each.name === group.group)!.tiers.flat();
        const expected = configured.filter((member) => paths.has(`${member.uplink}/${group.family}`));
        const names = (members: { uplink: string }[]): string[] => members.map((member) => member.uplink).sort();
        expect(names(group.order.flat())).toEqual(names(expected));
        expect(group.order.every((tier) => tier.length > 0)).toBe(true);
        expect(group.order.length).toBeLessThanOrEqual(4);
      }
    });
  });

  it('what carries traffic is what the data plane would choose: live members of the first tier that has any', () => {
    always(({ after, nowUs }) => {
      const alive = aliveKeys(after, nowUs);
      for (const group of groupViews(after)) {
        const live = group.order.map((tier) =>
          tier.map((member) => member.uplink).filter((member) => alive.has(`${member}/${group.family}`)),
        );
        expect(group.active).toEqual(live.find((tier) => tier.length > 0) ?? []);
      }
    });
  });

  it('no transition is without a cause, and no liveness action either', () => {
    always(({ actions, nowUs }) => {
      for (const action of actions) {
        if (action.type !== 'record') expect(action.cause).not.toBe('');
        else if (action.record.kind !== 'operator') expect(action.record.cause).not.toBe('');
        if (action.type === 'record') expect(action.record.atUs).toBe(nowUs);
      }
    });
  });

  it('every change of a visible state is recorded, from and to', () => {
    always(({ before, after, nowUs, actions }) => {
      const known = new Map(pathViews(before, nowUs).map((path) => [keyOf(path), path.state]));
      for (const action of actions) {
        if (action.type !== 'record' || action.record.kind !== 'path') continue;
        const { from, to } = action.record;
        expect(from).not.toBe(to);
        expect(known.get(keyOf(action.record)) ?? 'init').toBe(from);
        known.set(keyOf(action.record), to);
      }
      for (const path of pathViews(after, nowUs)) {
        expect(known.get(keyOf(path)) ?? (path.state === 'drained' ? 'drained' : 'init')).toBe(path.state);
      }
    });
  });

  it('liveness actions come before group actions, and bits to set before bits to clear', () => {
    const rank = (action: EngineAction): number =>
      action.type === 'liveness' ? (action.alive ? 0 : 1) : action.type === 'group' ? 2 : 3;
    always(({ actions }) => {
      const ranks = actions.map(rank);
      expect(ranks).toEqual([...ranks].sort());
    });
  });

  it('replaying all actions gives what desired() says', () => {
    fc.assert(
      fc.property(anyHistory, (history) => {
        const liveness = new Map<string, boolean>();
        const orders = new Map<string, unknown>();
        play(history, ({ after, event, actions }) => {
          for (const action of actions) {
            if (action.type === 'liveness') liveness.set(keyOf(action), action.alive);
            if (action.type === 'group') orders.set(`${action.group}/${action.family}`, action.order);
          }
          const wanted = desired(after);
          if (event.type === 'configure') {
            // What a configuration no longer names is removed by the programmers' full synchronisation.
            const paths = new Set(wanted.liveness.map(keyOf));
            const groups = new Set(wanted.groups.map((group) => `${group.group}/${group.family}`));
            for (const key of liveness.keys()) if (!paths.has(key)) liveness.delete(key);
            for (const key of orders.keys()) if (!groups.has(key)) orders.delete(key);
          }
          expect(liveness).toEqual(new Map(wanted.liveness.map((path) => [keyOf(path), path.alive])));
          expect(orders).toEqual(
            new Map(wanted.groups.map((group) => [`${group.group}/${group.family}`, group.order])),
          );
        });
      }),
      SETTINGS,
    );
  });

  it('the same events give the same states and actions', () => {
    fc.assert(
      fc.property(anyHistory, (history) => {
        const outcome = (): unknown[] => {
          const seen: unknown[] = [];
          const last = play(history, ({ actions }) => seen.push(actions));
          return [seen, last];
        };
        expect(outcome()).toEqual(outcome());
      }),
      { ...SETTINGS, numRuns: Math.ceil(SETTINGS.numRuns / 3) },
    );
  });

  it('a path whose link is down is not alive, unless it is kept and says so', () => {
    always(({ after, nowUs }) => {
      for (const path of pathViews(after, nowUs)) {
        const linkUp = after.paths.find((each) => keyOf(each) === keyOf(path))!.link?.up;
        if (linkUp === false && path.alive) expect(path.kept).not.toBeNull();
      }
    });
  });

  it('alive means that it works and is wanted, or that it is kept for want of a better one', () => {
    const good = (path: PathView): boolean => ['up', 'degraded', 'suspect'].includes(path.state);
    always(({ after, nowUs }) => {
      const members = membersOf(after);
      const views = pathViews(after, nowUs);
      for (const path of views) {
        expect(path.alive).toBe(good(path) || path.kept !== null);
        if (path.kept === null) continue;
        const family = views.filter((each) => each.family === path.family && members.has(each.uplink));
        expect(family.some(good)).toBe(false);
        expect(family.filter((each) => each.alive)).toHaveLength(1);
      }
    });
  });

  it('once a member of a family has been alive, one is, until those that were are removed', () => {
    fc.assert(
      fc.property(anyHistory, (history) => {
        const everAlive = new Set<string>();
        play(history, ({ after, nowUs }) => {
          const members = membersOf(after);
          const views = pathViews(after, nowUs);
          const present = new Set(views.map(keyOf));
          for (const key of everAlive) if (!present.has(key)) everAlive.delete(key);
          for (const path of views) if (path.alive) everAlive.add(keyOf(path));
          for (const family of [4, 6] as const) {
            const candidates = views.filter((path) => path.family === family && members.has(path.uplink));
            if (!candidates.some((path) => everAlive.has(keyOf(path)))) continue;
            expect(candidates.some((path) => path.alive)).toBe(true);
          }
        });
      }),
      SETTINGS,
    );
  });

  it('blindness takes no path down', () => {
    always(({ before, event, nowUs, after }) => {
      if (event.type !== 'blind') return;
      const dead = pathViews(before, nowUs).filter((path) => path.state === 'down').length;
      expect(pathViews(after, nowUs).filter((path) => path.state === 'down').length).toBeLessThanOrEqual(dead);
    });
  });

  it('deadlines lie in the future, and a tick at one makes progress', () => {
    fc.assert(
      fc.property(anyHistory, (history) => {
        let lastUs = 1_000_000_000;
        let state = play(history, ({ after, event, nowUs }) => {
          lastUs = nowUs;
          const deadlineUs = nextDeadlineUs(after);
          if (deadlineUs !== null && event.type === 'tick') expect(deadlineUs).toBeGreaterThan(nowUs);
        });
        // Left alone, it comes to rest: each path is released once, each group reverts a few times.
        for (let ticks = 0; ; ticks++) {
          const deadlineUs = nextDeadlineUs(state);
          if (deadlineUs === null) break;
          expect(ticks).toBeLessThan(100);
          expect(deadlineUs).toBeGreaterThanOrEqual(lastUs);
          lastUs = deadlineUs;
          state = step(state, { type: 'tick' }, deadlineUs).state;
          expect(nextDeadlineUs(state)).not.toBe(deadlineUs);
        }
      }),
      SETTINGS,
    );
  });

  it('damping always releases: left alone for the longest waits, nothing is held or suppressed', () => {
    fc.assert(
      fc.property(anyHistory, (history) => {
        let nowUs = 0;
        const last = play([...history, { afterUs: 0, event: { type: 'tick' } }], (happening) => {
          nowUs = happening.nowUs;
        });
        const longestUs = 10 * SECOND;
        const rested = step(last, { type: 'tick' }, nowUs + longestUs).state;
        for (const path of pathViews(rested, nowUs + longestUs)) {
          expect(path.damping.suppressed).toBe(false);
          const losing = path.targets.some((target) => target.consecutiveLosses > 0 || target.good === null);
          if (!losing) expect(path.state).not.toBe('held');
        }
      }),
      SETTINGS,
    );
  });

  it('a tick where nothing is due changes nothing', () => {
    always(({ after, nowUs }) => {
      const again = step(after, { type: 'tick' }, nowUs);
      expect(again.actions).toEqual([]);
      expect(again.state).toEqual(after);
    });
  });
});
