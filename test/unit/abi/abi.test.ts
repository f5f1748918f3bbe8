/** The generated codecs and names, against values written out by hand from bpf/abi.h. */
import { describe, expect, test } from 'vitest';
import {
  groupCodec,
  nextHopCodec,
  probeReplyEventCodec,
  Reason,
  REASON_NAMES,
  reasonName,
  settingsCodec,
  type Group,
  type NextHop,
} from '../../../src/abi/index.js';

const nextHop: NextHop = {
  ifindex: 7,
  portSlot: 3,
  flags: 1,
  mtu: 1500,
  vlanId: 100,
  innerVlanId: 0,
  sourceMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  destinationMac: Uint8Array.of(2, 0, 0, 0, 0, 2),
};

describe('the generated codecs', () => {
  test('lay fields out as the C structure has them', () => {
    const view = new DataView(new ArrayBuffer(nextHopCodec.size + 4));
    nextHopCodec.encode(view, 4, nextHop);
    expect(Buffer.from(view.buffer).toString('hex')).toBe(
      '00000000' +
        '07000000' +
        '03000000' +
        '01000000' +
        'dc05' +
        '6400' +
        '0000' +
        '020000000001' +
        '020000000002' +
        '0000',
    );
    expect(nextHopCodec.decode(view, 4)).toEqual(nextHop);
  });

  test('write padding as zero', () => {
    const view = new DataView(new Uint8Array(nextHopCodec.size).fill(0xff).buffer);
    nextHopCodec.encode(view, 0, nextHop);
    expect(view.getUint16(30)).toBe(0);
  });

  test('nest structures in arrays', () => {
    const tier = { bucketBase: 8, bucketMask: 7, memberCount: 2, members: [1, 2, ...new Array<number>(14).fill(0)] };
    const empty = { bucketBase: 0, bucketMask: 0, memberCount: 0, members: new Array<number>(16).fill(0) };
    const group: Group = { tierCount: 2, tiers: [tier, { ...tier, bucketBase: 16 }, empty, empty] };
    const view = new DataView(new ArrayBuffer(groupCodec.size));
    groupCodec.encode(view, 0, group);
    expect(view.getUint32(8 + 44, true)).toBe(16);
    expect(groupCodec.decode(view, 0)).toEqual(group);
  });

  test('refuse numbers and arrays that do not fit, naming the field', () => {
    const view = new DataView(new ArrayBuffer(64));
    expect(() => nextHopCodec.encode(view, 0, { ...nextHop, mtu: 65_536 })).toThrow(
      'next_hop.mtu: 65536 is not an integer from 0 to 65535',
    );
    expect(() => nextHopCodec.encode(view, 0, { ...nextHop, sourceMac: new Uint8Array(5) })).toThrow(
      'next_hop.source_mac: 5 elements instead of 6',
    );
    const settings = { cookieKey: [1n, 2n ** 64n], flags: 0, hashSeed: 0, neighbourRefreshMs: 0 };
    expect(() => settingsCodec.encode(view, 0, settings)).toThrow(/settings\.cookie_key: .* is not an unsigned 64-bit/);
  });

  test('keep 64-bit values exact', () => {
    const view = new DataView(new ArrayBuffer(probeReplyEventCodec.size));
    view.setBigUint64(16, 0xffff_ffff_ffff_fffen, true);
    expect(probeReplyEventCodec.decode(view, 0).transmitNs).toBe(0xffff_ffff_ffff_fffen);
  });
});

describe('reason names', () => {
  test('are the enumerators in kebab case', () => {
    expect(Reason.NOT_OUR_MAC).toBe(6);
    expect(reasonName(Reason.NOT_OUR_MAC)).toBe('not-our-mac');
    expect(reasonName(63)).toBe('reason-63');
  });

  test('are all different', () => {
    expect(new Set(REASON_NAMES.values()).size).toBe(Object.keys(Reason).length);
  });
});
