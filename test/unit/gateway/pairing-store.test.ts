import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  newKey,
  openPairings,
  sendingKey,
  type Pairing,
  type PairingStore,
} from '../../../src/gateway/pairing/index.js';
import { encodePairing } from '../../../src/gateway/pairing/format.js';
import { until } from '../../helpers/poll.js';
import { useStateDirectory } from '../../helpers/state-directory.js';

const makeDirectory = useStateDirectory();
const open: PairingStore[] = [];
afterEach(() => open.splice(0).forEach((store) => store.close()));

const PEER = 'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf';

function makeStore(stateDirectory = makeDirectory()) {
  const store = openPairings({ stateDirectory, side: 'nodes' });
  open.push(store);
  const file = (name: string): string => join(stateDirectory, 'nodes', name);
  return { store, stateDirectory, file };
}

const pairing = (name: string, overrides: Partial<Pairing> = {}): Pairing => ({
  name,
  peer: null,
  approved: false,
  keys: [newKey(1_700_000_000_000)],
  ...overrides,
});
const names = (store: PairingStore): string[] => store.list().map(({ name }) => name);
const keyIds = (store: PairingStore, name: string): string[] => store.find(name)!.keys.map(({ id }) => id);
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const reasonOf = (store: PairingStore): string | undefined => store.problems()[0]?.reason;

describe('the pairings of a machine', () => {
  test('are none where there is no directory, and reading makes none', () => {
    const { store, stateDirectory } = makeStore();
    expect([store.list(), store.problems()]).toEqual([[], []]);
    expect(existsSync(stateDirectory)).toBe(false);
  });

  test('are private files that another start reads as they were', () => {
    const { store, stateDirectory, file } = makeStore();
    const [phone, laptop] = [pairing('phone', { peer: PEER, approved: true }), pairing('laptop')];
    store.add(phone);
    store.add(laptop);
    expect([stateDirectory, dirname(file('x')), file('phone.json')].map(modeOf)).toEqual(['700', '700', '600']);
    expect(makeStore(stateDirectory).store.list()).toEqual([laptop, phone]);
    expect(readdirSync(dirname(file('x'))).sort()).toEqual(['laptop.json', 'phone.json']);
  });

  test('leave no key behind that a crash in the middle of writing has left', () => {
    const { store, file } = makeStore();
    store.add(pairing('phone'));
    const [old, young] = [file('.new-0123'), file('.new-4567')];
    for (const path of [old, young]) writeFileSync(path, readFileSync(file('phone.json')), { mode: 0o600 });
    utimesSync(old, new Date(0), new Date(0));
    store.reload();
    expect([names(store), store.problems()]).toEqual([['phone'], []]);
    store.remove('phone');
    expect([existsSync(old), existsSync(young)]).toEqual([false, true]);
  });

  test('are read again only where a file has changed, and then surely', () => {
    const { store, file } = makeStore();
    for (const name of ['laptop', 'phone', 'tablet']) store.add(pairing(name));
    const past = new Date(Date.now() - 60_000);
    for (const name of ['laptop', 'phone', 'tablet']) utimesSync(file(`${name}.json`), past, past);
    store.reload();
    rmSync(file('tablet.json'));
    store.reload();
    const [laptop, phone] = store.list();
    writeFileSync(file('phone.json'), encodePairing({ ...phone!, peer: PEER }));
    store.reload();
    expect(names(store)).toEqual(['laptop', 'phone']);
    expect(store.list()[0]).toBe(laptop);
    expect(store.find('phone')).toMatchObject({ peer: PEER });
    chmodSync(file('phone.json'), 0o644);
    store.reload();
    expect(names(store)).toEqual(['laptop']);
  });

  test('have one key each, and a name each', () => {
    const { store } = makeStore();
    const phone = pairing('phone');
    store.add(phone);
    expect(() => store.add(pairing('phone'))).toThrow(/"phone" is paired already/);
    expect(() => store.add({ ...phone, name: 'twin' })).toThrow(/"phone" is paired already/);
    expect(keyIds(store, 'phone')).toEqual([phone.keys[0]!.id]);
    for (const name of ['', 'Phone', '../phone', '-a', 'a-', 'a'.repeat(25), 'a b', 'a/b', 'a\n', 'é']) {
      expect(() => store.add(pairing(name)), name).toThrow(/no name for a pairing/);
      expect(() => store.remove(name), name).toThrow(/nothing is paired under/);
      store.setPeer(name, PEER);
    }
    expect(names(store)).toEqual(['phone']);
  });

  test('are changed by name: peer, approval, removal', () => {
    const { store, stateDirectory, file } = makeStore();
    store.add(pairing('phone'));
    store.setPeer('phone', PEER);
    store.approve('phone');
    expect(makeStore(stateDirectory).store.find('phone')).toMatchObject({ peer: PEER, approved: true });
    expect(modeOf(file('phone.json'))).toBe('600');
    store.remove('phone');
    expect([names(store), existsSync(file('phone.json'))]).toEqual([[], false]);
    expect(() => store.remove('phone')).toThrow(/nothing is paired under the name "phone"; paired: none/);
    expect(() => store.approve('phone')).toThrow(/nothing is paired under/);
    expect(() => store.rotate('phone', newKey(0))).toThrow(/nothing is paired under/);
  });

  test('that were removed by another do not come back because this program knew them', () => {
    const { store, stateDirectory } = makeStore();
    store.add(pairing('phone'));
    const daemon = makeStore(stateDirectory).store;
    store.remove('phone');
    daemon.setPeer('phone', PEER);
    daemon.dropOldKeys('phone', '0'.repeat(16));
    expect([names(daemon), names(makeStore(stateDirectory).store)]).toEqual([[], []]);
  });

  test('take the changes of two programs together', () => {
    const { store, stateDirectory } = makeStore();
    store.add(pairing('phone'));
    const daemon = makeStore(stateDirectory).store;
    const key = newKey(0);
    store.rotate('phone', key);
    daemon.setPeer('phone', PEER);
    store.approve('phone');
    store.reload();
    expect(store.find('phone')).toMatchObject({ peer: PEER, approved: true });
    expect(keyIds(store, 'phone')).toHaveLength(2);
  });

  test('are 1,024 at most', () => {
    const { store, file } = makeStore();
    store.add(pairing('first'));
    for (let i = 0; i < 1024; i++) {
      writeFileSync(file(`n${i}.json`), encodePairing(pairing(`n${i}`)), { mode: 0o600 });
    }
    store.reload();
    expect(store.list()).toHaveLength(1024);
    expect(store.problems()).toEqual([{ file: file('n999.json'), reason: expect.stringContaining('beyond the 1024') }]);
    expect(() => store.add(pairing('one-more'))).toThrow(/1024 pairings exist/);
  });
});

