/**
 * Files that are of use within the same boot, or that may be lost with a power cut: private, and whole or not at all, as in
 * state-file.ts, but never waited for: a sync would hold the event loop for as long as a slow disk takes.
 */
import { dirname } from 'node:path';
import { DetourError, messageOf } from '../errors.js';
import { replaceFile } from '../whole-file.js';
import { ensurePrivateDirectory } from './state-file.js';

/**
 * One writer for each path.
 * @throws DetourError STATE_UNUSABLE, NOT_PERMITTED
 */
export function writeVolatileFile(path: string, text: string): void {
  ensurePrivateDirectory(dirname(path));
  try {
    replaceFile(path, text);
  } catch (error) {
    throw new DetourError('STATE_UNUSABLE', { path, reason: messageOf(error) }, { cause: error });
  }
}
