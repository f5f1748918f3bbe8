import { describe, expect, test } from 'vitest';
import { EVENT_LOG_CAPACITY, EventLog } from '../../../src/controller/event-log.js';
import { NameIndex, groupIdOf, nextHopIdOf } from '../../../src/controller/ids.js';
import type { Clock } from '../../../src/controller/ports.js';
import { Programmer } from '../../../src/controller/programmer.js';
import { until } from '../../helpers/poll.js';

/** Timers run when the test says so. */
class HeldClock implements Clock {
  readonly timers: { atUs: number; callback: () => void }[] = [];
  timeUs = 0;
  nowUs = (): number => this.timeUs;
  wallMs = (): number => 0;
  at(atUs: number, callback: () => void): () => void {
    const timer = { atUs, callback };
    this.timers.push(timer);
    return () => void this.timers.splice(this.timers.indexOf(timer), 1);
  }
}

function programmer(reconcile: () => Promise<readonly string[]>) {
  const clock = new HeldClock();
  const heard: (readonly string[])[] = [];
  const under = new Programmer({ clock, reconcile, onProblems: (problems) => heard.push(problems) });
  const settled = (passes: number) =>
    until(() => under.passes === passes && clock.timers.length === 1, { what: `${passes} passes` });
  return { clock, heard, under, settled };
}

describe('the programmer', () => {
  test('makes one pass of many requests in one turn', async () => {
    const { under, settled } = programmer(async () => []);
    for (let request = 0; request < 10; request++) under.request();
    await settled(1);
  });

  test('never runs two passes at a time, and runs again for what was asked meanwhile', async () => {
    let running = 0;
    let most = 0;
    const { under, settled } = programmer(async () => {
      most = Math.max(most, ++running);
      if (under.passes === 0) under.request();
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return [];
    });
    under.request();
    await settled(2);
    expect(most).toBe(1);
  });

  test('tries again ever later while something is wrong, and audits when nothing is', async () => {
    let problems = ['refused'];
    const { clock, under, settled, heard } = programmer(async () => problems);
    under.request();
    const delays: number[] = [];
    for (let pass = 1; pass <= 3; pass++) {
      await settled(pass);
      const [timer] = clock.timers.splice(0);
      delays.push(timer!.atUs);
      if (pass === 2) problems = [];
      timer!.callback();
    }
    expect(delays).toEqual([100_000, 200_000, 30_000_000]);
    expect(heard.slice(0, 3)).toEqual([['refused'], ['refused'], []]);
  });

  test('lets news of the kernel wait after a pass, longer after a long one; decisions do not wait', async () => {
    let durationUs = 1000;
    const { clock, under, settled } = programmer(async () => {
      clock.timeUs += durationUs;
      return [];
    });
    const dueUs = (): number => clock.timers.at(-1)!.atUs - clock.timeUs;
    under.request('soon');
    await settled(1);
    under.request('soon');
    under.request('soon');
    expect([under.passes, dueUs()]).toEqual([1, 20_000]);
    clock.timeUs += 20_000;
    durationUs = 500_000;
    clock.timers.splice(0)[0]!.callback();
    await settled(2);
    under.request('soon');
    expect(dueUs()).toBe(1_000_000);
    under.request('now');
    await settled(3);
    // The pass served both.
    expect(dueUs()).toBe(30_000_000);
  });

  test('sees to news that came during a pass after a pause', async () => {
    const { clock, under, settled } = programmer(async () => {
      if (under.passes === 0) under.request('soon');
      return [];
    });
    under.request();
    await settled(1);
    expect(clock.timers[0]!.atUs).toBe(20_000);
    clock.timers.splice(0)[0]!.callback();
    await settled(2);
  });

  test('begins no pass while it is held, also one that was asked for in the same turn before, and then one for all', async () => {
    const { clock, under, settled } = programmer(async () => []);
    under.request('soon');
    under.request();
    under.hold(50_000);
    await until(() => clock.timers.length === 1, { what: 'the end of the hold awaited' });
    under.request();
    expect([under.passes, clock.timers.map(({ atUs }) => atUs)]).toEqual([0, [50_000]]);
    clock.timeUs = 50_000;
    clock.timers.splice(0)[0]!.callback();
    await settled(1);
  });

  test('begins at once what waited for the end of a hold that ends early', async () => {
    const { clock, under, settled } = programmer(async () => []);
    under.hold(50_000);
    under.request('soon');
    expect(clock.timers.map(({ atUs }) => atUs)).toEqual([50_000]);
    under.hold(0);
    await settled(1);
    expect(clock.timeUs).toBe(0);
  });

  test('takes what a pass throws for a problem', async () => {
    const { under, settled, heard } = programmer(async () => {
      throw new Error('netlink is gone');
    });
    under.request();
    await settled(1);
    expect(heard).toEqual([['netlink is gone']]);
  });

  test('starts nothing after it is closed', async () => {
    const { clock, under } = programmer(async () => []);
    under.request();
    await under.close();
    const passes = under.passes;
    under.request();
    await new Promise((resolve) => setImmediate(resolve));
    expect(under.passes).toBe(passes);
    expect(clock.timers).toEqual([]);
  });
});

describe('ids', () => {
  test('are never 0 and never shared', () => {
    const ids = [0, 1, 2].flatMap((index) => [nextHopIdOf(index, 4), nextHopIdOf(index, 6)]);
    expect(new Set(ids).size).toBe(6);
    expect(Math.min(...ids)).toBe(1);
    expect(groupIdOf(0, 4)).not.toBe(groupIdOf(0, 6));
  });

  test('stay with their name; a forgotten one rests until it is woken', () => {
    const index = new NameIndex();
    expect(['a', 'b', 'c'].map((name) => index.of(name))).toEqual([0, 1, 2]);
    index.retain(['a', 'c']);
    expect(index.of('c')).toBe(2);
    expect(index.of('d')).toBe(3);
    index.wake(index.resting());
    expect(index.of('e')).toBe(1);
  });

  test('are found again by a name that comes back while its index rests', () => {
    const index = new NameIndex();
    index.of('a');
    index.retain([]);
    const before = index.resting();
    expect(index.of('a')).toBe(0);
    index.retain([]);
    // The pass that dropped the first `a` began before the second one was forgotten.
    index.wake(before);
    expect(index.of('b')).toBe(1);
  });
});

describe('the event log', () => {
  const record = { kind: 'operator', what: 'drain a', by: 'test', atUs: 1 } as const;

  test('gives what comes after a cursor, oldest first, and tells its ends', () => {
    const log = new EventLog(() => 0);
    for (let entry = 0; entry < 5; entry++) log.append(record);
    const { entries, oldest, newest } = log.read(2, 2);
    expect([entries.map((entry) => entry.sequence), oldest, newest]).toEqual([[3, 4], 1, 5]);
    expect(log.read(5, 10).entries).toEqual([]);
  });

  test('forgets the oldest beyond its capacity', () => {
    const log = new EventLog(() => 0);
    for (let entry = 0; entry < EVENT_LOG_CAPACITY + 3; entry++) log.append(record);
    const { entries, oldest } = log.read(0, 1);
    expect([entries[0]?.sequence, oldest]).toEqual([4, 4]);
  });

  test('tells listeners until they leave', () => {
    const log = new EventLog(() => 0);
    const heard: number[] = [];
    const leave = log.onAppend((entry) => heard.push(entry.sequence));
    log.append(record);
    leave();
    log.append(record);
    expect(heard).toEqual([1]);
  });
});
