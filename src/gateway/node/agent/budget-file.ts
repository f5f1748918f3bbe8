/** The owner's byte budget over restarts: `usage-node.json` in the state directory. */
import { join } from 'node:path';
import type { Clock } from '../../../controller/ports.js';
import { messageOf } from '../../../errors.js';
import type { Log } from '../../log.js';
import { readStateFile, writeStateFile } from '../../state-file.js';
import { decodeBudget, encodeBudget, type BudgetRecord } from './budget.js';

const FILE = 'usage-node.json';
const MAXIMUM_BYTES = 256;
/** What a power cut may leave uncounted is what was carried in this time. */
const EVERY_US = 10_000_000;

/** null: nothing was counted yet, or what is there cannot be used: it is told, and counting begins anew. */
export function readBudget(stateDirectory: string, log: Log): BudgetRecord | null {
  const path = join(stateDirectory, FILE);
  const file = readStateFile(path, MAXIMUM_BYTES);
  if (file === null) return null;
  const record = decodeBudget(file.text);
  if (record === null) log('warn', `${path} cannot be read: bytes are counted from now on`);
  return record;
}

export interface BudgetWriter {
  keep(record: BudgetRecord): void;
  /** Writes what is not written yet. */
  close(): void;
}

export function budgetWriter(stateDirectory: string, clock: Clock, log: Log): BudgetWriter {
  let pending: BudgetRecord | null = null;
  let cancel: (() => void) | null = null;
  const write = (): void => {
    cancel?.();
    cancel = null;
    if (pending === null) return;
    try {
      writeStateFile(join(stateDirectory, FILE), encodeBudget(pending));
      pending = null;
    } catch (error) {
      log('warn', `bytes carried are not kept: ${messageOf(error)}`);
    }
  };
  return {
    keep: (record) => {
      pending = record;
      cancel ??= clock.at(clock.nowUs() + EVERY_US, write);
    },
    close: write,
  };
}
