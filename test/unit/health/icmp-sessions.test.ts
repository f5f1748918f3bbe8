/** ICMP sessions in virtual time: failed sends, changed and missing paths, replies that do not pass XDP. */
import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/net/ip-address.js';
import { MacAddress } from '../../../src/net/mac-address.js';
import { examplePath, icmpIntent, icmpProbe } from '../../helpers/probe-intents.js';
import {
  MS,
  type VirtualTelemetry,
  answers,
  cause,
  target,
  useVirtualTelemetry,
} from '../../helpers/virtual-telemetry.js';

const { ENETDOWN, ENOBUFS, EPERM } = constants.errno;

const telemetry = useVirtualTelemetry();

describe('a failed send', () => {
  it('by a dead interface is a loss that names it', () => {
    const t = telemetry();
    t.settle();
    t.world.path(target, () => ({ errno: ENETDOWN }));
    t.world.run(200 * MS);
    expect(new Set(t.losses.map(cause))).toEqual(new Set(['send failed: ENETDOWN']));
    expect(t.counter('icmpSendFailed')).toBe(t.losses.length);
  });

  it('by a full queue is load and no loss', () => {
    const t = telemetry();
    t.settle();
    t.world.path(target, (_, sequence) => (sequence % 3 === 0 ? { delayUs: 3 * MS } : { errno: ENOBUFS }));
    t.world.run(2000 * MS);
    expect(t.losses).toEqual([]);
    expect(t.counter('icmpSendCongested')).toBeGreaterThan(60);
  });

  it('by a queue that lets nothing through for a quarter of a second is a loss', () => {
    const t = telemetry();
    t.settle();
    t.world.path(target, () => ({ errno: ENOBUFS }));
    t.world.run(240 * MS);
    expect(t.losses).toEqual([]);
    t.world.run(200 * MS);
    expect(t.losses.map(cause)[0]).toMatch(/^send failed: ENOBUFS for 2\d\d ms, nothing leaves$/);
  });

  it('by a refusal makes us blind, not the path dead', () => {
    const t = telemetry();
    t.settle();
    t.world.path(target, () => ({ errno: EPERM }));
    t.world.run(3000 * MS);
    expect(t.losses).toEqual([]);
    expect(t.blinds[0]!.detail).toBe('probes cannot be sent by wan0: send failed: EPERM');
    expect(t.blinds.length).toBeLessThan(5);
  });
});

describe('a reply by the wrong interface', () => {
  it('counts as not received', () => {
    const t = telemetry();
    t.settle();
    t.world.path(target, () => ({ delayUs: 3 * MS, wrongPath: true }));
    t.world.run(200 * MS);
    expect(t.losses.length).toBeGreaterThan(5);
    expect(t.counter('icmpWrongPath')).toBeGreaterThan(5);
  });
});

describe('a reply of an earlier time', () => {
  it('to the former user of the session means nothing', () => {
    const t = telemetry();
    t.settle();
    const { session, epoch } = t.world.streams.get(t.onlySession)!;
    t.world.run(100 * MS);
    const before = t.counter('icmpAnswered') + t.counter('icmpLateReplies') + t.counter('icmpWrongPath');
    const nowNs = BigInt(t.world.now * 1000);
    t.world.path(target, () => 'lost');
    t.world.inject({
      session,
      epoch: epoch ^ 1,
      sequence: 9999,
      transmitNs: nowNs,
      receiveNs: nowNs,
      wrongPath: false,
    });
    t.world.run(100 * MS);
    const after = t.counter('icmpAnswered') + t.counter('icmpLateReplies') + t.counter('icmpWrongPath');
    expect(after - before).toBeLessThanOrEqual(2);
    expect(Math.min(...t.samples.map(({ outcome }) => (outcome.ok ? outcome.rttUs : 3 * MS)))).toBe(3 * MS);
  });
});

