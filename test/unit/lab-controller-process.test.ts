import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControllerProcess, type ControllerProcessOptions } from '../../src/lab/controller-process.js';

// What it spawns is nsenter, which is looked for in PATH: a script of the test's own takes its place.
describe('a controller of the lab that does not come up', () => {
  const path = process.env['PATH'];
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'detour-test-'));
    process.env['PATH'] = directory;
  });

  afterEach(() => {
    process.env['PATH'] = path;
    rmSync(directory, { recursive: true });
  });

  const nsenter = (script: string): void => {
    writeFileSync(join(directory, 'nsenter'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, 'nsenter'), 0o755);
  };
  // The time-out is longer than a test may take: who waits for the whole of it fails.
  const start = (options: Partial<ControllerProcessOptions> = {}): Promise<ControllerProcess> => {
    const fixed = { namespace: 'none', configFile: 'none.yaml', socket: join(directory, 'api.sock') };
    return ControllerProcess.start({ ...fixed, timeoutMs: 600_000, ...options });
  };

  it('because there is no nsenter, is an error that can be caught', async () => {
    await expect(start()).rejects.toThrow(/^the controller could not be started: spawn nsenter ENOENT/);
  });

  it('because it ends, is told with its code and its last words', async () => {
    nsenter('echo no such file >&2; exit 3');
    await expect(start()).rejects.toThrow(/^the controller ended with 3: no such file\n$/);
  });

  it('because a signal ends it, is not waited for', async () => {
    nsenter('kill -KILL $$');
    await expect(start()).rejects.toThrow(/^the controller was ended by SIGKILL/);
  });

  it('before the wait is cut short, is stopped', async () => {
    nsenter('/bin/sleep 60 >/dev/null 2>&1 & trap "echo told to end; kill $!; exit 0" TERM; echo begun; wait');
    const cut = new AbortController();
    const told: string[] = [];
    const onLine = (line: string): void => {
      told.push(line);
      if (line === 'begun') cut.abort();
    };
    const started = start({ signal: cut.signal, onLine });
    await expect(started).rejects.toThrow(/aborted/);
    expect(told).toEqual(['begun', 'told to end']);
  });
});
