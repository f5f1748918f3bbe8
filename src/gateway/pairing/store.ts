/**
 * The pairings of this machine, one file each: `nodes/NAME.json` on a router, `routers/NAME.json` on a node. They are
 * changed by commands of people and by the running program, at any time: each change goes through the file, and a running
 * program sees the changes of others at once.
 */
import { join } from 'node:path';
import { DetourError } from '../../errors.js';
import {
  ensurePrivateDirectory,
  readStateFile,
  removeStateFile,
  sweepTemporaryFiles,
  writeStateFile,
} from '../state-file.js';
import type { MachineId } from '../wire/types.js';
import { decodePairing, encodePairing, isPairingName, MAXIMUM_PAIRING_BYTES, PAIRING_NAME_RULE } from './format.js';
import type { PairingSide } from './key.js';
import {
  MAXIMUM_PAIRINGS,
  PAIRING_SUFFIX,
  readPairings,
  sameReading,
  type Reading,
  type ReadingCache,
} from './read-pairings.js';
import type { PairingProblem } from './read-pairings.js';
import { withNewKey, withoutOldKeys } from './rotation.js';
import type { KeyId, Pairing, PairingKey } from './types.js';
import { watchDirectory, type DirectoryWatch } from './watch-directory.js';

/** What the peer's messages teach is learned again after a power cut. */
const LEARNED = { durable: false };
/** A change that finds the file changed by another begins again, so often. */
const ATTEMPTS = 8;

export type { PairingProblem };

export interface PairingStore {
  /** By name. The same array until something changes. */
  list(): readonly Pairing[];
  find(name: string): Pairing | undefined;
  /** Files that are not used, and why. */
  problems(): readonly PairingProblem[];
  /** Reads all files again. */
  reload(): void;
  /**
   * Called after the list or the problems have changed, whoever changed them; never during a call of the store's own.
   * The first listener begins the watch. Returns an unsubscribe function.
   */
  onChange(listener: () => void): () => void;
  /** Throws PAIRING_EXISTS, NAME_INVALID, TOO_MANY_PAIRINGS. */
  add(pairing: Pairing): void;
  /** The node has spoken for the first time. Nothing if there is no such pairing any more. */
  setPeer(name: string, peer: MachineId): void;
  /** The others throw PAIRING_UNKNOWN. */
  approve(name: string): void;
  /** Adds a key; the old one holds until `dropOldKeys`. */
  rotate(name: string, key: PairingKey): void;
  /** The peer has used this key: older ones are forgotten. Nothing if there are none, or no such pairing. */
  dropOldKeys(name: string, newestUsed: KeyId): void;
  remove(name: string): void;
  /** Ends the watch. */
  close(): void;
}

/** Reads the pairings. No directory is no pairing; it is made by the first one, or by the watch. */
export function openPairings(options: { stateDirectory: string; side: PairingSide }): PairingStore {
  return new Pairings(join(options.stateDirectory, options.side), options.stateDirectory);
}

class Pairings implements PairingStore {
  readonly #directory: string;
  readonly #stateDirectory: string;
  readonly #listeners = new Set<() => void>();
  #reading: Reading = { pairings: [], problems: [] };
  readonly #cache: ReadingCache = new Map();
  #watch: DirectoryWatch | null = null;
  #notified = true;
  #closed = false;

  constructor(directory: string, stateDirectory: string) {
    this.#directory = directory;
    this.#stateDirectory = stateDirectory;
    this.reload();
  }

  list(): readonly Pairing[] {
    return this.#reading.pairings;
  }

  find(name: string): Pairing | undefined {
    return this.list().find((pairing) => pairing.name === name);
  }

  problems(): readonly PairingProblem[] {
    return this.#reading.problems;
  }

