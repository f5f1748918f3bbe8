/** What is changed on the machine now, in a file and with a guardian, so that it can be put back from any point. */
import { randomBytes } from 'node:crypto';
import { ReadyNft } from '../../../nft.js';
import { messageOf } from '../../../errors.js';
import { Guardian } from './guardian.js';
import { addRoutes, removeRoutes } from './ip-command.js';
import { here, removeJournal, writeJournal, type Journal, type JournalFiles } from './journal.js';
import { DELETE_SCRIPT } from './ruleset.js';
import { restoreSysctls, writeSysctls } from './sysctls.js';
import type { RouteChange, SysctlChange } from './types.js';

export interface Changes {
  sysctls: readonly SysctlChange[];
  routes: readonly RouteChange[];
}

const NONCE_BYTES = 16;
/** After a change, so long: what is prepared for the next one must not delay the answer to this one. */
const REST_MS = 100;

export class MachineState {
  readonly #files: JournalFiles;
  readonly #log: (text: string) => void;
  readonly #nft = new ReadyNft();
  #journal: Journal | null = null;
  #guardian: Guardian | null = null;
  /** Without orders yet. */
  #nextGuardian: Guardian | null = null;
  #resting: NodeJS.Timeout | null = null;

  constructor(files: JournalFiles, log: (text: string) => void) {
    this.#files = files;
    this.#log = log;
  }

  /** The table may be there. */
  get changed(): boolean {
    return this.#journal !== null;
  }

  get sysctls(): readonly SysctlChange[] {
    return this.#journal?.sysctls ?? [];
  }

  get routes(): readonly RouteChange[] {
    return this.#journal?.routes ?? [];
  }

  /** Starts the processes that the next change needs: each costs milliseconds for which somebody would wait then. */
  prepare(): void {
    this.#nft.prepare();
    if (this.#journal === null && (this.#nextGuardian?.isGone ?? true)) this.#nextGuardian = new Guardian(this.#log);
  }

  #prepareLater(): void {
    this.#resting ??= setTimeout(() => {
      this.#resting = null;
      this.prepare();
    }, REST_MS).unref();
  }

  /** Nothing will be changed any more; what is, stays guarded. */
  close(): void {
    if (this.#resting) clearTimeout(this.#resting);
    this.#nft.close();
    this.#nextGuardian?.dismiss();
    this.#nextGuardian = null;
  }

  /** Runs a script of nft that changes nothing but the table. */
  async writeTable(script: string): Promise<void> {
    await this.#nft.run(script).finally(() => this.#prepareLater());
  }

  /**
   * Makes these changes be in force, and `script` between the ones that open the machine and those that close it: rules are
   * there before anything is forwarded.
   * @throws Error; what was done by then is in the journal
   */
  async change(wanted: Changes, script: string): Promise<void> {
    const stale = {
      sysctls: missingFrom(wanted.sysctls, this.sysctls, sysctlKey),
      routes: missingFrom(wanted.routes, this.routes, routeKey),
    };
    const fresh = {
      sysctls: missingFrom(this.sysctls, wanted.sysctls, sysctlKey),
      routes: missingFrom(this.routes, wanted.routes, routeKey),
    };
    if (this.#journal === null || fresh.sysctls.length + fresh.routes.length > 0)
      this.#record([...wanted.sysctls, ...stale.sysctls], [...wanted.routes, ...stale.routes]);
    restoreSysctls(stale.sysctls);
    await allOf([this.writeTable(script), addRoutes(fresh.routes)]);
    writeSysctls(fresh.sysctls);
    if (stale.sysctls.length + stale.routes.length > 0) {
      await removeRoutes(stale.routes);
      this.#record([...wanted.sysctls], [...wanted.routes]);
    }
  }

  /**
   * Puts everything back.
   * @param beforeTable runs when nothing is forwarded any more and the table is still there
   * @throws Error when the table cannot be deleted; the journal stays then
   */
  async undo(beforeTable: () => Promise<void>): Promise<void> {
    if (this.#journal === null) return;
    restoreSysctls(this.#journal.sysctls);
    await beforeTable().catch((error: unknown) => this.#log(`the last counts are lost: ${messageOf(error)}`));
    await allOf([removeRoutes(this.#journal.routes), this.writeTable(DELETE_SCRIPT)]);
    removeJournal(this.#files);
    this.#guardian?.dismiss();
    this.#guardian = null;
    this.#journal = null;
  }

  #record(sysctls: SysctlChange[], routes: RouteChange[]): void {
    const journal: Journal = {
      version: 1,
      ...here(),
      nonce: randomBytes(NONCE_BYTES).toString('hex'),
      sysctls,
      routes,
    };
    writeJournal(this.#files, journal);
    this.#journal = journal;
    const previous = this.#guardian;
    this.#guardian = this.#takeGuardian();
    this.#guardian.entrust(this.#files, journal);
    // It finds that the journal is no longer its own.
    previous?.dismiss();
  }

  #takeGuardian(): Guardian {
    const next = this.#nextGuardian;
    this.#nextGuardian = null;
    return next === null || next.isGone ? new Guardian(this.#log) : next;
  }
}

const sysctlKey = ({ path }: SysctlChange): string => path;
const routeKey = ({ family, add }: RouteChange): string => `${family} ${add}`;

/** Those of `list` that `present` lacks. */
function missingFrom<T>(present: readonly T[], list: readonly T[], key: (item: T) => string): T[] {
  const keys = new Set(present.map(key));
  return list.filter((item) => !keys.has(key(item)));
}

/** Waits for all, so that none is still at work when what was done is undone. */
export async function allOf(tasks: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(tasks)) {
    if (result.status === 'rejected') throw result.reason;
  }
}
