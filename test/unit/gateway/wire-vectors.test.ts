/** docs/gateway-protocol.md, section 10, holds for this codec: both ways, and for what is wrong. */
import { describe, expect, test } from 'vitest';
import { authenticate, decode, encode, peek, UNPAIRED_KEY_ID } from '../../../src/gateway/wire/index.js';
import { SENT_BY, type DiscardReason } from '../../../src/gateway/wire/types.js';
import { badVectors, goodVectors, type Vector } from '../../helpers/gateway/vectors.js';

const named = <T extends Vector>(vectors: T[]) => vectors.map((vector) => [vector.name, vector] as const);

/** What a receiver that has the key says of the bytes, in the order of section 4.2. */
function verdict({ bytes, key }: Vector): DiscardReason | 'accepted' {
  const peeked = peek(bytes);
  if (!peeked.ok) return peeked.reason;
  expect(peeked.keyId).toBe(key?.id ?? UNPAIRED_KEY_ID);
  if (!authenticate(bytes, key)) return 'auth';
  const decoded = decode(bytes);
  return decoded.ok ? 'accepted' : decoded.reason;
}

describe('a vector of a message', () => {
  test.each(named(goodVectors))('is accepted: %s', (_, vector) => {
    expect(verdict(vector)).toBe('accepted');
    expect(peek(vector.bytes)).toMatchObject({ ok: true, type: vector.message.type, ...vector.header });
  });

  test.each(named(goodVectors))('is read as the document says: %s', (_, { bytes, header, message }) => {
    expect(decode(bytes)).toEqual({ ok: true, header, message });
  });

  test.each(named(goodVectors.filter((vector) => !vector.readOnly)))(
    'is written as the document says: %s',
    (_, { bytes, header, message, key }) => {
      expect(Buffer.from(encode(header, message, key)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
    },
  );
});

test('there is a vector of each type of message, and of both families where it names one', () => {
  const types = new Set(goodVectors.map(({ message }) => message.type));
  expect([...types].sort()).toEqual(Object.keys(SENT_BY).sort());
  const families = goodVectors.flatMap(({ message }) => {
    if ('families' in message) return message.families.map(({ family }) => `${message.type} ${family}`);
    return 'want' in message ? message.want.families.map((family) => `${message.type} ${family}`) : [];
  });
  const expected = ['accept', 'advertise', 'elect', 'renew', 'status'].flatMap((type) => [`${type} 4`, `${type} 6`]);
  expect([...new Set(families)].sort()).toEqual(expected);
});

describe('a vector of what is wrong', () => {
  test.each(named(badVectors))('is discarded for the reason that the document says: %s', (_, vector) => {
    expect(verdict(vector)).toBe(vector.discarded);
  });

  test('is there for every reason that the codec gives', () => {
    const reasons: DiscardReason[] = ['size', 'magic', 'version', 'type', 'key', 'auth', 'malformed', 'critical'];
    expect(new Set(badVectors.map(({ discarded }) => discarded))).toEqual(new Set(reasons));
  });
});
