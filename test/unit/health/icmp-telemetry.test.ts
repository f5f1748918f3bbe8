/** ICMP probes end to end in virtual time: what is declared lost, when, and above all what is not. */
import { constants } from 'node:os';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ProbeIntent, ProbeSample, TelemetryBlind, TelemetrySource } from '../../../src/controller/ports.js';
import { createTelemetry } from '../../../src/health/index.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { MacAddress } from '../../../src/net/mac-address.js';
import { examplePath, icmpIntent, icmpProbe } from '../../helpers/probe-intents.js';
import { type PathModel, VirtualWorld } from '../../helpers/virtual-world.js';

const { ENETDOWN, ENOBUFS, EPERM } = constants.errno;
const target = '198.51.100.1';
const MS = 1000;

interface Seen extends ProbeSample {
  atUs: number;
}

let world: VirtualWorld;
let telemetry: TelemetrySource;
let samples: Seen[];
let blinds: TelemetryBlind[];

beforeEach(() => {
  world = new VirtualWorld();
  let seed = 1;
  const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
  telemetry = createTelemetry({ native: world.native, replies: world.replies, clock: world.clock, random });
  samples = [];
  blinds = [];
  telemetry.onSamples((batch) => samples.push(...batch.map((sample) => ({ ...sample, atUs: world.now }))));
  telemetry.onBlind((blind) => blinds.push(blind));
});

const answers =
  (delayUs: number): PathModel =>
  () => ({ delayUs });
const losses = (): Seen[] => samples.filter(({ outcome }) => !outcome.ok);
const cause = ({ outcome }: ProbeSample): string => (outcome.ok ? 'ok' : outcome.cause);
const onlySession = (): number => [...world.streams.keys()][0]!;

/** Applies, and lets the path be good for a second. */
function settle(intent: ProbeIntent = icmpIntent(icmpProbe())): void {
  world.path(target, answers(3 * MS));
  telemetry.apply([intent]);
  world.run(1000 * MS);
}

describe('a good path', () => {
  it('gives a sample with the exact round trip for every probe', () => {
    settle();
    expect(samples.length).toBeGreaterThanOrEqual(47);
    expect(samples.every(({ outcome }) => outcome.ok && outcome.rttUs === 3 * MS)).toBe(true);
    expect(samples.at(-1)).toMatchObject({
      uplink: 'fibre',
      family: 4,
      probe: 'icmp-1',
      target,
      window: { samples: samples.length, lossPercent: 0, latencyUs: 3 * MS, jitterUs: 0 },
    });
  });

  it('is reported at once until it has proved itself, then without waking for each reply', () => {
    world.path(target, answers(3 * MS));
    telemetry.apply([icmpIntent(icmpProbe())]);
    world.run(4 * MS);
    expect(samples).toHaveLength(1);
    world.run(60 * MS);
    expect([...world.sessions.values()]).toMatchObject([{ wake: false, ifindex: 3 }]);
  });

  it('costs about one wake-up per interval for eight sessions together', () => {
    const targets = ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4'];
    const intents = [3, 4].map((ifindex) => ({
      ...icmpIntent(icmpProbe({ targets }), examplePath({ ifindex })),
      uplink: `uplink${ifindex}`,
    }));
    for (const [index, address] of targets.entries()) world.path(address, answers((index + 1) * 2 * MS));
    telemetry.apply(intents);
    world.run(1000 * MS);
    world.wakeUps = 0;
    world.run(10_000 * MS);
    expect(world.wakeUps).toBeLessThan(600);
    expect(losses()).toEqual([]);
  });

  it('shows its loss, latency and jitter over the window', () => {
    world.path(target, (_, sequence) => (sequence % 4 === 0 ? 'lost' : { delayUs: sequence % 2 === 0 ? 2000 : 4000 }));
    telemetry.apply([icmpIntent(icmpProbe({ windowSamples: 40, failAfter: 3 }))]);
    world.run(2000 * MS);
    expect(samples.at(-1)!.window).toMatchObject({ samples: 40, lossPercent: 25 });
    expect(samples.at(-1)!.window.latencyUs).toBeCloseTo(10_000 / 3, -2);
    expect(samples.at(-1)!.window.jitterUs).toBeCloseTo(4000 / 3, -2);
  });
});

