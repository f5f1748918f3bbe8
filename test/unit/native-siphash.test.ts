import { describe, expect, test } from 'vitest';
import { native } from '../../src/native.js';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
const message = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);

describe('SipHash-2-4 of the addon', () => {
  test('answers the test vector of the paper (appendix A: 15 bytes)', () => {
    expect(native.sipHash(KEY, message(15))).toBe(0xa129ca6149be45e5n);
  });

  test.each([
    [0, 0x726fdb47dd0e0e31n],
    [1, 0x74f839c593dc67fdn],
    [2, 0x0d6c8009d9a94f5an],
    [3, 0x85676696d7fb7e2dn],
    [4, 0xcf2794e0277187b7n],
    [5, 0x18765564cd99a68dn],
    [6, 0xcbc9466e58fee3cen],
    [7, 0xab0200f58b01d137n],
    [8, 0x93f5f5799a932462n],
  ])("answers the reference implementation's vector for %i bytes", (length, hash) => {
    expect(native.sipHash(KEY, message(length))).toBe(hash);
  });

  test('refuses a key that does not have 16 bytes', () => {
    expect(() => native.sipHash(new Uint8Array(15), message(1))).toThrow(/^key must have 16 bytes, not 15$/);
    expect(() => native.sipHash(KEY, 'text' as never)).toThrow(TypeError);
  });
});
