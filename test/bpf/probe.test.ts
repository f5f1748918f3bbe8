/** Replies to our own probes: recognised by their cookie, timed, reported and consumed; everything else is left alone. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { littleRouter, SETTINGS_FORWARD } from '../helpers/bpf/little-router.js';
import { COOKIE_KEY, drainEvents, echoReply, probePayload } from '../helpers/bpf/probe-frames.js';
import { frameTable } from '../helpers/bpf/scapy.js';
import type { TestRouter } from '../helpers/bpf/test-router.js';
import { until } from '../helpers/poll.js';
import { native, type RingBuffer } from '../../src/native.js';

const ACTIVE = 1;
const WAKE = 2;
const KEY_WORDS: [bigint, bigint] = [0x0706050403020100n, 0x0f0e0d0c0b0a0908n];

const FIELDS = { session: 3, epoch: 7, sequence: 0x10002, transmitNs: 0x1122334455667788n };
const TO_US = `IP(src='203.0.113.9', dst='192.0.2.1')`;
const TO_US6 = `IPv6(src='2001:db8:f::9', dst='2001:db8:ffff::1')`;

const GENUINE = probePayload(FIELDS);
const RAW = `Raw(bytes.fromhex('${GENUINE.toString('hex')}'))`;

/** What only looks like a reply, by what is wrong with it. */
const LOOKALIKES = {
  'an echo request': `E/${TO_US}/ICMP(type=8, id=0xde70, seq=2)/${RAW}`,
  'an IPv6 echo request': `E/${TO_US6}/ICMPv6EchoRequest(id=0xde70, seq=2)/${RAW}`,
  'another identifier': `E/${TO_US}/${echoReply(4, GENUINE, { id: 0xde71 })}`,
  'another code': `E/${TO_US}/${echoReply(4, GENUINE, { code: 1 })}`,
  'another magic': `E/${TO_US}/${echoReply(4, Buffer.from(GENUINE).fill(1, 0, 4))}`,
  'a payload that is a byte short': `E/${TO_US}/${echoReply(4, GENUINE.subarray(0, 31))}`,
  'a payload that ends in the padding': `E/IP(src='203.0.113.9', dst='192.0.2.1', len=52)/${echoReply(4, GENUINE)}`,
  'ICMPv6 in IPv4': `E/IP(src='203.0.113.9', dst='192.0.2.1', proto=58)/${echoReply(6, GENUINE)}`,
  'ICMP in IPv6': `E/IPv6(src='2001:db8::9', dst='2001:db8:ffff::1', nh=1)/${echoReply(4, GENUINE)}`,
  'a fragment': `E/IP(src='203.0.113.9', dst='192.0.2.1', flags='MF')/${echoReply(4, GENUINE)}`,
  'UDP with the same bytes': `E/IP(src='203.0.113.9', dst='192.0.2.1', proto=17)/${echoReply(4, GENUINE)}`,
};

// openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:8 -in PAYLOAD24 SIPHASH
const OPENSSL_COOKIE = 0xfc5139b93f3cbef6n;

const frame = frameTable({
  genuine: `E/${TO_US}/${echoReply(4, GENUINE)}`,
  genuine6: `E/IPv6(src='fe80::9', dst='fe80::1', hlim=1)/${echoReply(6, GENUINE)}`,
  openssl: `E/${TO_US}/${echoReply(4, probePayload({ ...FIELDS, cookie: OPENSSL_COOKIE }))}`,
  inVlan: `E/Dot1Q(vlan=100)/${TO_US}/${echoReply(4, GENUINE)}`,
  outOfRange: `E/${TO_US}/${echoReply(4, probePayload({ ...FIELDS, session: 0xffffffff }))}`,
  traffic: `E/IP(src='203.0.113.9', dst='198.51.1.1')/UDP()`,
  ...LOOKALIKES,
});

let router: TestRouter;
let ring: RingBuffer;
let wakeUps = 0;

beforeAll(() => {
  router = littleRouter();
  ring = native.openRingBuffer(router.object.map('events').fd, () => wakeUps++);
});
afterAll(() => {
  ring.close();
  router.close();
});
beforeEach(async () => {
  await turnEventLoop();
  drainEvents(ring);
  wakeUps = 0;
  router.settings(SETTINGS_FORWARD, KEY_WORDS);
  session(3, { flags: ACTIVE, ifindex: 1, epoch: 7 });
});

function session(id: number, fields: { flags: number; ifindex: number; epoch: number }): void {
  router.set('probe_sessions', id, fields);
}

