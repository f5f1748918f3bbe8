/** One agent for each state directory and each network namespace: two would take each other's rules away. */
import { readFileSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DetourError, messageOf } from '../../../errors.js';
import type { FileLock, NativeAddon } from '../../../native.js';

const RUN_DIRECTORY = '/run/detour';

export interface LockPlaces {
  stateDirectory: string;
  /** Holds the locks of network namespaces; where it cannot be used, the state directory alone is locked. */
  runDirectory?: string;
}

/**
 * The locks are the kernel's (flock(2)): they end with the process, however it ends.
 * @returns releases them
 * @throws DetourError ALREADY_RUNNING, STATE_UNUSABLE
 */
export function lockAgent(native: Pick<NativeAddon, 'lockFile'>, places: LockPlaces): () => void {
  const { stateDirectory, runDirectory = RUN_DIRECTORY } = places;
  const held: { file: string; lock: FileLock }[] = [];
  const release = (): void => {
    for (const { file, lock } of held.splice(0)) {
      // Removed while it is still locked: lockFile() makes sure that what it locks has not lost its name.
      ignoringErrors(() => unlinkSync(file));
      lock.close();
    }
  };
  const take = (file: string, what: string): void => {
    const lock = native.lockFile(file);
    if (lock === null) throw new DetourError('ALREADY_RUNNING', { who: `process ${holder(file)} holds ${what}` });
    held.push({ file, lock });
  };
  try {
    takeState(join(stateDirectory, 'gateway.lock'), stateDirectory, take);
    const { ino } = statSync('/proc/self/ns/net');
    ignoringSystemErrors(() => take(join(runDirectory, `gateway-netns-${ino}.lock`), 'this network namespace'));
  } catch (error) {
    release();
    throw error;
  }
  return release;
}

function takeState(file: string, path: string, take: (file: string, what: string) => void): void {
  try {
    take(file, `the state directory ${path}`);
  } catch (error) {
    if (error instanceof DetourError) throw error;
    throw new DetourError('STATE_UNUSABLE', { path, reason: messageOf(error) }, { cause: error });
  }
}

function ignoringSystemErrors(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (error instanceof DetourError) throw error;
  }
}

function ignoringErrors(action: () => void): void {
  try {
    action();
  } catch {
    // Somebody was quicker, or the directory is read-only by now: a file that stays is no lock.
  }
}

function holder(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim() || '?';
  } catch {
    return '?';
  }
}
