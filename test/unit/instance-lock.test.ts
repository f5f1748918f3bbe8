/** The locks' files: gone with their holder, and where they cannot be, that is said with a remedy. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DetourError } from '../../src/errors.js';
import { lockInstance } from '../../src/instance-lock.js';

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), `dt-lock-${process.pid}-`))));
afterEach(() => rmSync(directory, { recursive: true }));

const errorOf = (action: () => unknown): DetourError => {
  try {
    action();
  } catch (error) {
    if (error instanceof DetourError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

test('released locks leave no files, and can be taken again', () => {
  const place = join(directory, 'run');
  for (const pins of ['/a', '/b', '/a']) {
    const release = lockInstance(pins, place);
    expect(readdirSync(place)).toHaveLength(2);
    expect(errorOf(() => lockInstance('/c', place)).code).toBe('ALREADY_RUNNING');
    release();
    release();
    expect(readdirSync(place)).toEqual([]);
  }
});

test('a lock that was refused leaves the file of its holder', () => {
  const release = lockInstance('/a', directory);
  const files = readdirSync(directory);
  expect(errorOf(() => lockInstance('/a', directory)).code).toBe('ALREADY_RUNNING');
  expect(readdirSync(directory)).toEqual(files);
  release();
});

test('where no directory can be made, that is an error with a remedy that systemd does not repeat', () => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  for (const place of [join(file, 'detour'), '/proc/detour']) {
    const error = errorOf(() => lockInstance('/a', place));
    expect([error.code, error.exitCode]).toEqual(['LOCK_FAILED', 73]);
    expect(error.message).toContain('/run');
  }
});
