import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adoptPolicy, figureOfMeritAt, isSuppressed, NO_DAMPING, penalise } from '../../../src/engine/damping.js';
import type { DampingPolicy } from '../../../src/engine/types.js';
import { policy, SECOND, uplink, World } from './world.js';

const POLICY: DampingPolicy = {
  enabled: true,
  penaltyPerFailure: 1000,
  cutoffThreshold: 2000,
  reuseThreshold: 750,
  halfLifeUs: 900 * SECOND,
  maximumSuppressUs: 3600 * SECOND,
};

const anyPolicy: fc.Arbitrary<DampingPolicy> = fc.record({
  enabled: fc.constant(true),
  penaltyPerFailure: fc.integer({ min: 1, max: 20_000 }),
  cutoffThreshold: fc.integer({ min: 1, max: 20_000 }),
  reuseThreshold: fc.integer({ min: 1, max: 20_000 }),
  halfLifeUs: fc.integer({ min: 1, max: 3600 * SECOND }),
  maximumSuppressUs: fc.integer({ min: 1, max: 3600 * SECOND }),
});

describe('the figure of merit (RFC 2439 section 4.2)', () => {
  it('halves in one half-life', () => {
    const once = penalise(NO_DAMPING, POLICY, 0);
    expect(figureOfMeritAt(once, POLICY, 0)).toBe(1000);
    expect(figureOfMeritAt(once, POLICY, POLICY.halfLifeUs)).toBeCloseTo(500);
    expect(figureOfMeritAt(once, POLICY, 3 * POLICY.halfLifeUs)).toBeCloseTo(125);
  });

  it('decays alike in one look and in many', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 600 * SECOND }), { minLength: 1 }), (pauses) => {
        let stepwise = penalise(NO_DAMPING, POLICY, 0);
        let nowUs = 0;
        for (const pauseUs of pauses) {
          nowUs += pauseUs;
          stepwise = { ...stepwise, figureOfMerit: figureOfMeritAt(stepwise, POLICY, nowUs), atUs: nowUs };
        }
        const atOnce = figureOfMeritAt(penalise(NO_DAMPING, POLICY, 0), POLICY, nowUs);
        expect(stepwise.figureOfMerit).toBeCloseTo(atOnce, 6);
      }),
    );
  });

  it('suppresses above the cutoff threshold, until it has fallen to the reuse threshold', () => {
    let damping = penalise(penalise(NO_DAMPING, POLICY, 0), POLICY, 0);
    expect(isSuppressed(damping, 0)).toBe(false);
    damping = penalise(damping, POLICY, 0);
    expect(isSuppressed(damping, 0)).toBe(true);
    const reuseUs = damping.suppressedUntilUs!;
    expect(reuseUs).toBe(Math.ceil(POLICY.halfLifeUs * Math.log2(3000 / 750)));
    expect(figureOfMeritAt(damping, POLICY, reuseUs)).toBeCloseTo(750);
    expect(isSuppressed(damping, reuseUs - 1)).toBe(true);
    expect(isSuppressed(damping, reuseUs)).toBe(false);
  });

  it('stays suppressed by a failure between the thresholds', () => {
    let damping = penalise(penalise(penalise(NO_DAMPING, POLICY, 0), POLICY, 0), POLICY, 0);
    const lateUs = damping.suppressedUntilUs! - 1;
    damping = penalise(damping, POLICY, lateUs);
    expect(damping.figureOfMerit).toBeLessThan(POLICY.cutoffThreshold);
    expect(isSuppressed(damping, lateUs + 1)).toBe(true);
  });

  it('always releases: never suppressed once the maximum suppress time has passed without a failure', () => {
    const pauses = fc.array(fc.integer({ min: 0, max: 7200 * SECOND }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(anyPolicy, pauses, (given, times) => {
        let damping = NO_DAMPING;
        let nowUs = 0;
        for (const pauseUs of times) {
          nowUs += pauseUs;
          damping = penalise(damping, given, nowUs);
        }
        expect(isSuppressed(damping, nowUs + given.maximumSuppressUs)).toBe(false);
      }),
    );
  });

  it('never exceeds the ceiling from which the maximum suppress time leads down to the reuse threshold', () => {
    let damping = NO_DAMPING;
    for (let failure = 0; failure < 100; failure++) damping = penalise(damping, POLICY, failure);
    expect(damping.figureOfMerit).toBe(POLICY.reuseThreshold * 2 ** 4);
    expect(damping.suppressedUntilUs).toBe(99 + POLICY.maximumSuppressUs);
  });

  it('is forgotten where damping is switched off, and shortened where the maximum is', () => {
    const damping = penalise(penalise(penalise(NO_DAMPING, POLICY, 0), POLICY, 0), POLICY, 0);
    expect(penalise(damping, { ...POLICY, enabled: false }, 1)).toBe(NO_DAMPING);
    expect(adoptPolicy(damping, { ...POLICY, enabled: false }, 1)).toBe(NO_DAMPING);
    const shorter = adoptPolicy(damping, { ...POLICY, maximumSuppressUs: 60 * SECOND }, 1);
    expect(shorter.suppressedUntilUs).toBe(60 * SECOND + 1);
    expect(adoptPolicy(damping, POLICY, 1)).toBe(damping);
  });
});

describe('a path that flaps', () => {
  const flap = (world: World): World => world.losses('a', 3).replies('a', 2);

  it('is held for longer than its hold-down, and says why', () => {
    const world = World.connected(policy([uplink('a'), uplink('b')]));
    world.replies('a').replies('b');
    flap(flap(world));
    expect(world.path('a').damping.suppressed).toBe(false);
    expect(world.path('a').heldUntilUs).toBe(world.nowUs + 10 * SECOND);
    flap(world);
    const { damping, heldUntilUs, cause } = world.path('a');
    expect(damping.suppressed).toBe(true);
    expect(heldUntilUs! - world.nowUs).toBeGreaterThan(100 * SECOND);
    expect(cause).toMatch(/held for 11\d\.\d s: damped after 3 failures, figure of merit 29\d\d must fall to 750$/);
    world.pass(heldUntilUs! - world.nowUs - 1);
    expect(world.path('a').state).toBe('held');
    world.pass(1);
    expect(world.path('a')).toMatchObject({ state: 'up', alive: true });
  });

  it('is released by a reload that switches damping off', () => {
    const world = World.connected(policy([uplink('a'), uplink('b')]))
      .replies('a')
      .replies('b');
    flap(flap(flap(world))).pass(11 * SECOND);
    expect(world.path('a').state).toBe('held');
    const damping = { ...uplink('a').damping, enabled: false };
    world.send({ type: 'configure', policy: policy([uplink('a', { damping }), uplink('b')]) });
    expect(world.path('a')).toMatchObject({ state: 'up', alive: true });
  });

  it('is used all the same when there is no other', () => {
    const world = World.connected(policy([uplink('a')])).replies('a');
    flap(flap(flap(world)));
    expect(world.path('a')).toMatchObject({
      state: 'held',
      alive: true,
      kept: 'used before its hold-down ends: no other live IPv4 path',
    });
  });
});
