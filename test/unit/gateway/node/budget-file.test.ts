/** When the owner's byte budget is written, and when that is waited for. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { budgetWriter, readBudget, type BudgetWriter } from '../../../../src/gateway/node/agent/budget-file.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  return { ...real, fsyncSync: vi.fn(real.fsyncSync) };
});

const TEN_SECONDS_US = 10_000_000;
const record = (bytes: bigint) => ({ period: '2026-11', bytes });

let directory: string;
let clock: ManualClock;
let serving: boolean;
let log: string[];
let writer: BudgetWriter;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), `dt-budget-${process.pid}-`));
  clock = new ManualClock();
  serving = true;
  log = [];
  const options = { stateDirectory: directory, isServing: () => serving, clock };
  writer = budgetWriter({ ...options, log: (level, text) => void log.push(`${level} ${text}`) });
  vi.mocked(fs.fsyncSync).mockClear();
});
afterEach(() => rmSync(directory, { recursive: true }));

const kept = (): bigint | undefined => readBudget(directory, () => undefined)?.bytes;
const syncs = (): number => vi.mocked(fs.fsyncSync).mock.calls.length;

test('while somebody is served it is written every ten seconds, and the disk is not waited for', () => {
  for (const bytes of [1n, 2n]) writer.keep(record(bytes));
  expect(kept()).toBeUndefined();
  clock.advance(TEN_SECONDS_US);
  expect(kept()).toBe(2n);
  writer.keep(record(3n));
  clock.advance(TEN_SECONDS_US);
  expect([kept(), syncs()]).toEqual([3n, 0]);
});

test('it is synced once nobody is served any more, and then left alone', () => {
  writer.keep(record(1n));
  clock.advance(TEN_SECONDS_US);
  serving = false;
  clock.advance(TEN_SECONDS_US);
  expect(kept()).toBe(1n);
  expect(syncs()).toBeGreaterThan(0);
  expect(clock.pending).toBe(0);
});

test('the end writes and syncs what is left, also while somebody is served', () => {
  writer.keep(record(1n));
  clock.advance(TEN_SECONDS_US);
  writer.keep(record(2n));
  writer.close();
  expect(kept()).toBe(2n);
  expect(syncs()).toBeGreaterThan(0);
  expect(clock.pending).toBe(0);
});

test('what cannot be written is told, and tried again', () => {
  rmSync(directory, { recursive: true });
  writeFileSync(directory, 'in the way');
  writer.keep(record(1n));
  clock.advance(TEN_SECONDS_US);
  expect(log).toEqual([expect.stringMatching(/^warn bytes carried are not kept: /)]);
  rmSync(directory);
  fs.mkdirSync(directory, { mode: 0o700 });
  clock.advance(TEN_SECONDS_US);
  expect(JSON.parse(readFileSync(join(directory, 'usage-node.json'), 'utf8'))).toMatchObject({ bytes: '1' });
});

test.each([
  ['too long', 'x'.repeat(300), 0o600],
  ['readable by others', '{}', 0o644],
  ['no record', 'null', 0o600],
])('a file that is %s is told, and counting begins anew', (_, text, mode) => {
  writeFileSync(join(directory, 'usage-node.json'), text, { mode });
  expect(readBudget(directory, (level, words) => void log.push(`${level} ${words}`))).toBeNull();
  expect(log).toEqual([expect.stringMatching(/^warn .*usage-node\.json.*: bytes are counted from now on$/)]);
});
