import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { machineId, nextEpoch } from '../../../src/gateway/pairing/index.js';
import { useStateDirectory } from '../../helpers/state-directory.js';

const makeDirectory = useStateDirectory();
const codeOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
};
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('the id of a machine', () => {
  test('is made once, kept, and private', () => {
    const directory = makeDirectory();
    const id = machineId(directory);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(machineId(directory)).toBe(id);
    expect([modeOf(directory), modeOf(join(directory, 'id'))]).toEqual(['700', '600']);
    expect(machineId(makeDirectory())).not.toBe(id);
    expect(readdirSync(directory)).toEqual(['id']);
  });

  test('is not made anew when the file is damaged: every peer would be a stranger', () => {
    const directory = makeDirectory();
    machineId(directory);
    for (const junk of ['', 'xyz', '0'.repeat(32), 'a'.repeat(31), 'A'.repeat(32)]) {
      writeFileSync(join(directory, 'id'), junk);
      expect(() => machineId(directory), junk).toThrow(/id: is no machine id .*paired anew/);
    }
  });

  test('is not taken from a file that others could have written, nor through a link', () => {
    const directory = makeDirectory();
    machineId(directory);
    chmodSync(join(directory, 'id'), 0o644);
    expect(() => machineId(directory)).toThrow(/others may read or write it \(mode 644\): chmod 600/);
    const other = makeDirectory();
    mkdirSync(other, { mode: 0o700 });
    symlinkSync(join(directory, 'id'), join(other, 'id'));
    expect(() => machineId(other)).toThrow(/is a symbolic link/);
  });

  test('is not kept in a directory that others may write to', () => {
    const directory = makeDirectory();
    mkdirSync(directory);
    chmodSync(directory, 0o777);
    expect(() => machineId(directory)).toThrow(/others may write to it \(mode 777\): chmod 700/);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('epochs', () => {
  test('grow whatever the clock does, and are on disk before they are given', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -10, max: 0xffff_0000 }), { maxLength: 12 }), (clocks) => {
        const directory = makeDirectory();
        let last = 0;
        for (const clock of clocks) {
          const epoch = nextEpoch(directory, clock, 'node');
          expect(epoch).toBe(Math.max(clock, last + 1));
          expect(readFileSync(join(directory, 'epoch-node'), 'utf8')).toBe(`${epoch}\n`);
          last = epoch;
        }
      }),
      { numRuns: 25 },
    );
  });

  test('of router and node agent on one machine are counted apart', () => {
    const directory = makeDirectory();
    expect(nextEpoch(directory, 100, 'node')).toBe(100);
    expect(nextEpoch(directory, 50, 'router')).toBe(50);
    expect(nextEpoch(directory, 50, 'node')).toBe(101);
  });

  test('a clock that says nonsense counts as none', () => {
    const directory = makeDirectory();
    expect(nextEpoch(directory, NaN, 'node')).toBe(1);
    expect(nextEpoch(directory, Infinity, 'node')).toBe(2);
    expect(nextEpoch(directory, 2 ** 32, 'node')).toBe(3);
    expect(nextEpoch(directory, 1000.9, 'node')).toBe(1000);
  });

  test('are not begun anew after damage, and end at 32 bits', () => {
    const directory = makeDirectory();
    nextEpoch(directory, 5, 'router');
    for (const junk of ['', '12 34', '-1', '99999999999', '4294967296']) {
      writeFileSync(join(directory, 'epoch-router'), junk);
      expect(
        codeOf(() => nextEpoch(directory, 5, 'router')),
        junk,
      ).toBe('STATE_UNUSABLE');
    }
    writeFileSync(join(directory, 'epoch-router'), '4294967295\n');
    expect(() => nextEpoch(directory, 5, 'router')).toThrow(/4294967295 is the last epoch/);
  });
});
