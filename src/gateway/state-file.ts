/**
 * Files of the state directory: small, private, whole or not at all. Written to a new file beside, synced and renamed;
 * read only if nobody else could have read or written them. Synchronous: they are written when a person pairs, a node
 * speaks for the first time or a program starts.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  type BigIntStats,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DetourError, messageOf } from '../errors.js';
import { giveTo, syncDirectory, TEMPORARY_PREFIX, writeNewFile } from '../whole-file.js';

const PRIVATE_DIRECTORY = 0o700;
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

/** Says which state of a file was read: another one is another file, whatever it contains. */
export type FileVersion = string;

export interface StateFile {
  text: string;
  version: FileVersion;
  /** Wall clock. What was written just now may be written again without its version showing it. */
  modifiedMs: number;
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** What a person reads of a failed system call, without the call's name and the path that the message names anyway. */
function stateError(path: string, error: unknown): DetourError {
  if (error instanceof DetourError) return error;
  if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM') {
    return new DetourError(
      'NOT_PERMITTED',
      { what: `access to ${path}`, remedy: 'keys belong to root: use sudo' },
      { cause: error },
    );
  }
  const reason = messageOf(error).replace(/^[A-Z]+: ([^,]+),.*$/, '$1');
  return new DetourError('STATE_UNUSABLE', { path, reason }, { cause: error });
}

const unusable = (path: string, reason: string): DetourError => new DetourError('STATE_UNUSABLE', { path, reason });

const ROOT = 0;
const self = (): number => process.geteuid?.() ?? ROOT;

/**
 * Null: fine. A controller need not be root, but who pairs is: what root writes belongs to the owner of the directory, and
 * root reads what belongs to that owner.
 */
function ownerProblem(stat: BigIntStats, directory: BigIntStats): string | null {
  const owner = Number(stat.uid);
  if (owner === self() || (self() === ROOT && stat.uid === directory.uid)) return null;
  return `belongs to user ${owner}, not to user ${self()} who reads it`;
}

const statOf = (path: string): BigIntStats => lstatSync(path, { bigint: true });

/**
 * Makes a directory for private files, with its parents. One that is there must be ours, and nobody else may write to it.
 * @throws DetourError STATE_UNUSABLE, NOT_PERMITTED
 */
export function ensurePrivateDirectory(path: string): void {
  try {
    const made = mkdirSync(path, { recursive: true, mode: PRIVATE_DIRECTORY });
    if (made !== undefined) giveTo(dirname(path), (uid, gid) => lchownSync(path, uid, gid));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw stateError(path, error);
  }
  checkDirectory(path);
}

/** @throws DetourError STATE_UNUSABLE if it is none of ours; the error of `lstat` as NOT_PERMITTED or STATE_UNUSABLE */
function checkDirectory(path: string): void {
  const stat = attempt(path, () => statOf(path));
  if (!stat.isDirectory()) throw unusable(path, 'is not a directory');
  const owner = ownerProblem(stat, stat);
  if (owner !== null) throw unusable(path, owner);
  if ((Number(stat.mode) & OTHERS_WRITE) !== 0) {
    throw unusable(path, `others may write to it (mode ${octal(stat.mode)}): chmod 700 ${path}`);
  }
}

const octal = (mode: bigint): string => (Number(mode) & 0o777).toString(8).padStart(3, '0');

function attempt<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw stateError(path, error);
  }
}

const versionOf = (stat: BigIntStats): FileVersion =>
  `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;

/** Version of what is at `path` now; null: nothing. */
export function fileVersion(path: string): FileVersion | null {
  const stat = attempt(path, () => lstatSync(path, { bigint: true, throwIfNoEntry: false }));
  return stat === undefined ? null : versionOf(stat);
}

/**
 * Reads a private file; null: there is none. Symbolic links, devices and pipes, files of others, files that others can
 * read and files larger than `maximumBytes` are refused.
 * @throws DetourError STATE_UNUSABLE (says what is wrong and what helps), NOT_PERMITTED
 */
export function readStateFile(path: string, maximumBytes: number): StateFile | null {
  let file: number;
  try {
    // Without O_NONBLOCK a pipe under that name would hold the whole program.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    if (codeOf(error) === 'ELOOP') throw unusable(path, 'is a symbolic link');
    throw stateError(path, error);
  }
  try {
    return attempt(path, () => readOpen(path, file, maximumBytes));
  } finally {
    closeSync(file);
  }
}

function readOpen(path: string, file: number, maximumBytes: number): StateFile {
  const stat = fstatSync(file, { bigint: true });
  if (!stat.isFile()) throw unusable(path, 'is not a regular file');
  const owner = ownerProblem(stat, statOf(dirname(path)));
  if (owner !== null) throw unusable(path, owner);
  if ((Number(stat.mode) & OTHERS) !== 0) {
    throw unusable(path, `others may read or write it (mode ${octal(stat.mode)}): chmod 600 ${path}`);
  }
  if (stat.size > maximumBytes) throw unusable(path, `has ${stat.size} bytes, more than ${maximumBytes}`);
  const buffer = Buffer.alloc(maximumBytes + 1);
  let length = 0;
  for (;;) {
    const count = readSync(file, buffer, length, buffer.length - length, null);
    length += count;
    if (count === 0 || length === buffer.length) break;
  }
  if (length > maximumBytes) throw unusable(path, `has more than ${maximumBytes} bytes`);
  return { text: buffer.toString('utf8', 0, length), version: versionOf(stat), modifiedMs: Number(stat.mtimeMs) };
}

export interface WriteOptions {
  /**
   * What must be at `path` still: the version that was read, or null for "nothing". Absent: whatever is there is replaced.
   * A change by somebody else in the microseconds between this look and the rename is not seen.
   */
  replaces?: FileVersion | null;
  /** false: a power cut within seconds may bring the old file back, whole. Saves half of the time, some milliseconds. */
  durable?: boolean;
}

/**
 * Writes a private file (0600) in a directory that exists. After a crash at any moment it is the old one or the new one.
 * @returns false: `replaces` did not hold, and nothing was written
 * @throws DetourError STATE_UNUSABLE, NOT_PERMITTED
 */
export function writeStateFile(path: string, text: string, { replaces, durable = true }: WriteOptions = {}): boolean {
  const directory = dirname(path);
  const temporary = join(directory, `${TEMPORARY_PREFIX}${randomBytes(8).toString('hex')}`);
  try {
    writeNewFile(temporary, text, { synced: true });
    if (replaces === null) {
      // Unlike rename, link never replaces.
      linkSync(temporary, path);
    } else {
      if (replaces !== undefined && fileVersion(path) !== replaces) return false;
      renameSync(temporary, path);
    }
    if (durable) syncDirectory(directory);
    return true;
  } catch (error) {
    if (replaces === null && codeOf(error) === 'EEXIST') return false;
    throw stateError(path, error);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Removes what a crash in the middle of writing has left, which may be a key. What is being written now is younger. */
export function sweepTemporaryFiles(directory: string, olderThanMs = 60_000): void {
  for (const name of attempt(directory, () => readdirSync(directory))) {
    if (!name.startsWith(TEMPORARY_PREFIX)) continue;
    const path = join(directory, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && Date.now() - stat.mtimeMs > olderThanMs) rmSync(path, { force: true });
  }
}

/** Removes a file; false: there was none. The directory is synced: what was revoked stays revoked after a power cut. */
export function removeStateFile(path: string): boolean {
  if (fileVersion(path) === null) return false;
  attempt(path, () => rmSync(path, { force: true }));
  attempt(path, () => syncDirectory(dirname(path)));
  return true;
}
