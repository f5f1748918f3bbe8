/** The codec of the gateway protocol: what it writes it reads, and nothing that arrives harms it. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  authenticate,
  decode,
  encode,
  keyIdOf,
  MAXIMUM_MESSAGE_BYTES,
  MINIMUM_MESSAGE_BYTES,
  peek,
  UNPAIRED_KEY_ID,
} from '../../../src/gateway/wire/index.js';
import type { Message } from '../../../src/gateway/wire/types.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { header, message, messagesOf, testId, testKey } from '../../helpers/gateway/messages.js';
import { goodVectors } from '../../helpers/gateway/vectors.js';

const key = testKey('a');
const head = { sender: testId('node'), receiver: null, order: 1n };
const AUTH_BYTES = 28;

/** The bytes with another length and code: what a peer with the key could send. */
function resigned(bytes: Uint8Array): Buffer {
  const signed = Buffer.from(bytes);
  if (signed.length < MINIMUM_MESSAGE_BYTES) return signed;
  signed.writeUInt16BE(signed.length & 0xffff, 4);
  const code = createHmac('sha256', key.key).update(signed.subarray(0, -16)).digest();
  code.copy(signed, signed.length - 16, 0, 16);
  return signed;
}

/** The message with more TLVs before AUTH. */
const inserted = (bytes: Uint8Array, ...tlvs: string[]): Buffer =>
  resigned(
    Buffer.concat([bytes.subarray(0, -AUTH_BYTES), Buffer.from(tlvs.join(''), 'hex'), bytes.subarray(-AUTH_BYTES)]),
  );

const withdraw = (text: string): Message => ({ type: 'withdraw', reason: { code: 'owner', text } });

describe('what is written', () => {
  it('is read as the same, for every type', () => {
    for (const arbitrary of Object.values(messagesOf)) {
      fc.assert(
        fc.property(header, arbitrary as typeof message, (header, message) => {
          const bytes = encode(header, message, key);
          expect(bytes.length).toBeLessThanOrEqual(MAXIMUM_MESSAGE_BYTES);
          expect(peek(bytes)).toEqual({ ok: true, type: message.type, ...header, keyId: key.id });
          expect(authenticate(bytes, key)).toBe(true);
          expect(decode(bytes)).toEqual({ ok: true, header, message });
        }),
      );
    }
  });

  it('is not authentic with another key', () => {
    const bytes = encode(head, withdraw(''), key);
    expect(authenticate(bytes, testKey('b'))).toBe(false);
    expect(authenticate(bytes, { ...testKey('b'), id: key.id })).toBe(false);
    expect(authenticate(bytes, null)).toBe(false);
  });

  it('has texts without what steers a terminal, cut between two characters', () => {
    const textOf = (text: string): string => {
      const decoded = decode(encode(head, withdraw(text), key));
      return decoded.ok && decoded.message.type === 'withdraw' ? decoded.message.reason.text : 'not read';
    };
    expect(textOf('nft:\terror\n\u001b[31mred\u202e')).toBe('nft: error  [31mred ');
    expect(textOf('é'.repeat(31))).toBe('é'.repeat(30));
    expect(textOf(`${'x'.repeat(58)}€`)).toBe('x'.repeat(58));
    expect(textOf('half \ud800')).toBe('half \ufffd');
  });
});

describe('what does not fit is not written', () => {
  const lease = { router: testId('router'), number: 1n, role: 'active', leftMs: 15_000 } as const;
  const elect = { type: 'elect', lease, echo: 1n, want: { families: [4], wayBack: 'router' }, clients: [], path: [] };
  const family = { family: 4, translation: 'masquerade', gateway: IpAddress.parse('192.0.2.7') };
  const offer = { type: 'advertise', intervalMs: 1000, families: [family], backhaul: [], path: [] };
  const wrong: [what: string, message: object][] = [
    ['a lease number 0', { ...elect, lease: { ...lease, number: 0n } }],
    ['a lease of 2^32 ms', { ...elect, lease: { ...lease, leftMs: 2 ** 32 } }],
    ['a fraction', { ...elect, lease: { ...lease, leftMs: 1.5 } }],
    ['a number of 65 bits', { ...elect, echo: 2n ** 64n }],
    ['an id that is none', { ...elect, lease: { ...lease, router: 'router' } }],
    ['no family', { ...elect, want: { families: [], wayBack: 'router' } }],
    ['nine ids on a path', { ...elect, path: Array.from({ length: 9 }, (_, i) => testId(`${i}`)) }],
    ['an interval of a minute and a millisecond', { ...offer, intervalMs: 60_001 }],
    ['an offer of no family', { ...offer, families: [] }],
    ['the same family twice', { ...offer, families: [family, family] }],
    ['a gateway of the other family', { ...offer, families: [{ ...family, gateway: IpAddress.parse('fe80::1') }] }],
    ['a battery of 101 %', { ...offer, power: { batteryPercent: 101, charging: false } }],
    ['an empty name', { ...offer, name: '' }],
    ['all ones as a number of bytes', { ...offer, cost: { preference: 0, metered: false, bytesLeft: 2n ** 64n - 1n } }],
  ];

  test.each(wrong)('%s', (_, message) => {
    expect(() => encode(head, message as Message, key)).toThrow(RangeError);
  });

  it('although the rest would', () => {
    expect(() => encode(head, elect as unknown as Message, key)).not.toThrow();
    expect(() => encode(head, offer as unknown as Message, key)).not.toThrow();
  });
});