describe('reconciling', () => {
  it('leaves sessions alone that did not change', () => {
    const t = telemetry();
    const intent = icmpIntent(icmpProbe());
    t.settle(intent);
    const stream = t.world.streams.get(t.onlySession);
    t.source.apply([icmpIntent(icmpProbe({ quorum: 2 }))]);
    expect(t.world.streams.get(t.onlySession)).toBe(stream);
  });

  it('gives a changed path a new epoch in the same session, and judges nothing that was sent by the old one', () => {
    const t = telemetry();
    const probe = icmpProbe({ timeoutMs: 200 });
    t.settle(icmpIntent(probe));
    const before = t.world.streams.get(t.onlySession)!;
    let open = 0;
    t.world.path(target, () => {
      open++;
      return 'lost';
    });
    t.world.run(100 * MS);
    expect(open).toBeGreaterThanOrEqual(4);
    t.world.path(target, answers(3 * MS));
    const moved = { ...examplePath(), gatewayMac: MacAddress.parse('02:00:5e:00:00:02') };
    t.source.apply([icmpIntent(probe, moved)]);
    const after = t.world.streams.get(t.onlySession)!;
    expect(after.session).toBe(before.session);
    expect(after.epoch).not.toBe(before.epoch);
    expect(t.world.sessions.get(after.session)).toMatchObject({ epoch: after.epoch });
    t.world.run(1000 * MS);
    expect(t.losses).toEqual([]);
    expect(t.samples.at(-1)!.window.samples).toBeGreaterThan(90);
  });

  it('frees sessions that are no longer wanted, and their late replies mean nothing', () => {
    const t = telemetry();
    t.settle();
    t.source.apply([]);
    expect(t.world.streams.size).toBe(0);
    expect(t.world.sessions.size).toBe(0);
    t.samples = [];
    t.world.run(1000 * MS);
    expect(t.samples).toEqual([]);
  });

  it('reports the reason as a loss where there is no path, at the pace of the probe but not faster than 200 ms', () => {
    const t = telemetry();
    t.source.apply([icmpIntent(icmpProbe(), null, 'wan0 has no IPv4 address')]);
    t.world.run(1050 * MS);
    expect(t.samples.map(cause)).toEqual(Array.from({ length: 5 }, () => 'wan0 has no IPv4 address'));
    t.source.apply([icmpIntent(icmpProbe(), null, 'wan0 is down')]);
    t.world.run(200 * MS);
    expect(cause(t.samples.at(-1)!)).toBe('wan0 is down');
  });

  it('stops a session whose path goes away and starts it when the path is back', () => {
    const t = telemetry();
    t.settle();
    t.source.apply([icmpIntent(icmpProbe(), null, 'wan0 is down')]);
    expect(t.world.streams.size).toBe(0);
    t.world.run(500 * MS);
    expect(new Set(t.losses.map(cause))).toEqual(new Set(['wan0 is down']));
    t.samples = [];
    t.source.apply([icmpIntent(icmpProbe())]);
    t.world.run(500 * MS);
    expect(t.samples.length).toBeGreaterThan(20);
    expect(t.losses).toEqual([]);
  });

  it('tries again where the addon refuses the stream, and says why until then', () => {
    const t = telemetry();
    t.world.path(target, answers(3 * MS));
    t.world.refuseStreams = 'ENODEV';
    t.source.apply([icmpIntent(icmpProbe())]);
    t.world.run(450 * MS);
    expect(t.samples.map(cause)).toEqual(
      Array.from({ length: 2 }, () => 'probes cannot be sent by wan0: ENODEV: sendto'),
    );
    t.world.refuseStreams = null;
    t.world.run(500 * MS);
    expect(t.samples.at(-1)!.outcome.ok).toBe(true);
    expect(t.losses).toHaveLength(2);
  });

  it('sends to the gateway where the target says so, under the key "gateway"', () => {
    const t = telemetry();
    t.world.path('192.0.2.1', answers(MS));
    t.source.apply([icmpIntent(icmpProbe({ targets: ['gateway', target] }))]);
    t.world.run(300 * MS);
    const good = t.samples.filter(({ outcome }) => outcome.ok);
    expect(new Set(good.map((sample) => sample.target))).toEqual(new Set(['gateway']));
    expect(new Set(t.losses.map((sample) => sample.target))).toEqual(new Set([target]));
  });

  it('says when no session is left instead of failing', () => {
    const t = telemetry();
    const targets = Array.from({ length: 1024 }, (_, index) => `198.18.${index >> 8}.${index & 255}`);
    t.source.apply([icmpIntent(icmpProbe({ targets, intervalMs: 1000, timeoutMs: 1000 }))]);
    expect(t.world.streams.size).toBe(1023);
    expect(t.world.streams.has(0)).toBe(false);
    t.world.run(1001 * MS);
    expect(t.losses.filter((sample) => cause(sample) === 'no probe session is free')).toHaveLength(1);
  });
});

