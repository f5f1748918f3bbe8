/** After a run that was killed: puts back what its journal says, if its guardian has not. */
import { renameSync, rmSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Family } from '../../../net/ip-address.js';
import { listNft, NftError, runNft } from '../../../nft.js';
import { removeRoutes } from './ip-command.js';
import { readJournal, type JournalFiles } from './journal.js';
import { DELETE_SCRIPT, TABLE } from './ruleset.js';
import { readSysctl, restoreSysctls } from './sysctls.js';
import type { SysctlChange } from './types.js';

/** A guardian needs some milliseconds; one that was killed at it is not waited for longer. */
const GUARDIAN_MS = 2000;
const POLL_MS = 5;

/** @returns what was put back, in words; empty: there was nothing */
export async function restore(files: JournalFiles): Promise<string[]> {
  await guardianIsDone(files);
  if (existsSync(files.journal)) renameSync(files.journal, files.claimed);
  const words: string[] = [];
  const journal = readJournal(files.claimed);
  if (typeof journal === 'string') {
    words.push(`${files.journal}: ${journal}; nothing of it was used`);
  } else if (journal !== null) {
    const restored = restoreSysctls(journal.sysctls);
    words.push(...restored.map(({ path, from, to }) => `${path}: from ${to} back to ${from}`));
    const left = journal.sysctls.filter(
      ({ path, from, to }) =>
        from !== to && !restored.some((other) => other.path === path) && readSysctl(path) !== from,
    );
    words.push(...left.map(({ path }) => `${path}: left as it is, somebody else has changed it`));
    await removeRoutes(journal.routes);
    words.push(...journal.routes.map(({ family, remove }) => `ip -${family} ${remove}`));
  }
  if (await tableIsThere()) {
    // Only its rules keep others out by the switches that were turned on: it never goes before they are off.
    if (journal === null || typeof journal === 'string') {
      const closed = restoreSysctls(await openedByTable());
      words.push(...closed.map(({ path, from, to }) => `${path}: from ${to} back to ${from}, by what the table says`));
    }
    await runNft(DELETE_SCRIPT);
    words.push(`nft delete table ${TABLE}`);
  }
  rmSync(files.claimed, { force: true });
  return words;
}

async function guardianIsDone({ claimed }: JournalFiles): Promise<void> {
  const deadline = performance.now() + GUARDIAN_MS;
  while (existsSync(claimed) && performance.now() < deadline) await sleep(POLL_MS);
}

interface Match {
  left: { meta?: { key?: string } };
  right: unknown;
}

/** Switches that were turned on, from the rules that close them to others (`closedTo` of ruleset.ts): the journal is lost. */
async function openedByTable(): Promise<SysctlChange[]> {
  // Of the whole table: somebody may have deleted the chain.
  const rules = (await listNft(`list table ${TABLE}`)).flatMap(({ rule }) => {
    const { chain, expr = [] } = (rule ?? {}) as { chain?: string; expr?: Record<string, unknown>[] };
    return chain === 'forward' && expr.some((part) => 'drop' in part)
      ? [expr.flatMap((part) => (part['match'] as Match | undefined) ?? [])]
      : [];
  });
  return rules.flatMap((matches) => {
    const of = (key: string): unknown => matches.find(({ left }) => left.meta?.key === key)?.right;
    return switchesOf(of('nfproto') === 'ipv4' ? 4 : 6, of('iifname'));
  });
}

function switchesOf(family: Family, name: unknown): SysctlChange[] {
  const directory = `/proc/sys/net/ipv${family}/conf/${typeof name === 'string' ? name : 'all'}`;
  const file = family === 6 && typeof name === 'string' ? 'force_forwarding' : 'forwarding';
  return [{ path: `${directory}/${file}`, from: '0', to: '1' }];
}

/** Also without a journal: a state directory may be lost. */
async function tableIsThere(): Promise<boolean> {
  let tables: Record<string, unknown>[];
  try {
    tables = await listNft('list tables');
  } catch (error) {
    // Without nft this machine has never been armed.
    if (error instanceof NftError && error.exitCode === null) return false;
    throw error;
  }
  return tables.some(({ table }) => {
    const found = table as { family: string; name: string } | undefined;
    return found !== undefined && `${found.family} ${found.name}` === TABLE;
  });
}
