/** The status file: what the agent is doing, for `detour gateway status`. Not private; replaced as a whole. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf } from '../../../errors.js';
import type { Clock } from '../../../controller/ports.js';
import { replaceFile } from '../../../whole-file.js';
import type { Log } from '../../log.js';
import { digestOf, type AgentStatus } from './status.js';

const RUN_DIRECTORY = '/run/detour';
const FILE = 'gateway-status.json';
const EVERY_US = 1_000_000;

/** With a state directory of its own, an agent has a status file of its own: several may run, each in its namespace. */
export const statusFileOf = (stateDirectory: string, defaultStateDirectory: string): string =>
  join(stateDirectory === defaultStateDirectory ? RUN_DIRECTORY : stateDirectory, FILE);

export interface StatusWriter {
  /** Something may have changed: written at once, or a second after it was written last. */
  changed(): void;
  /** Removes the file. */
  close(): void;
}

export function statusWriter(path: string, read: () => AgentStatus, clock: Clock, log: Log): StatusWriter {
  let cancel: (() => void) | null = null;
  let writtenUs = -Infinity;
  let written = '';
  let failed = false;

  const write = (): void => {
    cancel = null;
    const status = read();
    const digest = digestOf(status);
    if (digest === written) return;
    writtenUs = clock.nowUs();
    written = digest;
    try {
      replace(path, `${JSON.stringify(status, null, 2)}\n`);
      failed = false;
    } catch (error) {
      if (!failed) log('warn', `the status file is not written: ${messageOf(error)}`);
      failed = true;
    }
  };
  return {
    changed: () => {
      cancel ??= clock.at(Math.max(clock.nowUs(), writtenUs + EVERY_US), write);
    },
    close: () => {
      cancel?.();
      // A call that comes late writes nothing any more.
      cancel = () => undefined;
      rmSync(path, { force: true });
    },
  };
}

function replace(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  replaceFile(path, text, { mode: 0o644 });
}

/** null: no agent runs, as far as this file tells: there is none, or its process is gone. */
export function readStatusFile(path: string): AgentStatus | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const status = JSON.parse(text) as AgentStatus;
  return isRunning(status.pid) ? status : null;
}

/** Of this pid namespace. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
