/** The id of this machine in the gateway protocol: 16 random bytes, made once and kept. Not a secret. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DetourError } from '../../errors.js';
import { ensurePrivateDirectory, readStateFile, writeStateFile } from '../state-file.js';
import type { MachineId } from '../wire/types.js';

const ID = /^[0-9a-f]{32}$/;
const MAXIMUM_BYTES = 64;

/** All zero means "anybody" on the wire. */
export const isMachineId = (text: string): boolean => ID.test(text) && !/^0+$/.test(text);

/**
 * Reads the id, or makes it. Router and node agent of one machine share it; whoever starts first makes it.
 * @throws DetourError STATE_UNUSABLE, NOT_PERMITTED
 */
export function machineId(stateDirectory: string): MachineId {
  const path = join(stateDirectory, 'id');
  const known = readId(path);
  if (known !== null) return known;
  ensurePrivateDirectory(stateDirectory);
  const id = randomBytes(16).toString('hex');
  if (writeStateFile(path, `${id}\n`, { replaces: null })) return id;
  return readId(path) ?? id;
}

function readId(path: string): MachineId | null {
  const file = readStateFile(path, MAXIMUM_BYTES);
  if (file === null) return null;
  const id = file.text.trim();
  if (isMachineId(id)) return id;
  throw new DetourError('STATE_UNUSABLE', {
    path,
    reason:
      'is no machine id (32 hex digits); without the file a new one is made, and all peers have to be paired anew',
  });
}
