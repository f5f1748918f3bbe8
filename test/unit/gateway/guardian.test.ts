/** A guardian that cannot be started; what one does is tested on a machine (test/netns/gateway/arming.test.ts). */
import { afterEach, expect, test } from 'vitest';
import { Guardian } from '../../../src/gateway/node/arming/guardian.js';

afterEach(() => delete process.env['DETOUR_TEST_TOO_LONG']);

test('a guardian that cannot be started is told of, is gone, and ends nobody', () => {
  // More than one variable of an environment may hold (execve(2), MAX_ARG_STRLEN): thrown at once by spawn.
  process.env['DETOUR_TEST_TOO_LONG'] = 'x'.repeat(200_000);
  const said: string[] = [];
  const guardian = new Guardian((text) => said.push(text));
  expect(said).toEqual(['no guardian: after a kill, only the next start puts things back: spawn E2BIG']);
  expect(guardian.isGone).toBe(true);
  guardian.dismiss();
});
