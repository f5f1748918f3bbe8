/**
 * Files that are of use within the same boot, or that may be lost with a power cut: whole or not at all, as in
 * state-file.ts, but never waited for: a sync would hold the event loop for as long as a slow disk takes.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DetourError, messageOf } from '../errors.js';
import { ensurePrivateDirectory, TEMPORARY_PREFIX } from './state-file.js';

const PRIVATE_FILE = 0o600;

/**
 * One writer for each path: the temporary file has the path's own name.
 * @throws DetourError STATE_UNUSABLE, NOT_PERMITTED
 */
export function writeVolatileFile(path: string, text: string): void {
  const directory = dirname(path);
  ensurePrivateDirectory(directory);
  const temporary = join(directory, `${TEMPORARY_PREFIX}${path.slice(directory.length + 1)}`);
  try {
    rmSync(temporary, { force: true });
    writeFileSync(temporary, text, { flag: 'wx', mode: PRIVATE_FILE });
    renameSync(temporary, path);
  } catch (error) {
    throw new DetourError('STATE_UNUSABLE', { path, reason: messageOf(error) }, { cause: error });
  }
}
