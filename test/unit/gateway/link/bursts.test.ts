import { expect, test } from 'vitest';
import { Bursts, SUM_INTERVAL_US } from '../../../../src/gateway/link/bursts.js';
import { IpAddress } from '../../../../src/net/ip-address.js';

const origin = (address: string) => ({ ifindex: 3, ifname: 'lan0', address: IpAddress.parse(address) });
const ONE = origin('192.0.2.1');
const OTHER = origin('192.0.2.2');

test('the first of each reason is told at once, the rest as a sum each minute while it lasts', () => {
  const bursts = new Bursts();
  expect(bursts.note('auth', ONE, 0)).toEqual({ reason: 'auth', count: 1, origin: ONE });
  expect(bursts.note('ttl', ONE, 1)).toEqual({ reason: 'ttl', count: 1, origin: ONE });
  for (let i = 0; i < 1000; i++) expect(bursts.note('auth', ONE, 2)).toBeNull();
  expect(bursts.dueUs).toBe(SUM_INTERVAL_US);
  expect(bursts.tick(SUM_INTERVAL_US)).toEqual([{ reason: 'auth', count: 1000, origin: ONE }]);
  bursts.note('auth', OTHER, SUM_INTERVAL_US + 1);
  expect(bursts.tick(2 * SUM_INTERVAL_US)).toEqual([{ reason: 'auth', count: 1, origin: OTHER }]);
});

test('a minute of silence ends a burst: the next one is told at once again', () => {
  const bursts = new Bursts();
  bursts.note('auth', ONE, 0);
  expect(bursts.tick(SUM_INTERVAL_US)).toEqual([]);
  expect(bursts.dueUs).toBeNull();
  expect(bursts.note('auth', ONE, SUM_INTERVAL_US + 5)).toEqual({ reason: 'auth', count: 1, origin: ONE });
});

test('a sum from several sources names none', () => {
  const bursts = new Bursts();
  for (const from of [ONE, ONE, OTHER, OTHER]) bursts.note('rate', from, 0);
  expect(bursts.tick(SUM_INTERVAL_US)).toEqual([{ reason: 'rate', count: 3, origin: null }]);
});

test('what is for another receiver is no news', () => {
  const bursts = new Bursts();
  expect(bursts.note('receiver', ONE, 0)).toBeNull();
  expect(bursts.dueUs).toBeNull();
});
