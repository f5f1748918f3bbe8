/** What `sudo make` leaves in the tree of a user is the user's. */
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NOBODY } from '../helpers/router-netns.js';

const script = fileURLToPath(new URL('../../scripts/give-back.sh', import.meta.url));
let tree: string;
const owner = (path: string): number => lstatSync(join(tree, path)).uid;

beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), `dt-tree-${process.pid}-`));
  for (const directory of ['scripts', 'build', 'node_modules', 'src']) mkdirSync(join(tree, directory));
  copyFileSync(script, join(tree, 'scripts/give-back.sh'));
  for (const file of ['build/made', 'node_modules/.build-native.lock', 'src/kept']) writeFileSync(join(tree, file), '');
  symlinkSync('/etc/hostname', join(tree, 'build/link'));
});
afterEach(() => rmSync(tree, { recursive: true }));

function giveBack(): void {
  const env = { ...process.env, SUDO_UID: String(NOBODY), SUDO_GID: String(NOBODY) };
  execFileSync('sh', [join(tree, 'scripts/give-back.sh')], { env });
}

test('what was built is given to the owner of the tree, no link is followed, and sources are not touched', () => {
  const hostname = lstatSync('/etc/hostname').uid;
  chownSync(tree, NOBODY, NOBODY);
  giveBack();
  expect(['build/made', 'build/link', 'node_modules/.build-native.lock', 'src/kept'].map(owner)).toEqual([
    NOBODY,
    NOBODY,
    NOBODY,
    0,
  ]);
  expect(lstatSync('/etc/hostname').uid).toBe(hostname);
});

test('a tree of root’s stays root’s', () => {
  giveBack();
  expect(owner('build/made')).toBe(0);
});
