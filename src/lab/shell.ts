/** Running other programs in the lab: their errors carry what they printed. */
import { spawnSync } from 'node:child_process';

/** Runs a program to its end; throws with its standard error when it fails. */
export function sh(command: string, ...args: string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8', timeout: 30_000 });
  if (result.status === 0) return result.stdout;
  const why = result.error?.message ?? result.stderr.trim();
  throw new Error(`${command} ${args.join(' ')}: ${why}`);
}

/** As `sh`, but failing is allowed: for clean-up. */
export function tryStart(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 30_000 }).status === 0;
}

/** `ip -batch` in one namespace: one process for many commands. */
export function ipBatch(namespace: string, lines: readonly string[]): void {
  const result = spawnSync('ip', ['-n', namespace, '-batch', '-'], {
    input: lines.join('\n') + '\n',
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (result.status !== 0) throw new Error(`ip -n ${namespace} -batch: ${result.stderr.trim()}`);
}
