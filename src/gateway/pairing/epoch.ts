/** Epochs: the upper half of every message's order (docs/gateway-protocol.md, section 4.3). */
import { join } from 'node:path';
import { DetourError } from '../../errors.js';
import { ensurePrivateDirectory, readStateFile, writeStateFile } from '../state-file.js';

const MAXIMUM_EPOCH = 0xffff_ffff;
const MAXIMUM_BYTES = 64;

/** Router and node agent of one machine count each for itself: `epoch-router`, `epoch-node`. */
export type EpochOwner = 'router' | 'node';

/**
 * An epoch greater than every one that this owner has used: the wall clock's seconds since 1970, or the last one plus 1,
 * whichever is greater. So a machine without a clock counts its starts. On disk before it is returned.
 * @throws DetourError STATE_UNUSABLE, NOT_PERMITTED
 */
export function nextEpoch(stateDirectory: string, wallSeconds: number, owner: EpochOwner): number {
  ensurePrivateDirectory(stateDirectory);
  const path = join(stateDirectory, `epoch-${owner}`);
  const last = readEpoch(path);
  const clock = wallSeconds >= 0 && wallSeconds <= MAXIMUM_EPOCH ? Math.floor(wallSeconds) : 0;
  const epoch = Math.max(clock, last + 1);
  if (epoch > MAXIMUM_EPOCH) {
    throw new DetourError('STATE_UNUSABLE', { path, reason: `${last} is the last epoch that there is: pair anew` });
  }
  writeStateFile(path, `${epoch}\n`);
  return epoch;
}

function readEpoch(path: string): number {
  const file = readStateFile(path, MAXIMUM_BYTES);
  if (file === null) return 0;
  const text = file.text.trim();
  const epoch = Number(text);
  if (/^\d{1,10}$/.test(text) && epoch <= MAXIMUM_EPOCH) return epoch;
  throw new DetourError('STATE_UNUSABLE', {
    path,
    reason: 'is no epoch (a whole number below 2^32); remove the file if the clock of this machine is right',
  });
}
