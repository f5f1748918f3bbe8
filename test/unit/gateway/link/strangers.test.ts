import { expect, test } from 'vitest';
import { MAXIMUM_STRANGERS, Strangers } from '../../../../src/gateway/link/strangers.js';
import { IpAddress } from '../../../../src/net/ip-address.js';

const origin = { ifindex: 3, ifname: 'lan0', address: IpAddress.parse('192.0.2.9') };

test('a stranger is known from when it was first heard to when it was last heard', () => {
  const strangers = new Strangers();
  strangers.note('aa', null, origin, 10);
  strangers.note('bb', 'tablet', origin, 15);
  strangers.note('aa', 'phone', origin, 20);
  expect(strangers.list(20)).toEqual([
    { id: 'aa', name: 'phone', origin, firstSeenUs: 10, lastSeenUs: 20 },
    { id: 'bb', name: 'tablet', origin, firstSeenUs: 15, lastSeenUs: 15 },
  ]);
});

test('of more than 64 the one not heard for longest is forgotten', () => {
  const strangers = new Strangers();
  for (let i = 0; i < MAXIMUM_STRANGERS; i++) strangers.note(`id ${i}`, null, origin, i);
  strangers.note('id 0', null, origin, 100);
  strangers.note('one more', null, origin, 101);
  const ids = strangers.list(101).map(({ id }) => id);
  expect(ids).toHaveLength(MAXIMUM_STRANGERS);
  expect(ids.slice(0, 2)).toEqual(['one more', 'id 0']);
  expect(ids).not.toContain('id 1');
});

test('one that has been silent, or has been paired, is not shown', () => {
  const strangers = new Strangers();
  strangers.note('silent', null, origin, 0);
  strangers.note('paired', null, origin, 290_000_000);
  strangers.note('here', null, origin, 290_000_000);
  strangers.forget('paired');
  expect(strangers.list(300_000_001).map(({ id }) => id)).toEqual(['here']);
});
