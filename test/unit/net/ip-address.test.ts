import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/net/ip-address.js';

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => IpAddress.fromBytes(bytes));
/** Zero groups are made frequent: they are what the short form is about. */
const ipv6 = fc
  .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .map((groups) => IpAddress.fromBytes(Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]))));
const address = fc.oneof(ipv4, ipv6);

describe('the text of an address', () => {
  // RFC 5952 section 4 and 5, RFC 4291 section 2.2.
  const canonical: [given: string, text: string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['fe80::', 'fe80::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['::ffff:c000:201', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ];
  it.each(canonical)('writes %s as %s', (given, text) => {
    expect(IpAddress.parse(given).toString()).toBe(text);
    expect(JSON.stringify({ given: IpAddress.parse(given) })).toBe(`{"given":"${text}"}`);
  });

  const refused: [given: string, message: RegExp][] = [
    ['', /is not an IP address/],
    ['192.0.2', /is not an IP address/],
    ['192.0.2.1.1', /is not an IP address/],
    ['192.0.2.256', /"256" is not a number from 0 to 255/],
    ['192.0.2.-1', /"-1" is not a number/],
    ['192.0.2. 1', /is not a number/],
    ['192.0.02.1', /leading zeros are not accepted: write 192\.0\.2\.1/],
    ['fe80::1%eth0', /zone ids are not accepted: write fe80::1/],
    ['1::2::3', /may stand only once/],
    [':::', /not a group/],
    [':1::2', /not a group/],
    ['1:2:3:4:5:6:7', /7 groups instead of 8/],
    ['1:2:3:4:5:6:7:8:9', /9 groups instead of 8/],
    ['1:2:3:4::5:6:7:8', /too many groups/],
    ['12345::', /"12345" is not a group/],
    ['g::', /"g" is not a group/],
    ['192.0.2.1::', /not a group/],
    ['::192.0.2.1:1', /not a group/],
    ['[::1]', /not a group/],
  ];
  it.each(refused)('refuses %j', (given, message) => {
    expect(() => IpAddress.parse(given)).toThrow(RangeError);
    expect(() => IpAddress.parse(given)).toThrow(message);
  });

  it('reads back to the same address', () => {
    fc.assert(fc.property(address, (a) => IpAddress.parse(a.toString()).equals(a)));
  });

  it('agrees with the URL parser, which writes IPv6 by the same rules except for mapped addresses', () => {
    fc.assert(
      fc.property(ipv6, (a) => {
        fc.pre(!a.toString().startsWith('::ffff:'));
        expect(new URL(`http://[${a.toString()}]/`).hostname).toBe(`[${a.toString()}]`);
      }),
    );
  });
});

describe('an address as a value', () => {
  it('orders IPv4 before IPv6 and then by number', () => {
    const sorted = ['0.0.0.0', '9.0.0.0', '10.0.0.0', '255.0.0.0', '::', '::1', '2001:db8::', 'ff00::'];
    const shuffled = ['ff00::', '10.0.0.0', '::1', '9.0.0.0', '2001:db8::', '0.0.0.0', '::', '255.0.0.0'];
    const parsed = shuffled.map((text) => IpAddress.parse(text)).sort((a, b) => a.compare(b));
    expect(parsed.map(String)).toEqual(sorted);
  });

  it('equals exactly the addresses with the same text', () => {
    fc.assert(fc.property(address, address, (a, b) => a.equals(b) === (a.toString() === b.toString())));
  });

  it('keeps its own copy of the bytes, also of a Buffer whose slice would be a view', () => {
    const buffer = Buffer.from([192, 0, 2, 1, 9, 9]);
    const a = IpAddress.fromBytes(buffer.subarray(0, 4));
    buffer.fill(0);
    expect(a.toString()).toBe('192.0.2.1');
  });

  it('refuses other lengths than 4 and 16 bytes', () => {
    expect(() => IpAddress.fromBytes(new Uint8Array(6))).toThrow('an address has 4 or 16 bytes, not 6');
  });

  const kinds: [text: string, kind: 'isLinkLocal' | 'isMulticast' | 'isUnspecified' | 'isLoopback' | null][] = [
    ['169.254.0.1', 'isLinkLocal'],
    ['169.253.0.1', null],
    ['fe80::1', 'isLinkLocal'],
    ['febf::1', 'isLinkLocal'],
    ['fec0::1', null],
    ['224.0.0.1', 'isMulticast'],
    ['239.255.255.255', 'isMulticast'],
    ['240.0.0.1', null],
    ['ff02::1', 'isMulticast'],
    ['0.0.0.0', 'isUnspecified'],
    ['::', 'isUnspecified'],
    ['127.0.0.1', 'isLoopback'],
    ['::1', 'isLoopback'],
    ['::127.0.0.1', null],
    ['192.0.2.1', null],
    ['2001:db8::1', null],
  ];
  it.each(kinds)('knows that %s is %s', (text, kind) => {
    const a = IpAddress.parse(text);
    for (const each of ['isLinkLocal', 'isMulticast', 'isUnspecified', 'isLoopback'] as const) {
      expect(a[each], each).toBe(each === kind);
    }
  });
});