describe('without a pairing', () => {
  const [offer] = fc.sample(messagesOf.advertise, { numRuns: 1, seed: 1 });

  it('an advertisement is written and read, with nothing that authenticates it', () => {
    const bytes = encode(head, offer!, null);
    expect(peek(bytes)).toMatchObject({ ok: true, keyId: UNPAIRED_KEY_ID });
    expect(authenticate(bytes, null)).toBe(true);
    expect(authenticate(bytes, key)).toBe(false);
    expect(decode(bytes)).toEqual({ ok: true, header: head, message: offer });
  });

  it('nothing else is written', () => {
    expect(() => encode(head, withdraw(''), null)).toThrow(RangeError);
  });
});

describe('a message that was damaged', () => {
  test.each(goodVectors.map((vector) => [vector.name, vector] as const))(
    'is not authentic whichever bit is another: %s',
    (_, { bytes, key }) => {
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = Uint8Array.from(bytes);
        flipped[bit >> 3]! ^= 0x80 >> (bit & 7);
        // Without a pairing nothing is protected but the zeroes themselves.
        if (key !== null || bit >= (bytes.length - 24) * 8) expect(authenticate(flipped, key)).toBe(false);
      }
    },
  );

  test.each(goodVectors.map((vector) => [vector.name, vector] as const))(
    'is no message wherever it is cut off: %s',
    (_, { bytes, key }) => {
      for (let length = 0; length < bytes.length; length++) {
        const rest = bytes.subarray(0, length);
        expect(peek(rest)).toEqual({ ok: false, reason: 'size' });
        expect(decode(rest)).toMatchObject({ ok: false, reason: 'malformed' });
        expect(authenticate(rest, key)).toBe(false);
      }
    },
  );
});

describe('whatever arrives', () => {
  /** What every answer must hold to: a result, never an exception, and nothing larger than the message itself. */
  function expectBounded(bytes: Uint8Array): void {
    peek(bytes);
    authenticate(bytes, key);
    const decoded = decode(bytes);
    if (!decoded.ok) {
      expect(decoded.detail.length).toBeLessThan(200);
      return;
    }
    const text = JSON.stringify(decoded.message, (_, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    expect(text.length).toBeLessThan(500 + 8 * bytes.length);
    // What was read can be written again, and is then the same message.
    const again = encode(decoded.header, decoded.message, key);
    expect(decode(again)).toEqual(decoded);
  }

  it('is no reason to throw: any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => expectBounded(bytes)));
  });

  it('is no reason to throw: any bytes between a header and a code that are right', () => {
    const types = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 1300 }), (type, body) => {
        const bytes = resigned(Buffer.concat([encode(head, withdraw(''), key).subarray(0, 48), body, auth]));
        bytes[3] = type;
        expectBounded(bytes);
      }),
    );
  });

  it('is no reason to throw: a good message, mutated and signed again', () => {
    const corpus = fc.oneof(
      fc.constantFrom(...goodVectors.map(({ bytes }) => bytes)),
      fc.tuple(header, message).map(([header, message]) => encode(header, message, key)),
    );
    const mutation = fc.record({
      at: fc.nat(2000),
      what: fc.constantFrom('set', 'drop', 'repeat', 'insert'),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    });
    fc.assert(
      fc.property(corpus, fc.array(mutation, { minLength: 1, maxLength: 4 }), (bytes, mutations) => {
        let body = Buffer.from(bytes.subarray(48, -AUTH_BYTES));
        for (const { at, what, bytes } of mutations) {
          const place = at % (body.length + 1);
          const end = what === 'insert' || what === 'repeat' ? place : place + bytes.length;
          const put = what === 'drop' ? [] : what === 'repeat' ? body.subarray(0, bytes.length * 2) : bytes;
          body = Buffer.concat([body.subarray(0, place), Buffer.from(put), body.subarray(end)]);
        }
        expectBounded(resigned(Buffer.concat([bytes.subarray(0, 48), body, auth])));
      }),
      { numRuns: 2000 },
    );
  });

  const auth = encode(head, withdraw(''), key).subarray(-AUTH_BYTES);
});

