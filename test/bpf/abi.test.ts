/** src/abi/generated.ts against the object it was generated from. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ABI_OBJECT, ABI_OUTPUT, generateAbi } from '../../scripts/abi-generator.js';

test('the committed ABI is what the object says, in the house style (make abi brings it up to date)', async () => {
  expect(readFileSync(ABI_OUTPUT, 'utf8')).toBe(await generateAbi(ABI_OBJECT));
});
