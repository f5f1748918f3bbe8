import { describe, expect, test } from 'vitest';
import { EVENT_LOG_CAPACITY, EventLog } from '../../../src/controller/event-log.js';
import { NameIndex, groupIdOf, nextHopIdOf } from '../../../src/controller/ids.js';
import type { Clock } from '../../../src/controller/ports.js';
import { Programmer } from '../../../src/controller/programmer.js';
import { until } from '../../helpers/poll.js';

/** Timers run when the test says so. */
class HeldClock implements Clock {
  readonly timers: { atUs: number; callback: () => void }[] = [];
  nowUs = (): number => 0;
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

  test('stay with their name; a forgotten one is free for the next', () => {
    const index = new NameIndex();
    expect(['a', 'b', 'c'].map((name) => index.of(name))).toEqual([0, 1, 2]);
    index.retain(['a', 'c']);
    expect(index.of('c')).toBe(2);
    expect(index.of('d')).toBe(1);
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
