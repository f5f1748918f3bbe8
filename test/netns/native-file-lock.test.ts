/** lockFile: one holder at a time, whichever way the holder ends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { native, type FileLock } from '../../src/native.js';
import { until } from '../helpers/poll.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const ADDON = fileURLToPath(new URL('../../native/build/Release/detour_native.node', import.meta.url));

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'detour-lock-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const fresh = (name: string): string => join(directory, name);
const held = (path: string): boolean => {
  const lock = native.lockFile(path);
  lock?.close();
  return lock === null;
};

/** A process that holds the lock until it is told otherwise. */
async function holder(path: string): Promise<ChildProcess> {
  const script = `const lock = require(${JSON.stringify(ADDON)}).lockFile(${JSON.stringify(path)});
    setInterval(() => lock, 1000); console.log(lock !== null);`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [answer] = (await once(child.stdout, 'data')) as [Buffer];
  expect(answer.toString()).toBe('true\n');
  return child;
}

test('the second to ask gets nothing, in this process as in another, until the first closes', async () => {
  const path = fresh('one');
  const first = native.lockFile(path);
  expect(first).not.toBeNull();
  expect(native.lockFile(path)).toBeNull();
  first?.close();
  first?.close();
  const child = await holder(path);
  expect(native.lockFile(path)).toBeNull();
  child.kill('SIGTERM');
  await once(child, 'exit');
  expect(held(path)).toBe(false);
});

test('a holder that is killed holds no more', async () => {
  const path = fresh('killed');
  const child = await holder(path);
  expect(held(path)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await until(() => !held(path), { what: 'the lock to be free' });
});

test('the file is private and holds the pid, whatever stood there before; asking in vain leaves it', async () => {
  const path = fresh('pid');
  writeFileSync(path, '99999999999 stale\n', { mode: 0o600 });
  const child = await holder(path);
  expect(native.lockFile(path)).toBeNull();
  expect(readFileSync(path, 'utf8')).toBe(`${child.pid}\n`);
  child.kill();
  await once(child, 'exit');
  const own = fresh('made');
  native.lockFile(own)?.close();
  expect(statSync(own).mode & 0o777).toBe(0o600);
});

test('a child of the holder inherits nothing', async () => {
  const path = fresh('child');
  const lock = native.lockFile(path);
  const sleeper = spawn('sleep', ['60']);
  await once(sleeper, 'spawn');
  lock?.close();
  await until(() => !held(path), { what: 'the lock to be free' });
  sleeper.kill();
  await once(sleeper, 'exit');
});

test('a lock that nobody refers to any more is held all the same', async () => {
  const path = fresh('forgotten');
  let lock: FileLock | null = native.lockFile(path);
  const reference = new WeakRef(lock as FileLock);
  lock = null;
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
  }
  expect(held(path)).toBe(true);
  reference.deref()?.close();
  expect(held(path)).toBe(false);
});

test('what cannot be opened is an error, and no attempt leaves a descriptor', () => {
  const path = fresh('count');
  const lock = native.lockFile(path);
  const before = readdirSync('/proc/self/fd').length;
  for (let i = 0; i < 50; i++) {
    expect(native.lockFile(path)).toBeNull();
    expect(() => native.lockFile(fresh('missing/lock'))).toThrow(/ENOENT.*open.*missing\/lock/);
    expect(() => native.lockFile(1 as never)).toThrow(TypeError);
  }
  expect(readdirSync('/proc/self/fd').length).toBe(before);
  lock?.close();
  expect(readdirSync('/proc/self/fd').length).toBe(before - 1);
});

test('holders that remove their file before they let go never hold it two at a time', async () => {
  const path = fresh('removed');
  const script = `const { openSync, closeSync, unlinkSync } = require('node:fs');
    const { lockFile } = require(${JSON.stringify(ADDON)});
    for (let taken = 0; taken < 300;) {
      const lock = lockFile(${JSON.stringify(path)});
      if (lock === null) continue;
      closeSync(openSync(${JSON.stringify(`${path}.inside`)}, 'wx'));
      unlinkSync(${JSON.stringify(`${path}.inside`)});
      unlinkSync(${JSON.stringify(path)});
      lock.close();
      taken++;
    }`;
  const children = [1, 2, 3].map(() =>
    spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'ignore', 'pipe'] }),
  );
  const ends = children.map(async (child) => {
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => void (text += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return [code, text];
  });
  expect(await Promise.all(ends)).toEqual([
    [0, ''],
    [0, ''],
    [0, ''],
  ]);
});
