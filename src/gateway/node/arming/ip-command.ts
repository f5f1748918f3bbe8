/** The `ip` program of iproute2: routes and rules of one family in one process. */
import { spawn } from 'node:child_process';
import type { RouteChange } from './types.js';

const TIMEOUT_MS = 10_000;

/** @throws Error with what `ip` says of the first that it refuses; those before it have been added */
export async function addRoutes(changes: readonly RouteChange[]): Promise<void> {
  await Promise.all(
    byFamily(changes).map(([family, group]) =>
      ip(
        family,
        false,
        group.map(({ add }) => add),
      ),
    ),
  );
}

/** In reverse; one that is gone already is passed over. */
export async function removeRoutes(changes: readonly RouteChange[]): Promise<void> {
  await Promise.all(
    byFamily(changes).map(([family, group]) => ip(family, true, group.map(({ remove }) => remove).reverse())),
  );
}

function byFamily(changes: readonly RouteChange[]): [string, RouteChange[]][] {
  const of = (family: number): RouteChange[] => changes.filter((change) => change.family === family);
  const groups: [string, RouteChange[]][] = [
    ['-4', of(4)],
    ['-6', of(6)],
  ];
  return groups.filter(([, group]) => group.length > 0);
}

function ip(family: string, force: boolean, commands: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('ip', [family, ...(force ? ['-force'] : []), '-batch', '-'], {
      stdio: ['pipe', 'ignore', 'pipe'],
      timeout: TIMEOUT_MS,
    });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    // It may have ended already: its complaint says why.
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => reject(new Error(`ip does not start: ${error.message}`, { cause: error })));
    child.on('close', (code, signal) => {
      if (code === 0 || force) return resolve();
      const failed = /failed -:(\d+)/.exec(complaint)?.[1];
      const which = failed === undefined ? commands.join('; ') : commands[Number(failed) - 1];
      reject(new Error(`"ip ${family} ${which}" failed: ${complaint.split('\n', 1)[0] || (signal ?? code)}`));
    });
    child.stdin.end(`${commands.join('\n')}\n`);
  });
}