describe('where replies do not pass XDP', () => {
  /** Passes follow the event loop's poll phase there: let real turns of it go by. */
  async function run(t: VirtualTelemetry, durationUs: number): Promise<void> {
    for (let passed = 0; passed < durationUs; passed += MS) {
      t.world.run(MS);
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    }
  }

  it('one socket for each interface and family receives them', async () => {
    const t = telemetry();
    const path = examplePath({ xdp: false });
    t.world.path(target, answers(3 * MS));
    t.world.path('198.51.100.2', answers(4 * MS));
    t.source.apply([icmpIntent(icmpProbe({ targets: [target, '198.51.100.2'] }), path)]);
    expect(t.world.receivers).toMatchObject([{ ifindex: 3, ifname: 'wan0', family: 4 }]);
    expect(t.world.sessions.size).toBe(0);
    await run(t, 300 * MS);
    expect(t.samples.length).toBeGreaterThan(25);
    expect(t.losses).toEqual([]);
    t.source.apply([]);
    expect(t.world.receivers).toEqual([]);
  });

  it('one that comes by the socket of another interface counts as not received', async () => {
    const t = telemetry();
    const other = { ...icmpIntent(icmpProbe(), examplePath({ xdp: false, ifindex: 4 })), uplink: 'lte' };
    t.source.apply([icmpIntent(icmpProbe(), examplePath({ xdp: false })), other]);
    const [first] = [...t.world.streams.values()];
    const { session, epoch } = first!;
    const nowNs = BigInt(t.world.now * 1000);
    const reply = { session, epoch, sequence: 1, transmitNs: nowNs, receiveNs: nowNs, source: new Uint8Array(4) };
    t.world.receivers[1]!.onReply(reply);
    await run(t, 10 * MS);
    expect(t.counter('icmpWrongPath')).toBe(1);
    expect(t.counter('icmpAnswered')).toBe(0);
    t.world.receivers[0]!.onReply(reply);
    await run(t, 10 * MS);
    expect(t.counter('icmpAnswered')).toBe(1);
  });

  it('silence is found in time there, too', async () => {
    const t = telemetry();
    t.world.path(target, answers(3 * MS));
    t.source.apply([icmpIntent(icmpProbe(), examplePath({ xdp: false }))]);
    await run(t, 200 * MS);
    const sent: number[] = [];
    t.world.path(target, (transmitUs) => {
      sent.push(transmitUs);
      return 'lost';
    });
    await run(t, 200 * MS);
    expect(t.losses[2]!.atUs - (sent[2]! + 20 * MS)).toBeLessThanOrEqual(3 * MS);
  });

  it('replies that wait in the socket while the process stalls are read before anything is judged', async () => {
    const t = telemetry();
    t.world.path(target, answers(3 * MS));
    t.source.apply([icmpIntent(icmpProbe(), examplePath({ xdp: false }))]);
    await run(t, 200 * MS);
    t.world.processStalledUntilUs = t.world.now + 150 * MS;
    t.world.run(160 * MS);
    await run(t, 200 * MS);
    expect(t.losses).toEqual([]);
    expect(t.counter('icmpUnjudged')).toBe(0);
  });

  it('a stall that may have overflowed the socket makes no loss', async () => {
    const t = telemetry();
    t.world.path(target, answers(3 * MS));
    t.source.apply([icmpIntent(icmpProbe(), examplePath({ xdp: false }))]);
    await run(t, 200 * MS);
    t.world.path(target, () => 'lost');
    t.world.processStalledUntilUs = t.world.now + 1000 * MS;
    t.world.run(1000 * MS);
    t.world.path(target, answers(3 * MS));
    await run(t, 200 * MS);
    expect(t.losses.length).toBeLessThanOrEqual(1);
    expect(t.counter('icmpUnjudged')).toBeGreaterThan(40);
  });
});

describe('closing', () => {
  it('frees everything and leaves no timer', async () => {
    const t = telemetry();
    t.settle();
    t.source.apply([icmpIntent(icmpProbe()), { ...icmpIntent(icmpProbe(), null, 'down'), uplink: 'lte' }]);
    await t.source.close();
    t.world.wakeUps = 0;
    t.world.run(5000 * MS);
    expect(t.world.wakeUps).toBe(0);
    expect(t.world.streams.size).toBe(0);
  });

  it('leaves the reply ring readable by nobody: what is still in it is read and means nothing', async () => {
    const t = telemetry();
    t.settle();
    const { session, epoch } = t.world.streams.get(t.onlySession)!;
    await t.source.close();
    t.samples = [];
    const nowNs = BigInt(t.world.now * 1000);
    t.world.inject({ session, epoch, sequence: 9999, transmitNs: nowNs, receiveNs: nowNs, wrongPath: false });
    t.world.wake();
    expect(t.world.unread).toBe(0);
    expect(t.samples).toEqual([]);
  });
});

it('an IPv6 target of a probe is not part of its IPv4', () => {
  const t = telemetry();
  const probe = { ...icmpProbe(), targets: [IpAddress.parse(target), IpAddress.parse('2001:db8:f::1')] };
  t.source.apply([icmpIntent(probe)]);
  expect(t.world.streams.size).toBe(1);
});
