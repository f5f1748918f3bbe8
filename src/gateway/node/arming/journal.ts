/**
 * `arming.json`: what was found before anything was changed, for the run after one that was killed, and for the guardian.
 *
 * What it tells of (sysctls, routes, tables of nftables) ends with the boot and with the network namespace, so that a
 * journal of another one tells of nothing any more.
 */
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bootId } from '../../../boot-id.js';
import { replaceFile } from '../../../whole-file.js';
import type { RouteChange, SysctlChange } from './types.js';

export interface Journal {
  version: 1;
  boot: string;
  /** Inode of the network namespace. */
  netns: number;
  /** Of this state of the journal: a guardian acts for its own only. */
  nonce: string;
  sysctls: SysctlChange[];
  routes: RouteChange[];
}

export interface JournalFiles {
  journal: string;
  /** Its name while somebody puts back what it says: renaming is the claim. */
  claimed: string;
}

export function journalFiles(stateDirectory: string): JournalFiles {
  return { journal: join(stateDirectory, 'arming.json'), claimed: join(stateDirectory, 'arming.claimed.json') };
}

export function here(): { boot: string; netns: number } {
  return {
    boot: bootId(),
    netns: statSync('/proc/self/ns/net').ino,
  };
}

/**
 * Whole, or as it was before, whenever this process is killed. Not waited for to be on the disk: what ends without that
 * (the power, the kernel) ends what the journal tells of, too.
 */
export function writeJournal({ journal: file }: JournalFiles, journal: Journal): void {
  replaceFile(file, `${JSON.stringify(journal, null, 2)}\n`);
}

export function removeJournal({ journal }: JournalFiles): void {
  rmSync(journal, { force: true });
}

/** @returns null: there is none; otherwise what it says, or in words why that is of no use */
export function readJournal(file: string): Journal | string | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  let journal: unknown;
  try {
    journal = JSON.parse(text);
  } catch {
    return 'it is no JSON';
  }
  if (!isJournal(journal)) return 'it is of another form';
  const { boot, netns } = here();
  if (journal.boot !== boot) return 'it is of an earlier boot';
  if (journal.netns !== netns) return 'it is of another network namespace';
  return journal;
}

/** Root's own file; still, what is written to /proc/sys is to be what this program writes there. */
function isJournal(value: unknown): value is Journal {
  const journal = value as Partial<Journal> | null;
  return (
    typeof journal === 'object' &&
    journal?.version === 1 &&
    Array.isArray(journal.sysctls) &&
    journal.sysctls.every(
      ({ path, from, to }) =>
        /^\/proc\/sys\/net\/ipv[46]\/conf\/[^/]+\/\w+$/.test(path) && isDigit(from) && isDigit(to),
    ) &&
    Array.isArray(journal.routes) &&
    journal.routes.every(
      ({ family, remove }) => (family === 4 || family === 6) && /^(route|rule) del [^\n]+$/.test(remove),
    )
  );
}

const isDigit = (text: unknown): boolean => typeof text === 'string' && /^-?\d$/.test(text);
