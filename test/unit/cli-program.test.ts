import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program.js';
import { runInProcess } from '../helpers/cli.js';

const program = buildProgram({ out: () => {}, err: () => {}, color: false, width: () => 80, exit: () => {} });

describe('every command', () => {
  const names = program.commands.map((command: Command) => command.name());

  test('of issue 3 is there', () => {
    const wanted = [
      'run',
      'check',
      'status',
      'uplinks',
      'routes',
      'lookup',
      'events',
      'drain',
      'undrain',
      'force',
      'load',
      'unload',
      'doctor',
    ];
    expect(names).toEqual(expect.arrayContaining(wanted));
  });

  test.each(names)('%s has help with an example that names it', async (name) => {
    const { code, stdout } = await runInProcess([name, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`\\nExample:\\n  .*\\bdetour ${name}\\b`));
  });
});

test('help of a command that does not exist is an error, of one that does its help', async () => {
  const unknown = await runInProcess(['help', 'nope']);
  expect(unknown).toEqual({
    code: 64,
    stdout: '',
    stderr: `detour: unknown command 'nope'; "detour --help" lists the commands\n`,
  });
  expect(await runInProcess(['help', 'drain'])).toMatchObject({ code: 0, stdout: expect.stringContaining('<uplink>') });
  expect(await runInProcess(['help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('Exit codes:') });
});

test('the help of the program documents the exit codes', async () => {
  const { code, stdout } = await runInProcess(['--help']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Exit codes:\n +0 {2}done\n/);
});
