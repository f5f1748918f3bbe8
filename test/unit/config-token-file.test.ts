import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { readTokenFile } from '../../src/config/token-file.js';
import { DetourError } from '../../src/errors.js';

const directory = mkdtempSync(join(tmpdir(), `detour-token-${process.pid}-`));
afterAll(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string, mode = 0o600): string {
  writeFileSync(join(directory, name), text);
  chmodSync(join(directory, name), mode);
  return name;
}

describe('a token file', () => {
  test('is read relative to the configuration, without its line end', () => {
    const name = write('token', '0123456789abcdef\n');
    writeFileSync(join(directory, 'a.yaml'), `uplinks: {a: {interface: eth1}}\napi: {tcp: {token_file: ${name}}}\n`);
    expect(loadConfig(join(directory, 'a.yaml')).config.api.tcp?.token).toBe('0123456789abcdef');
  });

  test.each([
    ['of everybody', 0o644],
    ['of the group', 0o640],
  ])('that is readable by others is refused: %s', (_, mode) => {
    const name = write('open', 'x'.repeat(32), mode);
    const shown = mode.toString(8);
    expect(readTokenFile(name, directory)).toEqual({
      problem: `${directory}/open is readable by other users (mode 0${shown}); run "chmod 600 ${directory}/open"`,
      write: null,
    });
  });

  test('that is missing is said to be, with how to make one', () => {
    expect(readTokenFile('none', directory)).toEqual({
      problem: `cannot read ${directory}/none: there is no such file`,
      write: `it with "(umask 077; openssl rand -hex 32 > ${directory}/none)"`,
    });
  });

  test('is one line of a plain file', () => {
    expect(readTokenFile(write('two', 'a\nb\n'), directory)).toMatchObject({
      problem: `${directory}/two has more than one line`,
    });
    mkdirSync(join(directory, 'sub'));
    expect(readTokenFile('sub', directory)).toMatchObject({ problem: `${directory}/sub is not a plain file` });
  });
});

describe('a configuration file that cannot be read', () => {
  test.each([
    ['missing', 'none.yaml', 'there is no such file'],
    ['a directory', '.', 'it is a directory'],
    ['not UTF-8', 'latin1.yaml', 'it is not UTF-8 text'],
  ])('%s', (_, name, reason) => {
    writeFileSync(join(directory, 'latin1.yaml'), Buffer.from([0x75, 0xe9, 0x0a]));
    const file = join(directory, name);
    expect(() => loadConfig(file)).toThrow(new DetourError('CONFIG_UNREADABLE', { file, reason }));
  });
});
