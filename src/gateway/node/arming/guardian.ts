/**
 * A small shell that outlives the agent: it waits for the end of its standard input, which comes when the agent ends, even
 * by SIGKILL. If the journal is then still the one that it was started for, it puts back what that says, at once; after a
 * clean disarm there is none, and it ends without a word. In a session of its own, so that a Ctrl-C for the agent does not
 * end it first.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Journal, JournalFiles } from './journal.js';
import { TABLE } from './ruleset.js';
import { restoringOrder } from './sysctls.js';

export interface Guardian {
  /** After the journal was removed or replaced. */
  dismiss(): void;
}

/** Returns at once; what keeps it from starting is told later. */
export function startGuardian(files: JournalFiles, journal: Journal, log: (text: string) => void): Guardian {
  const child: ChildProcess = spawn('/bin/sh', ['-c', guardianScript(files, journal)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  child.on('error', (error) =>
    log(`no guardian: after a kill, only the next start puts things back: ${error.message}`),
  );
  child.stdin!.on('error', () => undefined);
  child.unref();
  return { dismiss: () => void child.stdin!.end() };
}

/** POSIX sh. Exported for tests. */
export function guardianScript({ journal: file, claimed }: JournalFiles, journal: Journal): string {
  const sysctls = restoringOrder(journal.sysctls);
  const lines = [
    "trap '' HUP INT TERM",
    'read -r _ || :',
    `grep -qs ${quote(journal.nonce)} ${quote(file)} && mv ${quote(file)} ${quote(claimed)} || exit 0`,
    // Values are compared before the first is written: that of `all` changes others.
    ...sysctls.map(({ path }, index) => `v${index}=; read -r v${index} <${quote(path)}`),
    ...sysctls.map(
      ({ path, from, to }, index) => `[ "$v${index}" = ${quote(to)} ] && echo ${quote(from)} >${quote(path)}`,
    ),
    ...[...journal.routes].reverse().map(({ family, remove }) => `ip -${family} ${remove}`),
    `nft delete table ${TABLE}`,
    `rm -f ${quote(claimed)}`,
    // An nft that the agent had just started may have been slower than we were.
    'sleep 1',
    `[ -e ${quote(file)} ] || nft delete table ${TABLE}`,
  ];
  return `${lines.join('\n')}\n`;
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
