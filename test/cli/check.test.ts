/** `detour check` and the frame of the CLI, as processes. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtCli, runProcess, type CliResult } from '../helpers/cli.js';

const directory = mkdtempSync(join(tmpdir(), `detour-check-${process.pid}-`));
const launcher = fileURLToPath(new URL('../../bin/detour', import.meta.url));
beforeAll(() => void builtCli());
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const valid = (): string =>
  file(
    'valid.yaml',
    'uplinks:\n  fibre: {interface: eth1, probes: [{type: icmp, targets: [192.0.2.53]}]}\ninterfaces: [eth0]\n',
  );
const invalid = (): string => file('invalid.yaml', 'mode: observ\nuplinks:\n  fibre:\n    interfce: eth1\n');

describe('detour check', () => {
  test('says what a valid configuration holds', async () => {
    const path = valid();
    expect(await runProcess(['check', '--no-interfaces', path])).toEqual({
      code: 0,
      stdout: `${path}: ok, 1 uplink, 1 probe, 1 group, 2 routes\n`,
      stderr: '',
    });
  });

  test('prints every mistake on its line, then one line of summary, and ends with 2', async () => {
    const path = invalid();
    expect(await runProcess(['check', path])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        `${path}:1:7: mode: must be one of active, observe, not "observ"; write observe\n` +
        `${path}:4:5: uplinks.fibre.interfce: unknown key; did you mean "interface"?\n` +
        `detour: 2 error(s) in ${path}\n`,
    });
  });

  test('asks whether the interfaces are there', async () => {
    const path = file('absent.yaml', 'uplinks: {a: {interface: dt-none-0}}\n');
    const { code, stderr } = await runProcess(['check', path]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${path}:1:26: uplinks.a.interface: no interface is named "dt-none-0"`);
  });

  test('notes what is allowed but hardly meant', async () => {
    const path = file('blind.yaml', 'uplinks: {a: {interface: eth1}}\n');
    const { code, stdout } = await runProcess(['check', '--no-interfaces', path]);
    expect(code).toBe(0);
    expect(stdout).toContain('note: uplink a has no probe');
    expect(stdout).toContain('note: "interfaces" is empty');
  });

  test('as JSON has the same, and the same exit code', async () => {
    const bad = await runProcess(['check', '--json', invalid()]);
    expect(bad).toMatchObject({ code: 2, stderr: '' });
    expect(JSON.parse(bad.stdout)).toMatchObject({
      ok: false,
      errors: [
        { line: 1, column: 7, path: 'mode', write: 'observe' },
        { line: 4, column: 5, path: 'uplinks.fibre.interfce', write: null },
      ],
    });
    const good = await runProcess(['check', '--json', '--no-interfaces', valid()]);
    expect(good.code).toBe(0);
    expect(JSON.parse(good.stdout)).toEqual({ ok: true, errors: [], notes: [] });
  });

  test('needs a file that can be read', async () => {
    expect(await runProcess(['check', join(directory, 'none.yaml')])).toEqual({
      code: 2,
      stdout: '',
      stderr: `detour: cannot read ${directory}/none.yaml: there is no such file\n`,
    });
  });
});

test('detour schema prints the JSON Schema', async () => {
  const { code, stdout } = await runProcess(['schema']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ type: 'object', required: ['uplinks'] });
});

describe('wrong usage ends with 64 and one line', () => {
  test.each([
    ['a command like none', ['bogus'], `detour: unknown command 'bogus'; "detour --help" lists the commands\n`],
    ['an unknown command', ['chek'], "detour: unknown command 'chek' (Did you mean check?)\n"],
    ['an unknown option', ['check', '--fast', 'x'], "detour: unknown option '--fast'\n"],
    ['a missing argument', ['check'], "detour: missing required argument 'config'\n"],
  ])('%s', async (_, args, stderr) => {
    expect(await runProcess(args)).toEqual({ code: 64, stdout: '', stderr });
  });

  test('no command at all: the help, on standard error', async () => {
    const { code, stdout, stderr } = await runProcess([]);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toMatch(/^Usage: detour /);
  });
});

describe('bin/detour', () => {
  const run = (path: string, ...args: string[]): Promise<CliResult> =>
    new Promise((resolve) => {
      execFile(path, args, { timeout: 60_000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      });
    });

  test('starts the CLI', async () => {
    const { code, stdout, stderr } = await run(launcher, '--version');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('says so where nothing is built', async () => {
    mkdirSync(join(directory, 'copy/bin'), { recursive: true });
    writeFileSync(join(directory, 'copy/package.json'), '{"type": "module"}');
    copyFileSync(launcher, join(directory, 'copy/bin/detour'));
    expect(await run(join(directory, 'copy/bin/detour'))).toEqual({
      code: 70,
      stdout: '',
      stderr: 'detour: not built yet: run "make build" in the source directory\n',
    });
  });
});
