import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { endingOf, exitCodes } from '../../src/cli/exit.js';
import { DetourError, errorCatalogue } from '../../src/errors.js';
import { tableRows } from '../helpers/markdown.js';

const documentation = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

describe('docs/errors.md', () => {
  test('has one row for each code, with its message, status and exit code', () => {
    const rows = tableRows(documentation, ['code', 'message', 'HTTP', 'exit']);
    expect(rows.map((row) => row.slice(0, 4))).toEqual(
      Object.entries(errorCatalogue).map(([code, entry]) => [
        `\`${code}\``,
        entry.message,
        String(entry.status),
        String(entry.exit),
      ]),
    );
    for (const row of rows) expect(row[4], `what to do about ${row[0]}`).toMatch(/\w+.*\.$/);
  });

  test('explains every exit code', () => {
    expect(tableRows(documentation, ['exit', 'meaning'])).toEqual(Object.entries(exitCodes));
  });
});

test('every exit code of the catalogue is documented in --help', () => {
  for (const entry of Object.values(errorCatalogue)) expect(Object.keys(exitCodes)).toContain(String(entry.exit));
});

test('a message takes its parameters, and shows which one is missing', () => {
  expect(new DetourError('UPLINK_UNKNOWN', { uplink: 'fbre', known: 'fibre, lte' }).message).toBe(
    'no uplink named "fbre"; known: fibre, lte',
  );
  expect(new DetourError('UPLINK_UNKNOWN', { uplink: 'fbre' }).message).toBe('no uplink named "fbre"; known: {known}');
});

describe('an error ends the CLI with one line', () => {
  test.each([
    ['a Detour error', new DetourError('USAGE', { reason: 'first\n  second' }), 64, 'detour: first second'],
    [
      'a usage error',
      new CommanderError(1, 'x', "error: unknown command 'a'\n(Did you mean b?)"),
      64,
      "detour: unknown command 'a' (Did you mean b?)",
    ],
    ['help that was asked for', new CommanderError(0, 'commander.helpDisplayed', '(outputHelp)'), 0, null],
    ['help for lack of a command', new CommanderError(1, 'commander.help', '(outputHelp)'), 64, null],
    ['anything else', new TypeError('boom'), 70, 'detour: boom (unexpected; DETOUR_DEBUG=1 shows where)'],
    ['something that is no error', 'boom', 70, 'detour: boom (unexpected; DETOUR_DEBUG=1 shows where)'],
  ])('%s', (_, error, code, line) => {
    expect(endingOf(error)).toEqual({ code, line });
  });
});
