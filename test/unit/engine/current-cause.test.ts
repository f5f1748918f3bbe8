/** What a reader is told of a path holds now, however long ago its state began. */
import { expect, test } from 'vitest';
import { policy, probe, uplink, World } from './world.js';

const three = { 4: ['192.0.2.1', '192.0.2.2', '192.0.2.3'] };

test('a path that is down says why it is down now, without a transition and since the same moment', () => {
  const world = World.connected(policy([uplink('a'), uplink('b')]));
  world.replies('a').replies('b').link('a', false, 'interface eth1 has no carrier');
  const { sinceUs } = world.path('a');
  const { length } = world.records;
  world.pass(1000).link('a', false, 'interface eth1 does not exist');
  expect(world.path('a')).toMatchObject({ state: 'down', sinceUs, cause: 'link down: interface eth1 does not exist' });
  world.link('a', true).addressing('a', false, 'no IPv4 default route on eth1');
  expect(world.path('a').cause).toBe('addressing is not ready: no IPv4 default route on eth1');
  world.addressing('a', true);
  expect(world.path('a').cause).toContain('icmp: target-of-a has answered 0 of 2 times since it failed');
  expect(world.records).toHaveLength(length);
});

test('figures of losses alone do not change the cause', () => {
  const world = World.connected(policy([uplink('a'), uplink('b')]));
  const { cause } = world.replies('a').replies('b').losses('a', 3).path('a');
  expect(world.losses('a', 5).link('b', false).path('a').cause).toBe(cause);
});

test('a path that works names the targets that answer now', () => {
  const world = World.connected(policy([uplink('a', { probes: [probe(three, { quorum: 1 })] })]));
  world.replies('a', 1, { target: '192.0.2.1' });
  expect(world.path('a').cause).toContain('1 of 3 targets answer');
  for (const target of three[4].slice(1)) world.replies('a', 2, { target });
  expect(world.path('a')).toMatchObject({ state: 'up', cause: expect.stringContaining('3 of 3 targets answer') });
});

test('after undrain the log says who did it, the path what holds', () => {
  const world = World.connected(policy([uplink('a'), uplink('b')]));
  world.replies('a').replies('b').send({ type: 'drain', uplink: 'a', by: 'me' });
  world.send({ type: 'undrain', uplink: 'a', by: 'me' });
  expect(world.lastCause('a')).toContain('undrained by me: ');
  expect(world.path('a')).toMatchObject({ state: 'up', cause: 'icmp: reply from target-of-a in 900 us' });
  world.send({ type: 'drain', uplink: 'a', by: 'me' }).link('a', false, 'no carrier');
  expect(world.path('a')).toMatchObject({ state: 'drained', cause: 'drained by me' });
  world.send({ type: 'undrain', uplink: 'a', by: 'me' });
  expect(world.path('a')).toMatchObject({ state: 'down', cause: 'link down: no carrier' });
});

test('the one path of a family is not told as several', () => {
  const world = World.connected(policy([uplink('a')]))
    .replies('a')
    .losses('a', 3);
  expect(world.recorded('all-down')[0]?.cause).toMatch(/^the only IPv4 path is judged down: a: icmp: /);
});
