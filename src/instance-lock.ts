/**
 * One Detour for each network namespace and each directory of pins: two would fight over the same routes, the same
 * programs and the same maps. The locks are the kernel's (flock(2)), so they end with the process, however it ends; the
 * files hold the pid for people, and only those of a process that was killed stay.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DetourError, messageOf } from './errors.js';
import { native, type FileLock, type NativeError } from './native.js';

const LOCK_DIRECTORY = '/run/detour';

interface Held {
  file: string;
  lock: FileLock;
}

/**
 * Taken before anything of the machine is touched. Also observers and `detour load` take both: they attach programs, and
 * an interface has room for one.
 * @param directory where the files are; made (0755) if it is missing
 * @returns releases the locks and removes their files
 * @throws DetourError ALREADY_RUNNING, NOT_PERMITTED, LOCK_FAILED
 */
export function lockInstance(pinPath: string, directory = LOCK_DIRECTORY): () => void {
  const held: Held[] = [];
  const release = (): void => held.splice(0).forEach(unlock);
  makeDirectory(directory);
  try {
    // Names of namespaces differ from mount to mount; the inode is the namespace.
    held.push(lock(join(directory, `netns-${statSync('/proc/self/ns/net').ino}.lock`), 'this network namespace'));
    // Controllers of several namespaces share one bpffs.
    held.push(lock(join(directory, `pins-${digest(resolve(pinPath))}.lock`), `the pins at ${pinPath}`));
  } catch (error) {
    release();
    throw error;
  }
  return release;
}

function lock(file: string, what: string): Held {
  let lock: FileLock | null;
  try {
    lock = native.lockFile(file);
  } catch (error) {
    throw refused(`locking ${file}`, error);
  }
  if (lock === null)
    throw new DetourError('ALREADY_RUNNING', { who: `process ${holder(file)} holds ${what} (${file})` });
  return { file, lock };
}

/** Removed while it is still locked: lockFile() makes sure that the file which it locks has not lost its name. */
function unlock({ file, lock }: Held): void {
  try {
    unlinkSync(file);
  } catch {
    // Somebody was quicker, or the directory is read-only by now: a file that stays is no lock.
  }
  lock.close();
}

/** A path of any length as part of a file name. */
const digest = (path: string): string => createHash('sha256').update(path).digest('hex').slice(0, 16);

/** Of its own pid namespace; "?" between a lock and its pid. */
function holder(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim() || '?';
  } catch {
    return '?';
  }
}

/** 0755: whoever asks for the controller shall hear whether there is none, or that its socket is not for them. */
function makeDirectory(directory: string): void {
  try {
    // Not recursive: that tells ENOENT of a read-only file system, and never ends where nothing can be made (/proc).
    mkdirSync(directory, { mode: 0o755 });
  } catch (error) {
    if ((error as NativeError).code === 'EEXIST') return;
    throw refused(`making ${directory}`, error);
  }
}

function refused(what: string, error: unknown): DetourError {
  const { code } = error as NativeError;
  if (code === 'EACCES' || code === 'EPERM') {
    const remedy = `run it as root, or give ${LOCK_DIRECTORY} to the user that it runs as (RuntimeDirectory= of systemd does)`;
    return new DetourError('NOT_PERMITTED', { what, remedy }, { cause: error });
  }
  // A read-only or full file system, or none to make the directory in.
  return new DetourError('LOCK_FAILED', { what, reason: messageOf(error) }, { cause: error });
}
