/**
 * IPv4 redirects off where packets leave by the link that they came in by. The kernel sends them if `all` or the
 * interface's own setting says so, so both are 0 meanwhile; what was found is in a file before anything is changed, and
 * is put back when the last node of the link has gone, by whatever run that sees it.
 *
 * Files are read and written synchronously: /proc/sys/net is that of the calling thread's namespace.
 */
import { mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { bootId } from '../../boot-id.js';
import { messageOf } from '../../errors.js';
import { replaceFile } from '../../whole-file.js';

interface Journal {
  /** Settings do not outlive the kernel that has them, and are a network namespace's own. */
  boot: string;
  netns: string;
  /** Found values by interface. */
  found: Record<string, string>;
}

const OFF = '0';
/** Of all interfaces together; no interface can be called so. */
const ALL = 'all';

export class Redirects {
  readonly #file: string;
  #found: Record<string, string> | null = null;

  /** @param file journal; its directory is made if it is missing */
  constructor(file: string) {
    this.#file = file;
  }

  /** Off on these interfaces and as found on all others. @returns settings written, and what went wrong */
  apply(ifnames: readonly string[]): { writes: number; problems: string[] } {
    const wanted = new Set(ifnames.length > 0 ? [ALL, ...ifnames] : []);
    const report = { writes: 0, problems: [] as string[] };
    // Nothing is changed before it is known what an earlier run has found.
    attempt(report, `reading ${this.#file}`, () => {
      this.#found ??= readJournal(this.#file);
      return 0;
    });
    const found = this.#found;
    if (!found) return report;
    for (const name of wanted)
      attempt(report, `turning off IPv4 redirects of ${name}`, () => this.#turnOff(name, found));
    for (const name of Object.keys(found).filter((each) => !wanted.has(each))) {
      attempt(report, `putting back send_redirects of ${name}`, () => this.#putBack(name, found));
    }
    return report;
  }

  #turnOff(name: string, found: Record<string, string>): number {
    const value = readSetting(name);
    if (value === null || value === OFF) return 0;
    // What was found first counts: an interface that was made anew, or somebody who turned it on meanwhile, is the same.
    if (!(name in found)) {
      found[name] = value;
      writeJournal(this.#file, found);
    }
    writeFileSync(settingPath(name), OFF);
    return 1;
  }

  #putBack(name: string, found: Record<string, string>): number {
    const value = found[name];
    // One that is not off any more has been set by somebody else since.
    const isOurs = readSetting(name) === OFF;
    if (isOurs && value !== undefined) writeFileSync(settingPath(name), value);
    delete found[name];
    writeJournal(this.#file, found);
    return isOurs ? 1 : 0;
  }
}

function attempt(report: { writes: number; problems: string[] }, what: string, act: () => number): void {
  try {
    report.writes += act();
  } catch (error) {
    report.problems.push(`${what}: ${messageOf(error)}`);
  }
}

const settingPath = (name: string): string => `/proc/sys/net/ipv4/conf/${name}/send_redirects`;

/** null: there is no such interface. */
function readSetting(name: string): string | null {
  try {
    return readFileSync(settingPath(name), 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** "net:[4026531840]" */
const netnsId = (): string => readlinkSync('/proc/thread-self/ns/net');

/** Nothing, if there is none, or it is of an earlier boot or another namespace, or is damaged (it is written in one piece: by somebody else). */
function readJournal(file: string): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  try {
    const { boot, netns, found } = JSON.parse(text) as Partial<Journal>;
    if (boot !== bootId() || netns !== netnsId()) return {};
    const entries = Object.entries(found ?? {});
    return Object.fromEntries(entries.filter(([name, value]) => /^[^/\s]+$/.test(name) && /^[01]$/.test(value)));
  } catch {
    return {};
  }
}

function writeJournal(file: string, found: Record<string, string>): void {
  if (Object.keys(found).length === 0) {
    rmSync(file, { force: true });
    return;
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const journal: Journal = { boot: bootId(), netns: netnsId(), found };
  replaceFile(file, `${JSON.stringify(journal)}\n`);
}