/** Lets the event loop look for ready descriptors a few times. */
async function turnEventLoop(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a genuine reply', () => {
  it('is consumed and reported with both times, IPv4', () => {
    const reply = frame('genuine');
    const before = native.monotonicNs();
    const result = router.run(reply);
    const after = native.monotonicNs();
    expect(result).toMatchObject({ verdict: 'DROP', reasons: { '1:PROBE_REPLY': 1 } });
    const [event, ...others] = drainEvents(ring);
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      type: 1,
      ...FIELDS,
      ifindex: 1,
      family: 4,
      wrongPath: 0,
      source: 'cb007109' + '00'.repeat(12),
    });
    expect(event?.receiveNs).toBeGreaterThanOrEqual(before);
    expect(event?.receiveNs).toBeLessThanOrEqual(after);
  });

  it('is consumed from a link-local gateway and with hop limit 1, IPv6', () => {
    expect(router.run(frame('genuine6'))).toMatchObject({ verdict: 'DROP', reasons: { '1:PROBE_REPLY': 1 } });
    expect(drainEvents(ring)).toMatchObject([
      { ...FIELDS, family: 6, wrongPath: 0, source: 'fe80' + '00'.repeat(13) + '09' },
    ]);
  });

  it('has a cookie that OpenSSL computes alike', () => {
    expect(native.sipHash(COOKIE_KEY, GENUINE.subarray(0, 24))).toBe(OPENSSL_COOKIE);
    expect(router.run(frame('openssl')).verdict).toBe('DROP');
  });

  it('names the VLAN interface that it came by', () => {
    session(3, { flags: ACTIVE, ifindex: 101, epoch: 7 });
    const result = router.run(frame('inVlan'));
    expect(result.reasons).toEqual({ '2:PROBE_REPLY': 1 });
    expect(drainEvents(ring)).toMatchObject([{ ifindex: 101, wrongPath: 0 }]);
  });

  it('by another interface than the session is reported as such', () => {
    session(3, { flags: ACTIVE, ifindex: 101, epoch: 7 });
    const result = router.run(frame('genuine'));
    expect(result).toMatchObject({ verdict: 'DROP', reasons: { '1:PROBE_WRONG_PATH': 1 } });
    expect(drainEvents(ring)).toMatchObject([{ ...FIELDS, ifindex: 1, wrongPath: 1 }]);
  });

  it('counts in observe mode too, when nothing is forwarded', () => {
    router.settings(0, KEY_WORDS);
    expect(router.run(frame('genuine')).reasons).toEqual({ '1:PROBE_REPLY': 1 });
    expect(router.run(frame('traffic'))).toMatchObject({
      verdict: 'PASS',
      reasons: { '1:FORWARDING_OFF': 1 },
    });
  });

  it.each([
    ['another epoch', { epoch: 8, flags: ACTIVE, ifindex: 1 }],
    ['a session that has ended', { epoch: 7, flags: 0, ifindex: 1 }],
  ])('to %s is consumed without an event', (_, fields) => {
    session(3, fields);
    expect(router.run(frame('genuine'))).toMatchObject({
      verdict: 'DROP',
      reasons: { '1:PROBE_STALE': 1 },
    });
    expect(drainEvents(ring)).toEqual([]);
  });

  it('to a session out of range is consumed without an event', () => {
    const result = router.run(frame('outOfRange'));
    expect(result.reasons).toEqual({ '1:PROBE_STALE': 1 });
  });
});

describe('what only looks like a reply', () => {
  it('goes to the stack untouched if any bit below the cookie, or of it, is wrong', () => {
    const genuine = frame('genuine');
    const start = 14 + 20 + 8 + 4; // behind the magic
    for (let bit = 0; bit < 28 * 8; bit++) {
      const forged = Buffer.from(genuine);
      const at = start + (bit >> 3);
      forged[at] = (forged[at] as number) ^ (1 << (bit & 7));
      expect(router.run(forged)).toEqual({ verdict: 'PASS', frame: forged, reasons: { '1:PROBE_FORGED': 1 } });
    }
    expect(drainEvents(ring)).toEqual([]);
  });

  it('is forged when the key has changed', () => {
    router.settings(SETTINGS_FORWARD, [1n, 2n]);
    expect(router.run(frame('genuine')).reasons).toEqual({ '1:PROBE_FORGED': 1 });
  });

  it.each(Object.keys(LOOKALIKES) as (keyof typeof LOOKALIKES)[])('%s is ordinary traffic', (name) => {
    const lookalike = frame(name);
    expect(router.run(lookalike)).toEqual({ verdict: 'PASS', frame: lookalike, reasons: { '1:LOCAL': 1 } });
    expect(drainEvents(ring)).toEqual([]);
  });
});

describe('the ring buffer', () => {
  it('wakes the reader only for sessions that ask for it', async () => {
    const reply = frame('genuine');
    router.run(reply);
    await turnEventLoop();
    expect(wakeUps).toBe(0);
    session(3, { flags: ACTIVE | WAKE, ifindex: 1, epoch: 7 });
    router.run(reply); // not the first unread record: the kernel's own rule would not wake for it
    await until(() => wakeUps > 0, { what: 'the wake-up' });
    expect(drainEvents(ring)).toHaveLength(2);
  });

  it('wakes the reader when it is half full, whoever asked', async () => {
    const reply = frame('genuine');
    for (let i = 0; i < 32; i++) router.run(reply);
    await turnEventLoop();
    expect(wakeUps).toBe(0);
    router.run(reply);
    await until(() => wakeUps > 0, { what: 'the wake-up' });
    expect(drainEvents(ring)).toHaveLength(33);
  });

  it('counts a reply that finds it full, and consumes it all the same', () => {
    const reply = frame('genuine');
    for (let i = 0; i < 63; i++) expect(router.run(reply).reasons).toEqual({ '1:PROBE_REPLY': 1 });
    expect(router.run(reply)).toMatchObject({ verdict: 'DROP', reasons: { '1:PROBE_REPLY': 1, '1:EVENT_LOST': 1 } });
    expect(drainEvents(ring)).toHaveLength(63);
    expect(router.run(reply).reasons).toEqual({ '1:PROBE_REPLY': 1 });
  });
});
