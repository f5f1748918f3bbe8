import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A bpffs of the test's own: its pins cannot collide with another run's, and vanish with it. */
export function mountBpffs(): { path: string; unmount(): void } {
  const path = mkdtempSync(join(tmpdir(), `dt-bpffs-${process.pid}-`));
  execFileSync('mount', ['-t', 'bpf', 'bpf', path], { stdio: 'pipe' });
  return {
    path,
    unmount() {
      execFileSync('umount', [path], { stdio: 'pipe' });
      rmdirSync(path);
    },
  };
}
