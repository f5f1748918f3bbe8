/** `make install` into a directory, as packagers do it: what is there runs without the source tree. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
let directory: string;
const at = (path: string): string => join(directory, path);

function make(target: string, ...variables: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('make', ['-s', target, `DESTDIR=${directory}`, ...variables], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, output: stdout + stderr };
}

const installed = (...args: string[]): string =>
  execFileSync(process.execPath, [at('opt/detour/bin/detour'), ...args], { encoding: 'utf8', cwd: directory });

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), `dt-install-${process.pid}-`));
  expect(make('install')).toMatchObject({ status: 0 });
});
afterAll(() => rmSync(directory, { recursive: true }));

test('the installed command runs, with addon and libbpf, and finds the example configuration right', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(installed('--version')).toBe(`${version}\n`);
  expect(installed('check', '--no-interfaces', at('etc/detour.yaml'))).toContain('detour.yaml: ok, 2 uplinks');
  const { stdout } = spawnSync(process.execPath, [at('opt/detour/bin/detour'), 'doctor', '--json'], {
    encoding: 'utf8',
  });
  const { checks } = JSON.parse(stdout) as { checks: { id: string; status: string }[] };
  expect(checks.filter(({ id }) => id.includes('addon') || id.includes('libbpf')).map(({ status }) => status)).toEqual([
    'ok',
    'ok',
  ]);
});

test('the command leads to the installed tree, and the units start that', () => {
  expect(readlinkSync(at('usr/local/bin/detour'))).toBe('/opt/detour/bin/detour');
  expect(readFileSync(at('etc/systemd/system/detour.service'), 'utf8')).toContain(
    'ExecStart=/usr/bin/env node /opt/detour/bin/detour run /etc/detour.yaml\n',
  );
  expect(readFileSync(at('etc/systemd/system/detour-gateway.service'), 'utf8')).toContain(
    'ExecStart=/usr/bin/env node /opt/detour/bin/detour gateway run\n',
  );
});

test('nothing that only development needs is installed', () => {
  for (const path of ['dist/lab', 'node_modules/typescript', 'node_modules/vitest', 'src']) {
    expect(existsSync(at(`opt/detour/${path}`)), path).toBe(false);
  }
});

test('another install keeps the configuration, uninstall too, and a directory of others is left alone', () => {
  writeFileSync(at('etc/detour.yaml'), 'mine\n');
  expect(make('install')).toMatchObject({ status: 0 });
  expect(readFileSync(at('etc/detour.yaml'), 'utf8')).toBe('mine\n');
  const refused = make('install', 'PREFIX=/etc');
  expect(refused.status).not.toBe(0);
  expect(refused.output).toContain('"make install" did not make it');
  expect(make('uninstall', 'PREFIX=/etc').status).not.toBe(0);
  expect(make('uninstall')).toMatchObject({ status: 0 });
  for (const path of [
    'opt/detour',
    'usr/local/bin/detour',
    'etc/systemd/system/detour.service',
    'etc/systemd/system/detour-gateway.service',
  ]) {
    expect(existsSync(at(path)), path).toBe(false);
  }
  expect(readFileSync(at('etc/detour.yaml'), 'utf8')).toBe('mine\n');
});
