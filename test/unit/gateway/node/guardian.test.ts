/** The guardian's script, run by a real shell on files instead of /proc/sys, with programs that only note their arguments. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { guardianOrders, WAITING_SCRIPT } from '../../../../src/gateway/node/arming/guardian.js';
import {
  here,
  journalFiles,
  readJournal,
  writeJournal,
  type Journal,
} from '../../../../src/gateway/node/arming/journal.js';

let directory: string;
const at = (name: string): string => join(directory, name);

beforeEach(() => {
  // A quote in the name, as a state directory may have it.
  directory = mkdtempSync(join(tmpdir(), `dt-guardian's-${process.pid}-`));
  for (const name of ['nft', 'ip', 'sleep']) {
    writeFileSync(at(name), `#!/bin/sh\necho ${name} "$@" >>"$NOTES"\n`);
    chmodSync(at(name), 0o755);
  }
});
afterEach(() => rmSync(directory, { recursive: true }));

function journalOf(nonce = 'a'.repeat(32)): Journal {
  const sysctls = [
    { path: at('accept_ra'), from: '1', to: '2' },
    { path: at('mine'), from: '0', to: '1' },
    { path: at('theirs'), from: '0', to: '1' },
    { path: at('gone'), from: '0', to: '1' },
  ];
  const routes = [
    { family: 4 as const, add: 'route replace a', remove: 'route del a' },
    { family: 6 as const, add: 'rule add b', remove: 'rule del b' },
  ];
  return { version: 1, ...here(), nonce, sysctls, routes };
}

function run(journal: Journal, orders = `${guardianOrders(journalFiles(directory), journal)}#end\n`): string[] {
  for (const [name, value] of [
    ['accept_ra', '2'],
    ['mine', '1'],
    ['theirs', '7'],
  ] as const)
    writeFileSync(at(name), `${value}\n`);
  const env = { PATH: `${directory}:${process.env['PATH']}`, NOTES: at('notes') };
  execFileSync('/bin/sh', ['-c', WAITING_SCRIPT], {
    input: orders,
    env,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return existsSync(at('notes')) ? readFileSync(at('notes'), 'utf8').trim().split('\n') : [];
}
const values = (): string[] => ['accept_ra', 'mine', 'theirs'].map((name) => readFileSync(at(name), 'utf8').trim());

describe('at the end of its input', () => {
  test('the guardian puts back what is still as it was written, in reverse, and takes the journal away', () => {
    writeJournal(journalFiles(directory), journalOf());
    const remove = 'nft delete table inet detour-gateway';
    expect(run(journalOf())).toEqual(['ip -6 rule del b', 'ip -4 route del a', remove, 'sleep 1', remove]);
    expect(values()).toEqual(['1', '0', '7']);
    expect(existsSync(at('gone'))).toBe(false);
    expect(existsSync(at('arming.json')) || existsSync(at('arming.claimed.json'))).toBe(false);
  });

  test.each([
    ['there is no journal: a clean end', () => undefined],
    ['the journal is a later one', () => writeJournal(journalFiles(directory), journalOf('b'.repeat(32)))],
  ])('it does nothing when %s', (_, prepare) => {
    prepare();
    expect(run(journalOf())).toEqual([]);
    expect(values()).toEqual(['2', '1', '7']);
  });
});

describe('orders', () => {
  test.each([
    ['none', (): string => ''],
    ['those that were cut off', (orders: string): string => orders],
    ['those that were cut off in the last line', (orders: string): string => `${orders}#end`],
  ])('are not carried out: %s', (_, cut) => {
    writeJournal(journalFiles(directory), journalOf());
    expect(run(journalOf(), cut(guardianOrders(journalFiles(directory), journalOf())))).toEqual([]);
    expect(existsSync(at('arming.json'))).toBe(true);
  });
});

describe('the journal', () => {
  const plain: Journal = {
    ...{ version: 1 as const, ...here(), nonce: 'c'.repeat(32), routes: [] },
    sysctls: [{ path: '/proc/sys/net/ipv4/conf/lan.7/forwarding', from: '0', to: '1' }],
  };
  const read = (text: string): Journal | string | null => {
    writeFileSync(at('j'), text);
    return readJournal(at('j'));
  };

  test('is read as it was written, for its owner only', () => {
    const files = journalFiles(directory);
    writeJournal(files, plain);
    expect(readJournal(files.journal)).toEqual(plain);
    expect(execFileSync('stat', ['-c', '%a', files.journal], { encoding: 'utf8' })).toBe('600\n');
    expect(readJournal(at('none'))).toBeNull();
  });

  test('of another boot, another namespace or another form is of no use, and says why', () => {
    expect(read(JSON.stringify({ ...plain, boot: 'x' }))).toBe('it is of an earlier boot');
    expect(read(JSON.stringify({ ...plain, netns: 1 }))).toBe('it is of another network namespace');
    expect(read('')).toBe('it is no JSON');
    for (const odd of ['null', '[]', '{}', JSON.stringify({ ...plain, version: 2 })])
      expect(read(odd)).toBe('it is of another form');
    const elsewhere = { ...plain, sysctls: [{ path: '/proc/sys/kernel/core_pattern', from: '|x', to: '1' }] };
    expect(read(JSON.stringify(elsewhere))).toBe('it is of another form');
    const up = { ...plain, sysctls: [{ path: '/proc/sys/net/ipv4/conf/../../x', from: '0', to: '1' }] };
    expect(read(JSON.stringify(up))).toBe('it is of another form');
  });
});
