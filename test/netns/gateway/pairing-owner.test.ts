/** Whose files the keys are: the program that has them need not be root, but who pairs is. Needs root, and no network. */
import { chownSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { machineId, newKey, openPairings, type PairingStore } from '../../../src/gateway/pairing/index.js';
import { useStateDirectory } from '../../helpers/state-directory.js';

const makeDirectory = useStateDirectory();
const DAEMON = 12345;
const STRANGER = 54321;

function pairedIn(stateDirectory: string): { store: PairingStore; file: string } {
  const store = openPairings({ stateDirectory, side: 'nodes' });
  store.add({ name: 'phone', peer: null, approved: false, keys: [newKey(0)] });
  return { store, file: join(stateDirectory, 'nodes', 'phone.json') };
}

test('what root pairs belongs to the user whose directory it is, and root can read and change it', () => {
  const directory = makeDirectory();
  mkdirSync(directory, { mode: 0o700 });
  chownSync(directory, DAEMON, DAEMON);
  const { store, file } = pairedIn(directory);
  store.approve('phone');
  machineId(directory);
  for (const path of [join(directory, 'nodes'), file, join(directory, 'id')]) {
    expect([statSync(path).uid, statSync(path).gid], path).toEqual([DAEMON, DAEMON]);
  }
  expect(openPairings({ stateDirectory: directory, side: 'nodes' }).find('phone')).toMatchObject({ approved: true });
});

test.each([
  ['root', 0],
  ['a user of its own', DAEMON],
])('a file of somebody else is refused where the directory is of %s', (_, owner) => {
  const directory = makeDirectory();
  mkdirSync(directory, { mode: 0o700 });
  chownSync(directory, owner, owner);
  const { store, file } = pairedIn(directory);
  chownSync(file, STRANGER, STRANGER);
  store.reload();
  expect(store.list()).toEqual([]);
  expect(store.problems()).toEqual([{ file, reason: `belongs to user ${STRANGER}, not to user 0 who reads it` }]);
});
