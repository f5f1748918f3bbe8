/** State directories of their own for each test, removed after it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';

/** Call once in a test file. The directory that is given does not exist yet: what uses it makes it. */
export function useStateDirectory(): () => string {
  const made: string[] = [];
  afterEach(() => {
    for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
  });
  return () => {
    const parent = mkdtempSync(join(tmpdir(), `dt-state-${process.pid}-`));
    made.push(parent);
    return join(parent, 'detour');
  };
}
