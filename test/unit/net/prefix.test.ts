import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';

const address = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map((bytes) => IpAddress.fromBytes(bytes));
const prefix = address.chain((a) => fc.nat(a.bitLength).map((length) => Prefix.of(a, length)));

/** The slow, obvious reference: addresses as text of zeros and ones. */
const bits = (a: IpAddress): string => Array.from(a.bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');

describe('a prefix', () => {
  it.each(['0.0.0.0/0', '192.0.2.0/24', '192.0.2.128/25', '192.0.2.1/32', '::/0', '2001:db8::/32', '2001:db8::1/128'])(
    'reads and writes %s',
    (text) => {
      const parsed = Prefix.parse(text);
      expect(parsed.toString()).toBe(text);
      expect(parsed.family).toBe(text.includes(':') ? 6 : 4);
      expect(JSON.stringify([parsed])).toBe(`["${text}"]`);
    },
  );

  const refused: [text: string, message: string | RegExp][] = [
    ['192.0.2.1/24', '"192.0.2.1/24": host bits are set: write 192.0.2.0/24'],
    ['2001:db8::1/64', '"2001:db8::1/64": host bits are set: write 2001:db8::/64'],
    ['192.0.2.0', /the length is missing, e\.g\. 192\.0\.2\.0\/24/],
    ['192.0.2.0/33', /the length must be 0 to 32/],
    ['2001:db8::/129', /the length must be 0 to 128/],
    ['192.0.2.0/', /the length must be/],
    ['192.0.2.0/024', /the length must be/],
    ['192.0.2.0/-1', /the length must be/],
    ['192.0.2.0/2/4', /the length must be/],
    ['192.0.2.0/1e1', /the length must be/],
    ['192.0.2.0/255.255.255.0', /the length must be/],
    ['example/24', /is not an IP address/],
  ];
  it.each(refused)('refuses %s', (text, message) => {
    expect(() => Prefix.parse(text)).toThrow(RangeError);
    expect(() => Prefix.parse(text)).toThrow(message);
  });

  it('clears the host bits and keeps the others', () => {
    fc.assert(
      fc.property(address, fc.nat(128), (a, wanted) => {
        const length = Math.min(wanted, a.bitLength);
        const expected = bits(a).slice(0, length).padEnd(a.bitLength, '0');
        expect(bits(Prefix.of(a, length).address)).toBe(expected);
      }),
    );
  });

  it('refuses a length that does not fit the family', () => {
    expect(() => Prefix.of(IpAddress.parse('192.0.2.0'), 33)).toThrow('a prefix length of IPv4 is 0 to 32, not 33');
    expect(() => Prefix.of(IpAddress.parse('::'), 1.5)).toThrow(RangeError);
  });

  it('contains what shares its bits', () => {
    // Independent random addresses hardly ever share bits: half of them are made from the prefix.
    const pair = prefix.chain((p) =>
      fc.tuple(
        fc.constant(p),
        fc.oneof(
          address,
          fc
            .uint8Array({ minLength: p.address.bytes.length, maxLength: p.address.bytes.length })
            .map((noise) =>
              IpAddress.fromBytes(
                p.address.bytes.map(
                  (byte, at) => byte | (noise[at]! & (0xff >> Math.min(8, Math.max(0, p.length - at * 8)))),
                ),
              ),
            ),
        ),
      ),
    );
    fc.assert(
      fc.property(pair, ([p, a]) => {
        const expected = p.family === a.family && bits(a).startsWith(bits(p.address).slice(0, p.length));
        expect(p.contains(a)).toBe(expected);
      }),
    );
  });

  it('contains longer prefixes of itself and no shorter ones', () => {
    const p = Prefix.parse('192.0.2.0/24');
    expect(p.contains(Prefix.parse('192.0.2.0/24'))).toBe(true);
    expect(p.contains(Prefix.parse('192.0.2.128/25'))).toBe(true);
    expect(p.contains(Prefix.parse('192.0.2.0/23'))).toBe(false);
    expect(p.contains(Prefix.parse('192.0.0.0/16'))).toBe(false);
    expect(p.contains(Prefix.parse('192.0.3.0/25'))).toBe(false);
    expect(Prefix.everything(6).contains(Prefix.parse('192.0.2.0/24'))).toBe(false);
    expect(Prefix.everything(4).contains(IpAddress.parse('255.255.255.255'))).toBe(true);
  });

  it('sorts by family, address and length', () => {
    const sorted = ['0.0.0.0/0', '192.0.2.0/24', '192.0.2.0/25', '192.0.2.128/25', '::/0', '2001:db8::/32'];
    const parsed = [...sorted].reverse().map((text) => Prefix.parse(text));
    expect(parsed.sort((a, b) => a.compare(b)).map(String)).toEqual(sorted);
  });

  it('equals exactly the prefixes with the same text', () => {
    fc.assert(fc.property(prefix, prefix, (a, b) => a.equals(b) === (a.toString() === b.toString())));
    fc.assert(fc.property(prefix, (a) => Prefix.parse(a.toString()).equals(a)));
  });
});
