/** The owner's byte budget over restarts: `usage-node.json` in the state directory. */
import { join } from 'node:path';
import type { Clock } from '../../../controller/ports.js';
import { messageOf } from '../../../errors.js';
import type { Log } from '../../log.js';
import { readStateFile, writeStateFile } from '../../state-file.js';
import { writeVolatileFile } from '../../volatile-file.js';
import { decodeBudget, encodeBudget, type BudgetRecord } from './budget.js';

const FILE = 'usage-node.json';
const MAXIMUM_BYTES = 256;
/** What a kill may leave uncounted is what was carried in this time; a power cut, what the kernel had not written yet. */
const EVERY_US = 10_000_000;

/** null: nothing was counted yet, or what is there cannot be used: it is told, and counting begins anew. */
export function readBudget(stateDirectory: string, log: Log): BudgetRecord | null {
  const path = join(stateDirectory, FILE);
  try {
    const file = readStateFile(path, MAXIMUM_BYTES);
    if (file === null) return null;
    const record = decodeBudget(file.text);
    if (record === null) log('warn', `${path} cannot be read: bytes are counted from now on`);
    return record;
  } catch (error) {
    log('warn', `${messageOf(error)}: bytes are counted from now on`);
    return null;
  }
}

export interface BudgetWriter {
  keep(record: BudgetRecord): void;
  /** Writes what is not on the disk yet. */
  close(): void;
}

export interface BudgetWriterOptions {
  stateDirectory: string;
  /** Somebody is served now: RENEW is answered in the same loop, and a sync would hold it for as long as a slow disk takes. */
  isServing: () => boolean;
  clock: Clock;
  log: Log;
}

/** What is carried is written again and again, not waited for; synced once nobody is served any more. */
export function budgetWriter({ stateDirectory, isServing, clock, log }: BudgetWriterOptions): BudgetWriter {
  const path = join(stateDirectory, FILE);
  /** null: all of it is on the disk. */
  let unsynced: BudgetRecord | null = null;
  let written: BudgetRecord | null = null;
  let cancel: (() => void) | null = null;

  const write = (record: BudgetRecord, to: (path: string, text: string) => unknown): boolean => {
    try {
      to(path, encodeBudget(record));
      return true;
    } catch (error) {
      log('warn', `bytes carried are not kept: ${messageOf(error)}`);
      return false;
    }
  };
  const sync = (): void => {
    if (unsynced && write(unsynced, writeStateFile)) unsynced = null;
  };
  const later = (): void => {
    cancel ??= clock.at(clock.nowUs() + EVERY_US, () => {
      cancel = null;
      if (!isServing()) return sync();
      if (unsynced !== written && unsynced && write(unsynced, writeVolatileFile)) written = unsynced;
      later();
    });
  };
  return {
    keep: (record) => {
      unsynced = record;
      later();
    },
    close: () => {
      cancel?.();
      sync();
    },
  };
}
