/** Scheduling and deadlines of the active probes (tcp, http, dns), with a clock that the test moves. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock, TelemetryBlind } from '../../../src/controller/ports.js';
import { type AttemptBody, attempt } from '../../../src/health/active/attempt.js';
import { type ActiveCounters, Runner } from '../../../src/health/active/runner.js';
import type { ProbeOutcome } from '../../../src/health/reporting.js';
import { VirtualWorld } from '../../helpers/virtual-world.js';

const MS = 1000;
let world: VirtualWorld;
let clock: Clock;
let outcomes: ProbeOutcome[];
let blinds: TelemetryBlind[];
let counters: ActiveCounters;

beforeEach(() => {
  world = new VirtualWorld();
  clock = world.clock;
  outcomes = [];
  blinds = [];
  counters = { activeStarted: 0, activeSucceeded: 0, activeFailed: 0, activeUnjudged: 0 };
});

/** Real turns of the event loop, in which promises settle. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function run(durationMs: number): Promise<void> {
  for (let passed = 0; passed < durationMs; passed += 10) {
    world.run(10 * MS);
    await turns();
  }
}

function start(body: AttemptBody, { intervalMs = 1000, timeoutMs = 500, random = (): number => 0 } = {}): Runner {
  return new Runner(
    { clock, random, counters, onBlind: (blind) => blinds.push(blind) },
    { intervalUs: intervalMs * MS, timeoutMs, body, report: (outcome) => outcomes.push(outcome) },
  );
}

const never = (): Promise<ProbeOutcome> => new Promise(() => {});
const good = (): Promise<ProbeOutcome> => Promise.resolve({ ok: true, rttUs: 5 });

describe('an attempt', () => {
  it('that is not done at its deadline is lost, and aborted', async () => {
    let aborted = false;
    const result = attempt(clock, 500, (signal) => {
      signal.addEventListener('abort', () => (aborted = true));
      return never();
    });
    world.run(499 * MS);
    await turns();
    expect(aborted).toBe(false);
    world.run(2 * MS);
    expect(await result).toEqual({ ok: false, cause: 'no answer within 500 ms' });
    expect(aborted).toBe(true);
  });

  it('leaves no timer behind when it is done', async () => {
    expect(await attempt(clock, 500, good)).toEqual({ ok: true, rttUs: 5 });
    world.wakeUps = 0;
    world.run(1000 * MS);
    expect(world.wakeUps).toBe(0);
  });

  it('whose answer is already here when a late timer fires is good', async () => {
    let resolve = (_: ProbeOutcome): void => {};
    const result = attempt(clock, 500, () => new Promise((done) => (resolve = done)));
    world.run(501 * MS);
    setImmediate(() => resolve({ ok: true, rttUs: 7 }));
    expect(await result).toEqual({ ok: true, rttUs: 7 });
  });

  it('has no verdict when the event loop stalled over its deadline', async () => {
    const result = attempt(clock, 500, never);
    world.processStalledUntilUs = world.now + 600 * MS;
    world.run(700 * MS);
    expect(await result).toBeNull();
  });

  it.each([
    [Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'connection refused (ECONNREFUSED)'],
    [Object.assign(new Error('connect'), { code: 'ETIMEDOUT' }), 'no answer within 500 ms'],
    [Object.assign(new Error('odd thing'), { code: 'EODD' }), 'odd thing (EODD)'],
    [new Error('certificate rejected: self-signed'), 'certificate rejected: self-signed'],
  ])('fails with the words of the error: %s', async (error, cause) => {
    expect(await attempt(clock, 500, () => Promise.reject(error))).toEqual({ ok: false, cause });
  });
});

describe('the runner', () => {
  it('tries once per interval, and at once after the start', async () => {
    start(good);
    await run(5000);
    expect(outcomes.length).toBeGreaterThanOrEqual(5);
    expect(outcomes.length).toBeLessThanOrEqual(6);
    expect(counters).toMatchObject({ activeStarted: outcomes.length, activeSucceeded: outcomes.length });
  });

  it('makes its gaps up to a tenth shorter', async () => {
    start(good, { random: () => 0.999 });
    await run(9200);
    expect(outcomes).toHaveLength(11);
  });

  it('never has two attempts at a time, even where the timeout is longer than the interval', async () => {
    let active = 0;
    let most = 0;
    start(
      async (signal) => {
        most = Math.max(most, ++active);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        active--;
        return { ok: false, cause: 'aborted' };
      },
      { intervalMs: 100, timeoutMs: 350 },
    );
    await run(2000);
    expect(most).toBe(1);
    expect(outcomes.length).toBeGreaterThanOrEqual(5);
    expect(new Set(outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.cause)))).toEqual(
      new Set(['no answer within 350 ms']),
    );
  });

  it('skips an attempt after a stall, tells a long one, and goes on', async () => {
    start(good);
    await run(1500);
    const before = outcomes.length;
    world.processStalledUntilUs = world.now + 3000 * MS;
    world.run(3000 * MS);
    await turns();
    expect(outcomes).toHaveLength(before);
    expect(blinds).toHaveLength(1);
    expect(blinds[0]!.detail).toMatch(/^the controller's event loop ran 2[45]\d\d ms late$/);
    await run(2100);
    expect(outcomes.length).toBeGreaterThanOrEqual(before + 2);
  });

  it('reports nothing after it was closed, though an attempt was under way', async () => {
    const runner = start(never);
    await run(100);
    expect(counters.activeStarted).toBe(1);
    runner.close();
    await run(2000);
    expect(outcomes).toEqual([]);
    expect(counters.activeStarted).toBe(1);
  });
});
