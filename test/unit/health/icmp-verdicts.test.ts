/** ICMP probes in virtual time: what is declared lost, when, and above all what is not. */
import { describe, expect, it } from 'vitest';
import { examplePath, icmpIntent, icmpProbe } from '../../helpers/probe-intents.js';
import { MS, answers, cause, target, useVirtualTelemetry } from '../../helpers/virtual-telemetry.js';

const telemetry = useVirtualTelemetry();

describe('a good path', () => {
  it('gives a sample with the exact round trip for every probe', () => {
    const t = telemetry();
    t.settle();
    expect(t.samples.length).toBeGreaterThanOrEqual(47);
    expect(t.samples.every(({ outcome }) => outcome.ok && outcome.rttUs === 3 * MS)).toBe(true);
    expect(t.samples.at(-1)).toMatchObject({
      uplink: 'fibre',
      family: 4,
      probe: 'icmp-1',
      target,
      window: { samples: t.samples.length, lossPercent: 0, latencyUs: 3 * MS, jitterUs: 0 },
    });
  });

  it('is reported at once until it has proved itself, then without waking for each reply', () => {
    const t = telemetry();
    t.world.path(target, answers(3 * MS));
    t.source.apply([icmpIntent(icmpProbe())]);
    t.world.run(4 * MS);
    expect(t.samples).toHaveLength(1);
    t.world.run(60 * MS);
    expect([...t.world.sessions.values()]).toMatchObject([{ wake: false, ifindex: 3 }]);
  });

  it('costs about one wake-up per interval for eight sessions together', () => {
    const t = telemetry();
    const targets = ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4'];
    const intents = [3, 4].map((ifindex) => ({
      ...icmpIntent(icmpProbe({ targets }), examplePath({ ifindex })),
      uplink: `uplink${ifindex}`,
    }));
    for (const [index, address] of targets.entries()) t.world.path(address, answers((index + 1) * 2 * MS));
    t.source.apply(intents);
    t.world.run(1000 * MS);
    t.world.wakeUps = 0;
    t.world.run(10_000 * MS);
    expect(t.world.wakeUps).toBeLessThan(400);
    expect(t.losses).toEqual([]);
  });

  it('shows its loss, latency and jitter over the window', () => {
    const t = telemetry();
    t.world.path(target, (_, sequence) =>
      sequence % 4 === 0 ? 'lost' : { delayUs: sequence % 2 === 0 ? 2000 : 4000 },
    );
    t.source.apply([icmpIntent(icmpProbe({ windowSamples: 40, failAfter: 3 }))]);
    t.world.run(2000 * MS);
    expect(t.samples.at(-1)!.window).toMatchObject({ samples: 40, lossPercent: 25 });
    expect(t.samples.at(-1)!.window.latencyUs).toBeCloseTo(10_000 / 3, -2);
    expect(t.samples.at(-1)!.window.jitterUs).toBeCloseTo(4000 / 3, -2);
  });
});

describe('isolated losses', () => {
  it('do not make a session wake the process for each reply', () => {
    const t = telemetry();
    t.settle();
    t.world.path(target, (_, sequence) => (sequence % 5 === 0 ? 'lost' : { delayUs: 3 * MS }));
    t.world.ringWakes = 0;
    t.world.run(2000 * MS);
    expect(t.losses.length).toBeGreaterThan(15);
    expect(t.world.ringWakes).toBe(0);
  });
});

describe('a path that goes silent', () => {
  it.each([1, 2, 3, 5])('is told within 2 ms of the deadline that completes %i losses', (failAfter) => {
    const t = telemetry();
    t.settle(icmpIntent(icmpProbe({ failAfter })));
    const sent: number[] = [];
    t.world.path(target, (transmitUs) => {
      sent.push(transmitUs);
      return 'lost';
    });
    t.world.run(300 * MS);
    const completing = t.losses[failAfter - 1]!;
    expect(completing.atUs - (sent[failAfter - 1]! + 20 * MS)).toBeLessThanOrEqual(2 * MS);
    expect(cause(completing)).toBe('no reply within 20 ms');
  });

  it('has no probe lost before its timeout', () => {
    const t = telemetry();
    t.settle();
    const sent: number[] = [];
    t.world.path(target, (transmitUs) => {
      sent.push(transmitUs);
      return 'lost';
    });
    t.world.run(1000 * MS);
    t.losses.forEach(({ atUs }, index) => expect(atUs).toBeGreaterThanOrEqual(sent[index]! + 20 * MS));
    expect(t.losses.length).toBeGreaterThan(45);
  });

  it('is reported good at once when it answers again', () => {
    const t = telemetry();
    t.settle();
    t.world.path(target, () => 'lost');
    t.world.run(500 * MS);
    let first = 0;
    t.world.path(target, (transmitUs) => {
      first ||= transmitUs;
      return { delayUs: 3 * MS };
    });
    const before = t.samples.length;
    t.world.run(100 * MS);
    const good = t.samples.slice(before).find(({ outcome }) => outcome.ok)!;
    expect(good.atUs).toBe(first + 3 * MS);
  });

  it('does not look silent because an old probe is lost while newer ones are answered', () => {
    const t = telemetry();
    t.settle(icmpIntent(icmpProbe({ timeoutMs: 200 })));
    let lost = 0;
    t.world.path(target, () => (lost++ < 3 ? 'lost' : { delayUs: 3 * MS }));
    t.world.run(1000 * MS);
    const outcomes = t.samples.map(({ outcome }) => outcome.ok);
    expect(t.losses).toHaveLength(3);
    expect(outcomes.join()).not.toContain('false,false,false');
  });
});

