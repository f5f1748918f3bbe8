/** What is changed on the machine now, on the disk and with a guardian, so that it can be put back from any point. */
import { randomBytes } from 'node:crypto';
import { runNft } from '../../../nft.js';
import { messageOf } from '../../../errors.js';
import { startGuardian, type Guardian } from './guardian.js';
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

export class MachineState {
  readonly #files: JournalFiles;
  readonly #log: (text: string) => void;
  #journal: Journal | null = null;
  #guardian: Guardian | null = null;

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
    await allOf([runNft(script), addRoutes(fresh.routes)]);
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
    await allOf([removeRoutes(this.#journal.routes), runNft(DELETE_SCRIPT)]);
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
    this.#guardian = startGuardian(this.#files, journal, this.#log);
    // It finds that the journal is no longer its own.
    previous?.dismiss();
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
