import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MacAddress } from '../../../src/net/mac-address.js';

describe('a MAC address', () => {
  it('is written in lower case with colons', () => {
    expect(MacAddress.parse('02:00:5E:10:00:0A').toString()).toBe('02:00:5e:10:00:0a');
    expect(JSON.stringify([MacAddress.parse('02:00:5e:10:00:0a')])).toBe('["02:00:5e:10:00:0a"]');
  });

  it('reads back to the same address, and equals nothing else', () => {
    const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => MacAddress.fromBytes(bytes));
    fc.assert(fc.property(mac, (a) => MacAddress.parse(a.toString()).equals(a)));
    fc.assert(fc.property(mac, mac, (a, b) => a.equals(b) === (a.toString() === b.toString())));
  });

  it.each([
    '',
    '02:00:5e:10:00',
    '02:00:5e:10:00:01:02',
    '02-00-5e-10-00-01',
    '2:0:5e:10:0:1',
    '02:00:5e:10:00:0g',
    '02005e100001',
  ])('refuses %j', (text) => {
    expect(() => MacAddress.parse(text)).toThrow(RangeError);
    expect(() => MacAddress.parse(text)).toThrow('is not a MAC address: expected e.g. 02:00:5e:10:00:01');
  });

  it('keeps its own copy of six bytes', () => {
    const buffer = Buffer.from([2, 0, 0x5e, 0x10, 0, 1]);
    const mac = MacAddress.fromBytes(buffer);
    buffer.fill(0);
    expect(mac.toString()).toBe('02:00:5e:10:00:01');
    expect(() => MacAddress.fromBytes(new Uint8Array(20))).toThrow('a MAC address has 6 bytes, not 20');
  });

  it('knows the zero address, which means "none"', () => {
    expect(MacAddress.fromBytes(new Uint8Array(6)).isZero).toBe(true);
    expect(MacAddress.parse('00:00:00:00:00:01').isZero).toBe(false);
  });
});
