/**
 * Files that are whole or as they were before, at whatever moment the program ends: written under another name and renamed.
 * Private unless asked otherwise, and the directory's owner's, so that a program that gives up root can still read them.
 */
import {
  closeSync,
  constants,
  fchownSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Files that are being written begin with this; readers of a directory pass them over. */
export const TEMPORARY_PREFIX = '.new-';

const PRIVATE_FILE = 0o600;
const ROOT = 0;

export interface NewFileOptions {
  /** Permissions, less the umask. Absent: the owner's alone. */
  mode?: number;
  /** Waits until it is on the disk, for as long as a slow one takes. */
  synced: boolean;
}

/** @throws Error of the system call; EEXIST, also for a symbolic link */
export function writeNewFile(path: string, text: string, { mode = PRIVATE_FILE, synced }: NewFileOptions): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = openSync(path, flags, mode);
  try {
    const bytes = Buffer.from(text, 'utf8');
    let written = 0;
    while (written < bytes.length) written += writeSync(file, bytes, written);
    giveTo(dirname(path), (uid, gid) => fchownSync(file, uid, gid));
    if (synced) fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Replaces a file in a directory that exists, without waiting for the disk: after a power cut it may be the old one, or
 * empty. One writer for each path: the temporary file has the path's own name.
 * @throws Error of the system call; what was there is there still
 */
export function replaceFile(path: string, text: string, { mode }: Pick<NewFileOptions, 'mode'> = {}): void {
  const temporary = join(dirname(path), `${TEMPORARY_PREFIX}${basename(path)}`);
  try {
    // Of a run that was killed.
    rmSync(temporary, { force: true });
    writeNewFile(temporary, text, { ...(mode !== undefined && { mode }), synced: false });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Waits until names that came or went are so on the disk. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** Calls `chown` with the owner of that directory. Only root can give, and only root needs to. */
export function giveTo(directory: string, chown: (uid: number, gid: number) => void): void {
  const { uid, gid } = lstatSync(directory);
  if ((process.geteuid?.() ?? ROOT) === ROOT && uid !== ROOT) chown(uid, gid);
}
