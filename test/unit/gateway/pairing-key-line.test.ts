import { createHash, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatKeyLine, newKey, pairingKey, parseKeyLine, type KeyLine } from '../../../src/gateway/pairing/index.js';

const keyBytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
const id = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .filter((bytes) => bytes.some((byte) => byte !== 0))
  .map((bytes) => Buffer.from(bytes).toString('hex'));
const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$/);
const line = fc
  .record({ key: keyBytes, router: id, routerName: name, nodeName: name })
  .map(({ key, ...rest }): KeyLine => ({ key: pairingKey(key, 5), ...rest }));
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const facts = ({ key, ...rest }: KeyLine) => ({ ...rest, key: Buffer.from(key.key).toString('hex'), id: key.id });
const problemOf = (text: string): string => {
  try {
    parseKeyLine(text, 5);
  } catch (error) {
    expect(error).toMatchObject({ code: 'KEY_LINE_INVALID' });
    return (error as Error).message;
  }
  return 'none';
};

const sample = formatKeyLine({
  key: pairingKey(Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex'), 0),
  router: 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
  routerName: 'home',
  nodeName: 'phone',
});

describe('the line that is carried from router to node', () => {
  test('is this one for this key: a later version reads the lines of today', () => {
    expect(sample).toBe(
      'detour-gw1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh_w8fLz9PX29_j5-vv8_f7_BGhvbWUFcGhvbmWFvint',
    );
  });

  test('says everything that was put in, whatever it is', () => {
    fc.assert(
      fc.property(line, (value) => {
        const text = formatKeyLine(value);
        expect(text).toMatch(/^detour-gw1:[A-Za-z0-9_-]{70,200}$/);
        expect(facts(parseKeyLine(text, 5))).toEqual(facts(value));
      }),
    );
  });

  test('may be broken by a terminal', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(sample.length), { maxLength: 5 }),
        fc.constantFrom('\n', '\r\n', ' ', '\t'),
        (cuts, by) => {
          const broken = [...new Set(cuts)]
            .sort((a, b) => b - a)
            .reduce((text, at) => text.slice(0, at) + by + text.slice(at), sample);
          expect(facts(parseKeyLine(`${broken}\n`, 5))).toEqual(facts(parseKeyLine(sample, 5)));
        },
      ),
    );
  });

  test('with any one character changed, left out, doubled or exchanged with the next is refused', () => {
    for (let at = 0; at < sample.length; at++) {
      const around = (middle: string, skip = 1): string => sample.slice(0, at) + middle + sample.slice(at + skip);
      const exchanged = around(
        sample
          .slice(at, at + 2)
          .split('')
          .reverse()
          .join(''),
        2,
      );
      const variants = [around(''), around(sample[at]! + sample[at]!), exchanged];
      if (at >= 11) variants.push(...[...ALPHABET].map((other) => around(other)));
      for (const variant of variants.filter((text) => text !== sample)) expect(problemOf(variant)).not.toBe('none');
    }
  });

  test('cut anywhere is refused', () => {
    for (let length = 0; length < sample.length; length++) expect(problemOf(sample.slice(0, length))).not.toBe('none');
  });

  test.each([
    ['', /it is empty/],
    ['hello', /does not begin with "detour-gw1:"/],
    [sample.replace('gw1', 'gw2'), /is of version 2, and this Detour knows version 1/],
    [sample.slice(0, 60), /too short: its end is missing/],
    [`${sample}${'A'.repeat(80)}`, /too long: there is something behind it/],
    [sample.replace(/(.{20})./, '$1+'), /character 21 is none of the letters/],
    [sample.slice(0, -1), /a character of it is wrong or missing/],
    [sample.toUpperCase(), /does not begin with/],
  ])('is refused with what is wrong: %#', (text, message) => {
    expect(problemOf(text)).toMatch(message);
  });

  test('of any content whose check is right is still read with care', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 50, maxLength: 100 }), (bytes) => {
        const check = createHash('sha256').update('detour-gw1:').update(bytes).digest().subarray(0, 4);
        const text = `detour-gw1:${Buffer.concat([bytes, check]).toString('base64url')}`;
        expect(problemOf(text)).toMatch(/its content is not what|too short|too long|none/);
      }),
      { numRuns: 300 },
    );
  });

  test('that is refused is not repeated: it may be a key', () => {
    fc.assert(
      fc.property(line, fc.nat(40), fc.constantFrom('', '*', 'A', '.'), (value, at, put) => {
        const text = formatKeyLine(value);
        const wrong = text.slice(0, 20 + at) + put + text.slice(22 + at);
        const problem = problemOf(wrong);
        for (let from = 11; from + 6 <= wrong.length; from++)
          expect(problem).not.toContain(wrong.slice(from, from + 6));
      }),
      { numRuns: 50 },
    );
  });
});

test('a key does not print itself', () => {
  const key = newKey(0);
  const secret = Buffer.from(key.key);
  for (const shown of [
    JSON.stringify(key),
    inspect(key, { depth: 9 }),
    `${String(key.key)} ${key.key.toLocaleString()}`,
  ]) {
    expect(shown).not.toContain(secret.toString('hex'));
    expect(shown).not.toContain(`${secret[0]},${secret[1]},${secret[2]}`);
    expect(shown).not.toContain(`"0":${secret[0]}`);
    expect(shown).toContain('(secret)');
  }
  expect(key.key).toHaveLength(32);
  expect(newKey(0).id).not.toBe(key.id);
  const own = randomBytes(32);
  const copied = pairingKey(own, 0);
  own.fill(0);
  expect(Buffer.from(copied.key).equals(own)).toBe(false);
});