describe('a late reply', () => {
  it('after its timeout is a loss, and counted', () => {
    const t = telemetry();
    t.settle();
    t.samples = [];
    t.world.path(target, answers(30 * MS));
    t.world.run(1000 * MS);
    expect(t.samples.every(({ outcome }) => !outcome.ok || outcome.rttUs === 3 * MS)).toBe(true);
    expect(t.losses.length).toBeGreaterThan(40);
    expect(t.counter('icmpLateReplies')).toBeGreaterThan(40);
  });

  it('that comes twice counts once', () => {
    const t = telemetry();
    t.settle();
    const before = t.counter('icmpAnswered');
    const stream = t.world.streams.get(t.onlySession)!;
    const twin = { session: stream.session, epoch: stream.epoch, sequence: 20, wrongPath: false };
    t.world.inject({ ...twin, transmitNs: BigInt(t.world.now * 1000), receiveNs: BigInt(t.world.now * 1000) });
    t.world.run(100 * MS);
    expect(t.counter('icmpAnswered') - before).toBeLessThanOrEqual(7);
    expect(t.counter('icmpLateReplies')).toBe(1);
  });
});

describe('a controller that stalls', () => {
  it('for 10 s declares nothing lost that was answered', () => {
    const t = telemetry();
    t.settle();
    t.world.processStalledUntilUs = t.world.now + 10_000 * MS;
    t.world.run(11_000 * MS);
    expect(t.losses).toEqual([]);
    expect(t.samples.length).toBeGreaterThan(560);
  });

  it('finds afterwards exactly the probes lost that were', () => {
    const t = telemetry();
    t.settle();
    const before = t.counter('icmpAnswered');
    let lost = 0;
    t.world.path(target, (_, sequence) => {
      const isLost = sequence % 10 < 2;
      if (isLost) lost++;
      return isLost ? 'lost' : { delayUs: 5 * MS };
    });
    t.world.processStalledUntilUs = t.world.now + 3000 * MS;
    t.world.run(3500 * MS);
    t.world.path(target, answers(5 * MS));
    t.world.run(200 * MS);
    expect(t.losses).toHaveLength(lost);
    expect(t.counter('icmpAnswered') - before).toBeGreaterThan(140);
  });

  it('for so long that the reply ring overflows is blind, and declares nothing lost', () => {
    const t = telemetry();
    const targets = Array.from({ length: 20 }, (_, index) => `198.51.100.${index + 1}`);
    for (const address of targets) t.world.path(address, answers(3 * MS));
    t.source.apply([icmpIntent(icmpProbe({ targets, intervalMs: 5, timeoutMs: 20 }))]);
    t.world.run(500 * MS);
    t.world.processStalledUntilUs = t.world.now + 5000 * MS;
    t.world.run(6000 * MS);
    expect(t.world.ringDrops).toBeGreaterThan(1000);
    expect(t.losses).toEqual([]);
    expect(t.blinds.map(({ detail }) => detail)).toEqual([expect.stringContaining('some found no room')]);
    expect(t.counter('icmpUnjudged')).toBeGreaterThan(1000);
  });
});

describe('a transmitter that stalls', () => {
  it('is blind, and nothing is lost because of it', () => {
    const t = telemetry();
    t.settle();
    t.world.transmitterStalledUntilUs = t.world.now + 500 * MS;
    t.world.run(1000 * MS);
    expect(t.losses).toEqual([]);
    expect(t.blinds.length).toBeGreaterThan(0);
    const last = t.blinds.at(-1)!;
    expect(last.toUs).toBeGreaterThan(last.fromUs);
  });

  it('for ever leaves its open probes without a verdict, and says so again and again without a busy loop', () => {
    const t = telemetry();
    t.settle(icmpIntent(icmpProbe({ timeoutMs: 200 })));
    t.world.path(target, () => 'lost');
    t.world.run(190 * MS);
    t.samples = [];
    t.world.transmitterStalledUntilUs = Number.MAX_SAFE_INTEGER;
    t.world.wakeUps = 0;
    t.world.run(10_000 * MS);
    // Ten are open; only those can be judged whose time was up before the stall could be seen (a missed heartbeat).
    expect(t.losses.length).toBeLessThanOrEqual(3);
    expect(t.blinds.length).toBeGreaterThanOrEqual(9);
    expect(t.blinds.length).toBeLessThanOrEqual(12);
    expect(t.world.wakeUps).toBeLessThan(1100);
  });

  it('together with the whole machine makes no loss of replies that the stall delayed', () => {
    const t = telemetry();
    const stallUs = 60 * MS;
    t.settle();
    t.world.path(target, answers(15 * MS));
    t.world.run(100 * MS);
    // Again and again, so that it catches probes under way at every phase.
    for (let round = 0; round < 20; round++) {
      const fromUs = t.world.now;
      const untilUs = fromUs + stallUs;
      t.world.holdReplies(untilUs);
      t.world.transmitterStalledUntilUs = untilUs;
      t.world.processStalledUntilUs = untilUs;
      t.world.run(stallUs + 203 * MS);
    }
    expect(Math.max(...t.samples.map(({ outcome }) => (outcome.ok ? outcome.rttUs : 0)))).toBeGreaterThan(50 * MS);
    expect(t.losses).toEqual([]);
    expect(t.blinds).toHaveLength(20);
  });

  it('by a little at every probe still finds a dead path', () => {
    const t = telemetry();
    t.settle();
    t.world.path(target, () => 'lost');
    for (let round = 0; round < 30; round++) {
      t.world.transmitterStalledUntilUs = t.world.now + 12 * MS;
      t.world.run(20 * MS);
    }
    expect(t.losses.length).toBeGreaterThan(5);
  });
});