describe('a path that goes silent', () => {
  it.each([1, 2, 3, 5])('is told within 2 ms of the deadline that completes %i losses', (failAfter) => {
    settle(icmpIntent(icmpProbe({ failAfter })));
    const sent: number[] = [];
    world.path(target, (transmitUs) => {
      sent.push(transmitUs);
      return 'lost';
    });
    world.run(300 * MS);
    const completing = losses()[failAfter - 1]!;
    expect(completing.atUs - (sent[failAfter - 1]! + 20 * MS)).toBeLessThanOrEqual(2 * MS);
    expect(cause(completing)).toBe('no reply within 20 ms');
  });

  it('has no probe lost before its timeout', () => {
    settle();
    const sent: number[] = [];
    world.path(target, (transmitUs) => {
      sent.push(transmitUs);
      return 'lost';
    });
    world.run(1000 * MS);
    losses().forEach(({ atUs }, index) => expect(atUs).toBeGreaterThanOrEqual(sent[index]! + 20 * MS));
    expect(losses().length).toBeGreaterThan(45);
  });

  it('is reported good at once when it answers again', () => {
    settle();
    world.path(target, () => 'lost');
    world.run(500 * MS);
    let first = 0;
    world.path(target, (transmitUs) => {
      first ||= transmitUs;
      return { delayUs: 3 * MS };
    });
    const before = samples.length;
    world.run(100 * MS);
    const good = samples.slice(before).find(({ outcome }) => outcome.ok)!;
    expect(good.atUs).toBe(first + 3 * MS);
  });

  it('does not look silent because an old probe is lost while newer ones are answered', () => {
    settle(icmpIntent(icmpProbe({ timeoutMs: 200 })));
    let lost = 0;
    world.path(target, () => (lost++ < 3 ? 'lost' : { delayUs: 3 * MS }));
    world.run(1000 * MS);
    const outcomes = samples.map(({ outcome }) => outcome.ok);
    expect(losses()).toHaveLength(3);
    expect(outcomes.join()).not.toContain('false,false,false');
  });
});

describe('a late reply', () => {
  it('after its timeout is a loss, and counted', () => {
    settle();
    samples = [];
    world.path(target, answers(30 * MS));
    world.run(1000 * MS);
    expect(samples.every(({ outcome }) => !outcome.ok || outcome.rttUs === 3 * MS)).toBe(true);
    expect(losses().length).toBeGreaterThan(40);
    expect(telemetry.statistics().icmpLateReplies).toBeGreaterThan(40);
  });

  it('that comes twice counts once', () => {
    settle();
    const before = telemetry.statistics().icmpAnswered!;
    const stream = world.streams.get(onlySession())!;
    const twin = { session: stream.session, epoch: stream.epoch, sequence: 20, wrongPath: false };
    world.inject({ ...twin, transmitNs: BigInt(world.now * 1000), receiveNs: BigInt(world.now * 1000) });
    world.run(100 * MS);
    expect(telemetry.statistics().icmpAnswered! - before).toBeLessThanOrEqual(7);
    expect(telemetry.statistics().icmpLateReplies).toBe(1);
  });
});

