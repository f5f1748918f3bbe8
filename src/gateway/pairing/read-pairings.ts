/** Reads the files of a directory of pairings: what can be used, and what cannot and why. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../errors.js';
import { TEMPORARY_PREFIX } from '../../whole-file.js';
import { fileVersion, readStateFile, type FileVersion } from '../state-file.js';
import { decodePairing, isPairingName, MAXIMUM_PAIRING_BYTES } from './format.js';
import type { KeyId, Pairing } from './types.js';

/** docs/gateway-protocol.md, section 8. */
export const MAXIMUM_PAIRINGS = 1024;
export const PAIRING_SUFFIX = '.json';

export interface PairingProblem {
  /** Path of the file, or of the directory. */
  file: string;
  /** Never repeats what is in the file. */
  reason: string;
}

export interface Reading {
  /** By name. */
  pairings: readonly Pairing[];
  problems: readonly PairingProblem[];
}

/** Of one file. `kept`: what it was before, which holds until the file is right again. */
type Verdict = { pairing: Pairing } | { problem: string; kept?: Pairing };

/** A file that is younger than this may change once more within the resolution of its times. */
const YOUNG_MS = 100;

/** What each file said, by its path: only those that have changed are read again. */
export type ReadingCache = Map<string, { version: FileVersion; verdict: Verdict }>;

/**
 * No directory is no pairing.
 * @param before a file that is being written, or was damaged, is taken as what it was before; one that others could have
 * read or written is not
 */
export function readPairings(directory: string, before: readonly Pairing[], cache: ReadingCache): Reading {
  let files: string[];
  try {
    files = readdirSync(directory).sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { pairings: [], problems: [] };
    return { pairings: before, problems: [{ file: directory, reason: `cannot be read (${code})` }] };
  }
  const pairings: Pairing[] = [];
  const problems: PairingProblem[] = [];
  const owners = new Map<KeyId, string>();
  for (const file of files.filter((name) => !name.startsWith(TEMPORARY_PREFIX))) {
    const path = join(directory, file);
    const verdict = pairings.length < MAXIMUM_PAIRINGS ? readCached(path, file, before, cache) : tooMany;
    // Removed in this moment.
    if (verdict === null) continue;
    const problem = 'problem' in verdict ? verdict.problem : sharedKey(verdict.pairing, owners);
    if (problem !== null) problems.push({ file: path, reason: problem });
    const used = 'problem' in verdict ? verdict.kept : problem === null ? verdict.pairing : undefined;
    if (used === undefined) continue;
    for (const { id } of used.keys) owners.set(id, used.name);
    pairings.push(used);
  }
  return { pairings, problems };
}

const tooMany: Verdict = { problem: `is beyond the ${MAXIMUM_PAIRINGS} pairings that are possible` };

function readCached(path: string, file: string, before: readonly Pairing[], cache: ReadingCache): Verdict | null {
  const name = file.endsWith(PAIRING_SUFFIX) ? file.slice(0, -PAIRING_SUFFIX.length) : '';
  if (!isPairingName(name)) return { problem: 'does not belong here: pairings are NAME.json' };
  const cached = cache.get(path);
  try {
    if (cached !== undefined && cached.version === fileVersion(path)) return cached.verdict;
    cache.delete(path);
    const read = readStateFile(path, MAXIMUM_PAIRING_BYTES);
    if (read === null) return null;
    const verdict = judge(read.text, name, before);
    if (Date.now() - read.modifiedMs > YOUNG_MS) cache.set(path, { version: read.version, verdict });
    return verdict;
  } catch (error) {
    return { problem: messageOf(error).replace(`${path}: `, '') };
  }
}

function judge(text: string, name: string, before: readonly Pairing[]): Verdict {
  const pairing = decodePairing(text, name);
  if (typeof pairing !== 'string') return { pairing };
  const kept = before.find((known) => known.name === name);
  return kept === undefined ? { problem: pairing } : { problem: `${pairing}; what it was before holds`, kept };
}

/** A key says who sends: two peers must not have the same. */
function sharedKey(pairing: Pairing, owners: ReadonlyMap<KeyId, string>): string | null {
  const twin = pairing.keys.map(({ id }) => owners.get(id)).find((owner) => owner !== undefined);
  return twin === undefined ? null : `has a key of "${twin}": a copied file; pair it by itself`;
}

/** Whether nothing has changed; keys are told apart by their ids. */
export function sameReading(a: Reading, b: Reading): boolean {
  return fingerprint(a) === fingerprint(b);
}

function fingerprint({ pairings, problems }: Reading): string {
  const facts = pairings.map(({ name, peer, approved, keys }) => [name, peer, approved, keys.map(({ id }) => id)]);
  return JSON.stringify([facts, problems]);
}