  reload(): void {
    const reading = readPairings(this.#directory, this.list(), this.#cache);
    if (sameReading(reading, this.#reading)) return;
    this.#reading = reading;
    this.#notify();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (this.#watch === null && !this.#closed) {
      this.#watch = watchDirectory(this.#directory, { prepare: () => this.#ensure(), onChange: () => this.reload() });
    }
    return () => this.#listeners.delete(listener);
  }

  add(pairing: Pairing): void {
    const { name } = pairing;
    if (!isPairingName(name)) throw new DetourError('NAME_INVALID', { name, rule: PAIRING_NAME_RULE });
    this.#ensure();
    sweepTemporaryFiles(this.#directory);
    this.reload();
    if (this.list().length >= MAXIMUM_PAIRINGS) throw new DetourError('TOO_MANY_PAIRINGS', { limit: MAXIMUM_PAIRINGS });
    const twin = this.list().find(({ keys }) => keys.some(({ id }) => pairing.keys.some((key) => key.id === id)));
    if (twin !== undefined) throw exists(twin.name);
    if (!writeStateFile(this.#pathOf(name), encodePairing(pairing), { replaces: null })) {
      throw exists(name);
    }
    this.reload();
  }

  setPeer(name: string, peer: MachineId): void {
    this.#change(name, (pairing) => (pairing.peer === peer ? pairing : { ...pairing, peer }), LEARNED);
  }

  approve(name: string): void {
    this.#known(name);
    this.#change(name, (pairing) => (pairing.approved ? pairing : { ...pairing, approved: true }));
  }

  rotate(name: string, key: PairingKey): void {
    this.#known(name);
    this.#change(name, (pairing) => withNewKey(pairing, key));
  }

  dropOldKeys(name: string, newestUsed: KeyId): void {
    this.#change(name, (pairing) => withoutOldKeys(pairing, newestUsed), LEARNED);
  }

  remove(name: string): void {
    // A file that cannot be read can still be removed.
    const removed = isPairingName(name) && removeStateFile(this.#pathOf(name));
    if (removed) sweepTemporaryFiles(this.#directory);
    this.reload();
    if (!removed) throw this.#unknown(name);
  }

  close(): void {
    this.#closed = true;
    this.#listeners.clear();
    this.#watch?.close();
  }

  #ensure(): void {
    ensurePrivateDirectory(this.#stateDirectory);
    ensurePrivateDirectory(this.#directory);
  }

  #pathOf(name: string): string {
    return join(this.#directory, `${name}${PAIRING_SUFFIX}`);
  }

  /** @throws DetourError PAIRING_UNKNOWN, or STATE_UNUSABLE for a file that is there and is not used */
  #known(name: string): void {
    this.reload();
    if (this.find(name) !== undefined) return;
    const path = this.#pathOf(name);
    const problem = this.problems().find(({ file }) => file === path);
    throw problem === undefined
      ? this.#unknown(name)
      : new DetourError('STATE_UNUSABLE', { path, reason: problem.reason });
  }

  #unknown(name: string): DetourError {
    const known =
      this.list()
        .map((pairing) => pairing.name)
        .join(', ') || 'none';
    return new DetourError('PAIRING_UNKNOWN', { name, known });
  }

  /** From what is in the file now, not from what this program remembers of it. */
  #change(name: string, change: (pairing: Pairing) => Pairing, { durable } = { durable: true }): void {
    if (!isPairingName(name)) return;
    const path = this.#pathOf(name);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const file = readStateFile(path, MAXIMUM_PAIRING_BYTES);
      const pairing = file === null ? null : decodePairing(file.text, name);
      if (file === null || pairing === null) return this.reload();
      if (typeof pairing === 'string') throw new DetourError('STATE_UNUSABLE', { path, reason: pairing });
      const changed = change(pairing);
      if (changed === pairing) return this.#take(pairing);
      if (writeStateFile(path, encodePairing(changed), { replaces: file.version, durable })) return this.#take(changed);
    }
    throw new DetourError('STATE_UNUSABLE', { path, reason: 'is being changed by another program all the time' });
  }

  /** What was just read or written, without reading all the others: many nodes may speak for the first time at once. */
  #take(pairing: Pairing): void {
    const { pairings, problems } = this.#reading;
    const index = pairings.findIndex(({ name }) => name === pairing.name);
    if (index < 0) return this.reload();
    const reading = { pairings: pairings.with(index, pairing), problems };
    if (sameReading({ pairings: [pairings[index]!], problems }, { pairings: [pairing], problems })) return;
    this.#reading = reading;
    this.#notify();
  }

  #notify(): void {
    if (!this.#notified || this.#listeners.size === 0) return;
    this.#notified = false;
    queueMicrotask(() => {
      this.#notified = true;
      for (const listener of [...this.#listeners]) listener();
    });
  }
}

const exists = (name: string): DetourError =>
  new DetourError('PAIRING_EXISTS', { name, remedy: 'take another name, or remove that pairing first' });
