/** An nft that is started before there is a script for it; the program only notes what it was told. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NftError, ReadyNft } from '../../src/nft.js';
import { until } from '../helpers/poll.js';

let directory: string;
let ready: ReadyNft;
const path = process.env['PATH'] ?? '';
const read = (name: string): string[] =>
  existsSync(join(directory, name)) ? readFileSync(join(directory, name), 'utf8').trim().split('\n') : [];
const started = (): number[] => read('started').map(Number);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), `dt-nft-${process.pid}-`));
  const program = `#!/bin/sh
echo $$ >>${directory}/started
script=$(cat)
if [ "$script" = wrong ]; then echo 'no such thing' >&2; exit 1; fi
echo "$$ $script" >>${directory}/ran
`;
  writeFileSync(join(directory, 'nft'), program);
  chmodSync(join(directory, 'nft'), 0o755);
  process.env['PATH'] = `${directory}${delimiter}${path}`;
  ready = new ReadyNft();
});
afterEach(() => {
  ready.close();
  process.env['PATH'] = path;
  rmSync(directory, { recursive: true });
});

describe('an nft that waits', () => {
  test('is the one that has the next script, and only that', async () => {
    ready.prepare();
    ready.prepare();
    await until(() => started().length > 0, { what: 'the start' });
    const [waiting] = started();
    await ready.run('one');
    await ready.run('two');
    const [first, second] = started();
    expect([first, started().length]).toEqual([waiting, 2]);
    expect(read('ran')).toEqual([`${first} one`, `${second} two`]);
  });

  test('and was ended by somebody is not waited for', async () => {
    ready.prepare();
    await until(() => started().length > 0, { what: 'the start' });
    process.kill(started()[0]!, 'SIGKILL');
    await until(() => !ready.isPrepared, { what: 'its end' });
    await ready.run('one');
    expect(read('ran')).toEqual([`${started()[1]} one`]);
  });

  test('says which package is missing where there is no nft', async () => {
    process.env['PATH'] = join(directory, 'empty');
    await expect(ready.run('one')).rejects.toThrow(
      new NftError('the program nft is missing: install nftables (apt install nftables)', null),
    );
  });

  test('does not have to start: that is told when there is a script', async () => {
    // More than one variable of an environment may hold (execve(2), MAX_ARG_STRLEN): thrown at once by spawn.
    process.env['DETOUR_TEST_TOO_LONG'] = 'x'.repeat(200_000);
    try {
      ready.prepare();
      expect(ready.isPrepared).toBe(false);
      await expect(ready.run('one')).rejects.toThrow(new NftError('nft does not start: spawn E2BIG', null));
    } finally {
      delete process.env['DETOUR_TEST_TOO_LONG'];
    }
    await ready.run('two');
    expect(read('ran')).toEqual([expect.stringMatching(/ two$/)]);
  });

  test('says what is wrong with the script', async () => {
    ready.prepare();
    await expect(ready.run('wrong')).rejects.toThrow(new NftError('no such thing', 1));
  });

  test('has nothing to do when it is not needed any more', async () => {
    ready.prepare();
    await until(() => started().length > 0, { what: 'the start' });
    ready.close();
    await until(() => read('ran').length > 0, { what: 'its end' });
    expect(read('ran')).toEqual([`${started()[0]}`]);
  });
});