describe('TLVs', () => {
  const skipped = '0042000401020304';
  const released = goodVectors.find(({ message }) => message.type === 'released')!;

  it('that nobody knows are skipped wherever they are', () => {
    const { bytes } = released;
    const first = resigned(Buffer.concat([bytes.subarray(0, 48), Buffer.from(skipped, 'hex'), bytes.subarray(48)]));
    for (const more of [inserted(bytes, skipped), first, inserted(bytes, '00420000', '00430000', '7fff0000')]) {
      expect(decode(more)).toMatchObject({ ok: true, message: released.message });
    }
  });

  it('that nobody knows and that are critical are refused, by name', () => {
    const result = decode(inserted(released.bytes, '80420000'));
    expect(result).toEqual({ ok: false, reason: 'critical', detail: 'unknown TLV 0x8042' });
  });

  it('that are known and have no place in the message are skipped, or malformed if critical', () => {
    expect(decode(inserted(released.bytes, '00080004000003e8'))).toMatchObject({ ok: true });
    expect(decode(inserted(released.bytes, '8004000401010000'))).toMatchObject({ ok: false, reason: 'malformed' });
  });

  it('that appear twice are malformed, each of them', () => {
    for (const { bytes, message } of goodVectors) {
      for (const { at, end, type } of tlvsOf(bytes)) {
        if (type === 0x8005) continue; // CLIENTS: as many as there are prefixes
        const twice = inserted(bytes, Buffer.from(bytes.subarray(at, end)).toString('hex'));
        const expected = isUnknown(type) ? { ok: true } : { ok: false, reason: 'malformed' };
        expect(decode(twice), `0x${type.toString(16)} in ${message.type}`).toMatchObject(expected);
      }
    }
  });

  it('are malformed with a byte less, and with a byte more unless they may grow', () => {
    for (const { bytes, message } of goodVectors.filter(({ readOnly }) => !readOnly)) {
      for (const { at, end, type } of tlvsOf(bytes)) {
        if (isUnknown(type) || TEXTS.has(type)) continue;
        const less = Buffer.concat([bytes.subarray(0, end - 1), bytes.subarray(end)]);
        less.writeUInt16BE(end - at - 4 - 1, at + 2);
        expect(decode(resigned(less))).toMatchObject({ ok: false, reason: 'malformed' });
        const more = Buffer.concat([bytes.subarray(0, end), Buffer.from([0]), bytes.subarray(end)]);
        more.writeUInt16BE(end - at - 4 + 1, at + 2);
        const grows = type < 0x8000;
        expect(decode(resigned(more))).toMatchObject(
          grows ? { ok: true, message } : { ok: false, reason: 'malformed' },
        );
      }
    }
  });

  /** REASON and NAME have no length of their own. */
  const TEXTS = new Set([0x8006, 0x0009]);
  const isUnknown = (type: number): boolean => type >= 0x40 && type < 0x80;

  function tlvsOf(bytes: Uint8Array): { at: number; end: number; type: number }[] {
    const view = Buffer.from(bytes);
    const found = [];
    for (let at = 48; at < bytes.length - AUTH_BYTES;) {
      const end = at + 4 + view.readUInt16BE(at + 2);
      found.push({ at, end, type: view.readUInt16BE(at) });
      at = end;
    }
    return found;
  }
});

test('a datagram that is longer than any message is of the wrong size, whatever its header says', () => {
  const long = inserted(
    encode(head, withdraw(''), key),
    `0042${(1200).toString(16).padStart(4, '0')}${'00'.repeat(1200)}`,
  );
  expect(long.length).toBeGreaterThan(MAXIMUM_MESSAGE_BYTES);
  expect(peek(long)).toEqual({ ok: false, reason: 'size' });
  expect(decode(long)).toMatchObject({ ok: false, reason: 'malformed' });
});

test('a key id is made of 32 bytes and of nothing else', () => {
  expect(keyIdOf(key.key)).toBe(key.id);
  expect(() => keyIdOf(new Uint8Array(31))).toThrow(RangeError);
});
