import * as fs from 'node:fs';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { replaceFile, writeNewFile } from '../../src/whole-file.js';

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  return { ...real, fsyncSync: vi.fn(real.fsyncSync), lstatSync: vi.fn(real.lstatSync), fchownSync: vi.fn() };
});

let directory: string;
const at = (name: string): string => join(directory, name);
const modeOf = (path: string): number => statSync(path).mode & 0o777;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), `dt-whole-file-${process.pid}-`));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.clearAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

test('a file is replaced as a whole, for its owner alone, and the disk is not waited for', () => {
  writeFileSync(at('file'), 'old', { mode: 0o644 });
  const before = statSync(at('file')).ino;
  replaceFile(at('file'), 'new');
  expect([readFileSync(at('file'), 'utf8'), modeOf(at('file'))]).toEqual(['new', 0o600]);
  expect(statSync(at('file')).ino).not.toBe(before);
  expect(fs.fsyncSync).not.toHaveBeenCalled();
  expect(readdirSync(directory)).toEqual(['file']);
});

test('others may read it where that is asked for', () => {
  replaceFile(at('file'), 'text', { mode: 0o644 });
  expect(modeOf(at('file'))).toBe(0o644 & ~process.umask());
});

test('what a killed run left, or somebody has linked in its place, is not written through', () => {
  writeFileSync(at('elsewhere'), 'kept');
  symlinkSync(at('elsewhere'), at('.new-file'));
  replaceFile(at('file'), 'new');
  expect([readFileSync(at('elsewhere'), 'utf8'), readFileSync(at('file'), 'utf8')]).toEqual(['kept', 'new']);
});

test('when it cannot be replaced nothing is left of the attempt', () => {
  fs.mkdirSync(at('file'));
  expect(() => replaceFile(at('file'), 'new')).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(readdirSync(directory)).toEqual(['file']);
});

test('a new file is none that is there, and is synced where that is asked for', () => {
  writeNewFile(at('file'), 'text', { synced: true });
  expect(fs.fsyncSync).toHaveBeenCalledTimes(1);
  expect(() => writeNewFile(at('file'), 'other', { synced: true })).toThrow('EEXIST');
  expect([readFileSync(at('file'), 'utf8'), modeOf(at('file'))]).toEqual(['text', 0o600]);
});

test("what root writes in somebody's directory is that person's", () => {
  vi.spyOn(process, 'geteuid').mockReturnValue(0);
  vi.mocked(fs.lstatSync).mockReturnValueOnce({ uid: 65534, gid: 65533 } as fs.Stats);
  replaceFile(at('file'), 'text');
  expect(fs.fchownSync).toHaveBeenCalledWith(expect.any(Number), 65534, 65533);
});