describe('a controller that stalls', () => {
  it('for 10 s declares nothing lost that was answered', () => {
    settle();
    world.processStalledUntilUs = world.now + 10_000 * MS;
    world.run(11_000 * MS);
    expect(losses()).toEqual([]);
    expect(samples.length).toBeGreaterThan(560);
  });

  it('finds afterwards exactly the probes lost that were', () => {
    settle();
    const before = telemetry.statistics().icmpAnswered!;
    let lost = 0;
    world.path(target, (_, sequence) => {
      const isLost = sequence % 10 < 2;
      if (isLost) lost++;
      return isLost ? 'lost' : { delayUs: 5 * MS };
    });
    world.processStalledUntilUs = world.now + 3000 * MS;
    world.run(3500 * MS);
    world.path(target, answers(5 * MS));
    world.run(200 * MS);
    expect(losses()).toHaveLength(lost);
    expect(telemetry.statistics().icmpAnswered! - before).toBeGreaterThan(140);
  });

  it('for so long that the reply ring overflows is blind, and declares nothing lost', () => {
    const targets = Array.from({ length: 20 }, (_, index) => `198.51.100.${index + 1}`);
    for (const address of targets) world.path(address, answers(3 * MS));
    telemetry.apply([icmpIntent(icmpProbe({ targets, intervalMs: 5, timeoutMs: 20 }))]);
    world.run(500 * MS);
    world.processStalledUntilUs = world.now + 5000 * MS;
    world.run(6000 * MS);
    expect(world.ringDrops).toBeGreaterThan(1000);
    expect(losses()).toEqual([]);
    expect(blinds.map(({ detail }) => detail)).toEqual([expect.stringContaining('some found no room')]);
    expect(telemetry.statistics().icmpUnjudged).toBeGreaterThan(1000);
  });
});

describe('a transmitter that stalls', () => {
  it('is blind, and nothing is lost because of it', () => {
    settle();
    world.transmitterStalledUntilUs = world.now + 500 * MS;
    world.run(1000 * MS);
    expect(losses()).toEqual([]);
    expect(blinds.length).toBeGreaterThan(0);
    const last = blinds.at(-1)!;
    expect(last.toUs).toBeGreaterThan(last.fromUs);
  });

  it('for ever leaves its open probes without a verdict, and says so again and again without a busy loop', () => {
    settle();
    world.path(target, () => 'lost');
    world.run(15 * MS);
    samples = [];
    world.transmitterStalledUntilUs = Number.MAX_SAFE_INTEGER;
    world.wakeUps = 0;
    world.run(10_000 * MS);
    expect(losses().length).toBeLessThanOrEqual(1);
    expect(blinds.length).toBeGreaterThanOrEqual(9);
    expect(world.wakeUps).toBeLessThan(1100);
  });

  it('together with the whole machine makes no loss of replies that the stall delayed', () => {
    settle();
    const stallUs = 60 * MS;
    const fromUs = world.now;
    world.path(target, (transmitUs) => {
      const arrivesUs = transmitUs + 3 * MS;
      return { delayUs: arrivesUs > fromUs && arrivesUs < fromUs + stallUs ? fromUs + stallUs - transmitUs : 3 * MS };
    });
    world.transmitterStalledUntilUs = fromUs + stallUs;
    world.processStalledUntilUs = fromUs + stallUs;
    world.run(1000 * MS);
    expect(losses()).toEqual([]);
    expect(blinds).toHaveLength(1);
  });

  it('by a little at every probe still finds a dead path', () => {
    settle();
    world.path(target, () => 'lost');
    for (let round = 0; round < 30; round++) {
      world.transmitterStalledUntilUs = world.now + 12 * MS;
      world.run(20 * MS);
    }
    expect(losses().length).toBeGreaterThan(5);
  });
});

describe('a failed send', () => {
  it('by a dead interface is a loss that names it', () => {
    settle();
    world.path(target, () => ({ errno: ENETDOWN }));
    world.run(200 * MS);
    expect(new Set(losses().map(cause))).toEqual(new Set(['send failed: ENETDOWN']));
    expect(telemetry.statistics().icmpSendFailed).toBe(losses().length);
  });

  it('by a full queue is load and no loss', () => {
    settle();
    world.path(target, (_, sequence) => (sequence % 3 === 0 ? { delayUs: 3 * MS } : { errno: ENOBUFS }));
    world.run(2000 * MS);
    expect(losses()).toEqual([]);
    expect(telemetry.statistics().icmpSendCongested).toBeGreaterThan(60);
  });

  it('by a queue that lets nothing through for a quarter of a second is a loss', () => {
    settle();
    world.path(target, () => ({ errno: ENOBUFS }));
    world.run(240 * MS);
    expect(losses()).toEqual([]);
    world.run(200 * MS);
    expect(losses().map(cause)[0]).toMatch(/^send failed: ENOBUFS for 2\d\d ms, nothing leaves$/);
  });

  it('by a refusal makes us blind, not the path dead', () => {
    settle();
    world.path(target, () => ({ errno: EPERM }));
    world.run(3000 * MS);
    expect(losses()).toEqual([]);
    expect(blinds[0]!.detail).toBe('probes cannot be sent by wan0: send failed: EPERM');
    expect(blinds.length).toBeLessThan(5);
  });
});