describe('a key that is rotated', () => {
  test('stands beside the old one until the peer has used it', () => {
    const { store } = makeStore();
    const first = pairing('phone');
    store.add(first);
    const [old] = first.keys;
    const next = newKey(0);
    store.rotate('phone', next);
    expect(keyIds(store, 'phone')).toEqual([old!.id, next.id]);
    expect(sendingKey(store.find('phone')!, 'nodes')?.id).toBe(old!.id);
    expect(sendingKey(store.find('phone')!, 'routers')?.id).toBe(next.id);
    store.dropOldKeys('phone', old!.id);
    store.dropOldKeys('phone', 'f'.repeat(16));
    expect(keyIds(store, 'phone')).toEqual([old!.id, next.id]);
    store.dropOldKeys('phone', next.id);
    expect(keyIds(store, 'phone')).toEqual([next.id]);
  });

  test('twice before it was used keeps the one that the peer has', () => {
    const { store } = makeStore();
    const first = pairing('phone');
    store.add(first);
    store.rotate('phone', newKey(0));
    const last = newKey(0);
    store.rotate('phone', last);
    store.rotate('phone', last);
    expect(keyIds(store, 'phone')).toEqual([first.keys[0]!.id, last.id]);
  });
});

describe('a file that is not as it should be', () => {
  test.each<[string, (path: string) => void, RegExp]>([
    ['is readable by others', (path) => chmodSync(path, 0o640), /others may read or write it \(mode 640\): chmod 600/],
    ['is writable by others', (path) => chmodSync(path, 0o602), /others may read or write it/],
    ['is a directory', (path) => (rmSync(path), mkdirSync(path)), /is not a regular file/],
    ['is a link', (path) => (renameSync(path, `${path}.away`), symlinkSync(`${path}.away`, path)), /symbolic link/],
    ['is a pipe', (path) => (rmSync(path), execFileSync('mkfifo', ['-m', '600', path])), /is not a regular file/],
    ['is huge', (path) => truncateSync(path, 1_000_000), /has 1000000 bytes, more than 4096/],
  ])('because it %s is refused and named, and the others go on', (_, damage, message) => {
    const { store, file } = makeStore();
    store.add(pairing('phone'));
    store.add(pairing('laptop'));
    damage(file('phone.json'));
    store.reload();
    expect(names(store)).toEqual(['laptop']);
    expect(store.problems()).toContainEqual({ file: file('phone.json'), reason: expect.stringMatching(message) });
  });

  test.each([
    ['', /is not JSON/],
    ['{"version": 1, "name": "ph', /is not JSON/],
    ['[]', /is not a pairing/],
    ['null', /is not a pairing/],
    ['{"version": 2}', /another version/],
    ['{"version": 1, "name": "other"}', /of another name/],
    ['{"version": 1, "name": "phone", "peer": 3}', /"peer" is/],
    ['{"version": 1, "name": "phone", "peer": null, "approved": 1}', /"approved" is/],
    ['{"version": 1, "name": "phone", "peer": null, "approved": true, "keys": []}', /"keys" is not one key or two/],
    ['{"version": 1, "name": "phone", "peer": null, "approved": true, "keys": [7]}', /"keys\[0\]" is no object/],
  ])('of content %s is told, and what it was before holds', (text, message) => {
    const { store, file, stateDirectory } = makeStore();
    store.add(pairing('phone'));
    const before = store.find('phone');
    writeFileSync(file('phone.json'), text);
    store.reload();
    expect(store.find('phone')).toEqual(before);
    expect(reasonOf(store)).toMatch(message);
    expect(reasonOf(store)).toMatch(/what it was before holds/);
    expect(() => store.approve('phone')).toThrow(message);
    const started = makeStore(stateDirectory).store;
    expect([started.list(), reasonOf(started)]).toEqual([[], expect.stringMatching(message)]);
  });

  test('cut at any byte is never taken for a whole one, and its text is never repeated', () => {
    const { file, stateDirectory, store } = makeStore();
    store.add(pairing('phone', { peer: PEER }));
    const whole = readFileSync(file('phone.json'), 'utf8');
    const secret = (JSON.parse(whole) as { keys: { key: string }[] }).keys[0]!.key;
    for (let length = 0; length < whole.trimEnd().length; length += 7) {
      writeFileSync(file('phone.json'), whole.slice(0, length));
      const started = openPairings({ stateDirectory, side: 'nodes' });
      expect(started.list(), `${length} bytes`).toEqual([]);
      expect(reasonOf(started)).not.toContain(secret.slice(0, 6));
    }
  });

  test('of which one bit of the key has changed is refused by its id', () => {
    const { store, file, stateDirectory } = makeStore();
    store.add(pairing('phone'));
    const text = readFileSync(file('phone.json'), 'utf8');
    writeFileSync(
      file('phone.json'),
      text.replace(/"key": "(.)/, (_, c: string) => `"key": "${c === 'A' ? 'B' : 'A'}`),
    );
    expect(reasonOf(makeStore(stateDirectory).store)).toMatch(/does not have the id that stands beside it/);
  });

  test('that is a copy of another would make two nodes one: the second is refused', () => {
    const { store, file } = makeStore();
    store.add(pairing('phone'));
    const text = readFileSync(file('phone.json'), 'utf8').replace('"phone"', '"tablet"');
    writeFileSync(file('tablet.json'), text, { mode: 0o600 });
    copyFileSync(file('phone.json'), file('phone.json.bak'));
    store.reload();
    expect(names(store)).toEqual(['phone']);
    expect(store.problems().map(({ reason }) => reason)).toEqual([
      expect.stringContaining('does not belong here'),
      expect.stringContaining('has a key of "phone"'),
    ]);
  });

  test('can still be removed', () => {
    const { store, file } = makeStore();
    store.add(pairing('phone'));
    writeFileSync(file('phone.json'), 'junk');
    store.remove('phone');
    expect([names(store), store.problems()]).toEqual([[], []]);
  });

  test('a directory that is a file, or others may write to, takes no pairing', () => {
    const { store, stateDirectory } = makeStore();
    mkdirSync(stateDirectory, { mode: 0o700 });
    writeFileSync(join(stateDirectory, 'nodes'), '');
    store.reload();
    expect(store.problems()).toEqual([{ file: join(stateDirectory, 'nodes'), reason: 'cannot be read (ENOTDIR)' }]);
    expect(() => store.add(pairing('phone'))).toThrow(/nodes: is not a directory/);
    rmSync(join(stateDirectory, 'nodes'));
    mkdirSync(join(stateDirectory, 'nodes'));
    chmodSync(join(stateDirectory, 'nodes'), 0o720);
    expect(() => store.add(pairing('phone'))).toThrow(/others may write to it/);
  });
});

describe('a program that runs', () => {
  /** A store that is watched, and how often it told of a change. */
  function watched(stateDirectory: string) {
    const { store, file } = makeStore(stateDirectory);
    const told = { count: 0 };
    const stop = store.onChange(() => told.count++);
    return { store, file, told, stop };
  }

  test('sees what a command does: pair, rotate, revoke', async () => {
    const { store: command, stateDirectory } = makeStore();
    const { store, told } = watched(stateDirectory);
    command.add(pairing('phone'));
    await until(() => names(store).length === 1, { what: 'the pairing' });
    command.rotate('phone', newKey(0));
    await until(() => keyIds(store, 'phone').length === 2, { what: 'the second key' });
    command.remove('phone');
    await until(() => names(store).length === 0, { what: 'the end of the pairing' });
    expect(told.count).toBe(3);
  });

  test('is told after its own changes, not during them, and not of changes that change nothing', async () => {
    const { store, file, told } = watched(makeDirectory());
    store.add(pairing('phone'));
    expect(told.count).toBe(0);
    await until(() => told.count === 1, { what: 'the notification' });
    store.setPeer('phone', PEER);
    store.approve('phone');
    await until(() => told.count === 2, { what: 'one notification of both' });
    store.setPeer('phone', PEER);
    appendFileSync(file('phone.json'), '\n');
    // What comes after it is seen, so the former was looked at.
    writeFileSync(file('junk'), '');
    await until(() => store.problems().length === 1, { what: 'the junk' });
    expect(told.count).toBe(3);
  });

  test('goes on seeing when the directory is removed and made again', async () => {
    const { store: command, stateDirectory } = makeStore();
    const { store } = watched(stateDirectory);
    command.add(pairing('phone'));
    await until(() => names(store).length === 1, { what: 'the pairing' });
    rmSync(stateDirectory, { recursive: true });
    await until(() => names(store).length === 0, { what: 'the end of the pairing' });
    makeStore(stateDirectory).store.add(pairing('laptop'));
    await until(() => names(store)[0] === 'laptop', { what: 'the new pairing' });
  });

  test('hears nothing after close or when it has stopped listening', async () => {
    const { store: command, stateDirectory } = makeStore();
    const closed = watched(stateDirectory);
    const stopped = watched(stateDirectory);
    const listening = watched(stateDirectory);
    closed.store.close();
    stopped.stop();
    command.add(pairing('phone'));
    await until(() => listening.told.count === 1, { what: 'the one that listens' });
    await until(() => names(stopped.store).length === 1, { what: 'the one without a listener' });
    expect([closed.told.count, stopped.told.count, names(closed.store)]).toEqual([0, 0, []]);
  });
});
