import { execFileSync } from 'node:child_process';
import ffi from 'ffi-napi';

const CLONE_NEWNET = 0x40000000;

/**
 * Moves the test's main thread, and with it all children started later, into a new network namespace without a name.
 * It vanishes with the process, so there is nothing to clean up. Only for `pool: forks` (a process for each file).
 */
export function enterOwnNetns(): void {
  const libc = ffi.Library(null, { unshare: ['int', ['int']] }) as unknown as { unshare(flags: number): number };
  if (libc.unshare(CLONE_NEWNET) !== 0) throw new Error(`unshare(CLONE_NEWNET) failed: errno ${ffi.errno()} (root?)`);
  ip('link set lo up');
}

/** Runs `ip` with these arguments (no quoting) and returns its output. */
export function ip(command: string): string {
  return execFileSync('ip', command.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export function ifindexOf(name: string): number {
  const [link] = JSON.parse(ip(`-json link show dev ${name}`)) as { ifindex: number }[];
  if (!link) throw new Error(`no interface ${name}`);
  return link.ifindex;
}