describe('a reply by the wrong interface', () => {
  it('counts as not received', () => {
    settle();
    world.path(target, () => ({ delayUs: 3 * MS, wrongPath: true }));
    world.run(200 * MS);
    expect(losses().length).toBeGreaterThan(5);
    expect(telemetry.statistics().icmpWrongPath).toBeGreaterThan(5);
  });
});

describe('reconciling', () => {
  it('leaves sessions alone that did not change', () => {
    const intent = icmpIntent(icmpProbe());
    settle(intent);
    const stream = world.streams.get(onlySession());
    telemetry.apply([icmpIntent(icmpProbe({ quorum: 2 }))]);
    expect(world.streams.get(onlySession())).toBe(stream);
  });

  it('gives a changed path a new epoch in the same session, and loses nothing by it', () => {
    settle();
    const before = world.streams.get(onlySession())!;
    world.run(1 * MS);
    const moved = { ...examplePath(), gatewayMac: MacAddress.parse('02:00:5e:00:00:02') };
    telemetry.apply([icmpIntent(icmpProbe(), moved)]);
    const after = world.streams.get(onlySession())!;
    expect(after.session).toBe(before.session);
    expect(after.epoch).not.toBe(before.epoch);
    expect(world.sessions.get(after.session)).toMatchObject({ epoch: after.epoch });
    world.run(1000 * MS);
    expect(losses()).toEqual([]);
    expect(samples.at(-1)!.window.samples).toBeGreaterThan(90);
  });

  it('frees sessions that are no longer wanted, and their late replies mean nothing', () => {
    settle();
    telemetry.apply([]);
    expect(world.streams.size).toBe(0);
    expect(world.sessions.size).toBe(0);
    samples = [];
    world.run(1000 * MS);
    expect(samples).toEqual([]);
  });

  it('reports the reason as a loss where there is no path, at the pace of the probe but not faster than 200 ms', () => {
    telemetry.apply([icmpIntent(icmpProbe(), null, 'wan0 has no IPv4 address')]);
    world.run(1050 * MS);
    expect(samples.map(cause)).toEqual(Array.from({ length: 5 }, () => 'wan0 has no IPv4 address'));
    telemetry.apply([icmpIntent(icmpProbe(), null, 'wan0 is down')]);
    world.run(200 * MS);
    expect(cause(samples.at(-1)!)).toBe('wan0 is down');
  });

  it('stops a session whose path goes away and starts it when the path is back', () => {
    settle();
    telemetry.apply([icmpIntent(icmpProbe(), null, 'wan0 is down')]);
    expect(world.streams.size).toBe(0);
    world.run(500 * MS);
    expect(new Set(losses().map(cause))).toEqual(new Set(['wan0 is down']));
    samples = [];
    telemetry.apply([icmpIntent(icmpProbe())]);
    world.run(500 * MS);
    expect(samples.length).toBeGreaterThan(20);
    expect(losses()).toEqual([]);
  });

  it('tries again where the addon refuses the stream, and says why until then', () => {
    world.path(target, answers(3 * MS));
    world.refuseStreams = 'ENODEV';
    telemetry.apply([icmpIntent(icmpProbe())]);
    world.run(450 * MS);
    expect(samples.map(cause)).toEqual(
      Array.from({ length: 2 }, () => 'probes cannot be sent by wan0: ENODEV: sendto'),
    );
    world.refuseStreams = null;
    world.run(500 * MS);
    expect(samples.at(-1)!.outcome.ok).toBe(true);
    expect(losses()).toHaveLength(2);
  });

  it('sends to the gateway where the target says so, under the key "gateway"', () => {
    world.path('192.0.2.1', answers(MS));
    telemetry.apply([icmpIntent(icmpProbe({ targets: ['gateway', target] }))]);
    world.run(300 * MS);
    const good = samples.filter(({ outcome }) => outcome.ok);
    expect(new Set(good.map((sample) => sample.target))).toEqual(new Set(['gateway']));
    expect(new Set(losses().map((sample) => sample.target))).toEqual(new Set([target]));
  });

  it('says when no session is left instead of failing', () => {
    const targets = Array.from({ length: 1024 }, (_, index) => `198.18.${index >> 8}.${index & 255}`);
    telemetry.apply([icmpIntent(icmpProbe({ targets, intervalMs: 1000, timeoutMs: 1000 }))]);
    expect(world.streams.size).toBe(1023);
    expect(world.streams.has(0)).toBe(false);
    world.run(1001 * MS);
    expect(losses().filter((sample) => cause(sample) === 'no probe session is free')).toHaveLength(1);
  });
});

