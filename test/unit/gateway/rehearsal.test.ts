import { expect, test } from 'vitest';
import { rehearseElections } from '../../../src/gateway/rehearsal.js';

test('a rehearsal elects and releases a node in each round: what it is to warm has been run', () => {
  const { rounds, elected, released } = rehearseElections(10_000);
  expect(rounds).toBeGreaterThan(0);
  expect([elected, released]).toEqual([rounds, rounds]);
});

test('a rehearsal without time is none', () => {
  expect(rehearseElections(0)).toEqual({ rounds: 0, elected: 0, released: 0 });
});