describe('where replies do not pass XDP', () => {
  /** Passes follow the event loop's poll phase there: let real turns of it go by. */
  async function run(durationUs: number): Promise<void> {
    for (let passed = 0; passed < durationUs; passed += MS) {
      world.run(MS);
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    }
  }

  it('one socket for each interface and family receives them', async () => {
    const path = examplePath({ xdp: false });
    world.path(target, answers(3 * MS));
    world.path('198.51.100.2', answers(4 * MS));
    telemetry.apply([icmpIntent(icmpProbe({ targets: [target, '198.51.100.2'] }), path)]);
    expect(world.receivers).toMatchObject([{ ifindex: 3, ifname: 'wan0', family: 4 }]);
    expect(world.sessions.size).toBe(0);
    await run(300 * MS);
    expect(samples.length).toBeGreaterThan(25);
    expect(losses()).toEqual([]);
    telemetry.apply([]);
    expect(world.receivers).toEqual([]);
  });

  it('silence is found in time there, too', async () => {
    world.path(target, answers(3 * MS));
    telemetry.apply([icmpIntent(icmpProbe(), examplePath({ xdp: false }))]);
    await run(200 * MS);
    const sent: number[] = [];
    world.path(target, (transmitUs) => {
      sent.push(transmitUs);
      return 'lost';
    });
    await run(200 * MS);
    expect(losses()[2]!.atUs - (sent[2]! + 20 * MS)).toBeLessThanOrEqual(3 * MS);
  });

  it('a stall that may have overflowed the socket makes no loss', async () => {
    world.path(target, answers(3 * MS));
    telemetry.apply([icmpIntent(icmpProbe(), examplePath({ xdp: false }))]);
    await run(200 * MS);
    world.path(target, () => 'lost');
    world.processStalledUntilUs = world.now + 1000 * MS;
    world.run(1000 * MS);
    world.path(target, answers(3 * MS));
    await run(200 * MS);
    expect(losses().length).toBeLessThanOrEqual(1);
    expect(telemetry.statistics().icmpUnjudged).toBeGreaterThan(40);
  });
});

describe('closing', () => {
  it('frees everything and leaves no timer', async () => {
    settle();
    telemetry.apply([icmpIntent(icmpProbe()), { ...icmpIntent(icmpProbe(), null, 'down'), uplink: 'lte' }]);
    await telemetry.close();
    world.wakeUps = 0;
    world.run(5000 * MS);
    expect(world.wakeUps).toBe(0);
    expect(world.streams.size).toBe(0);
  });
});

it('an IPv6 target of a probe is not part of its IPv4', () => {
  const probe = { ...icmpProbe(), targets: [IpAddress.parse(target), IpAddress.parse('2001:db8:f::1')] };
  telemetry.apply([icmpIntent(probe)]);
  expect(world.streams.size).toBe(1);
});
