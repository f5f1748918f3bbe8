/**
 * A small shell that outlives the agent: it takes its orders from its standard input and carries them out at the end of
 * that, which comes when the agent ends, even by SIGKILL. If the journal is then still the one that the orders are about,
 * it puts back what that says, at once; after a clean disarm there is none, and it ends without a word. In a session of its
 * own, so that a Ctrl-C for the agent does not end it first. Started beforehand, for somebody waits while a node is armed.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { messageOf } from '../../../errors.js';
import type { Journal, JournalFiles } from './journal.js';
import { TABLE } from './ruleset.js';
import { restoringOrder } from './sysctls.js';

/** Orders that were cut off are no orders. */
const END_OF_ORDERS = '#end';

/** POSIX sh; the orders are read to their end before the first is carried out. Exported for tests. */
export const WAITING_SCRIPT = `trap '' HUP INT TERM
orders= complete=
while IFS= read -r line; do
  orders="$orders$line
"
  if [ "$line" = '${END_OF_ORDERS}' ]; then complete=yes; fi
done
if [ "$complete" ]; then eval "$orders"; fi
`;

export class Guardian {
  /** null: it did not start. */
  readonly #child: ChildProcess | null;
  #ended = false;

  /** Returns at once; what keeps it from starting is told later. It has no orders yet. */
  constructor(log: (text: string) => void) {
    const fail = (why: string): void => {
      this.#ended = true;
      log(`no guardian: after a kill, only the next start puts things back: ${why}`);
    };
    this.#child = this.#start(fail);
  }

  #start(fail: (why: string) => void): ChildProcess | null {
    try {
      const child = spawn('/bin/sh', ['-c', WAITING_SCRIPT], {
        detached: true,
        stdio: ['pipe', 'ignore', 'ignore'],
        cwd: '/',
      });
      child.on('exit', () => (this.#ended = true));
      child.on('error', (error) => fail(error.message));
      child.stdin.on('error', () => undefined);
      child.unref();
      return child;
    } catch (error) {
      // No memory, for one, is thrown at once, where no such file is told later.
      fail(messageOf(error));
      return null;
    }
  }

  /** Somebody has ended it. */
  get isGone(): boolean {
    return this.#ended;
  }

  /** To be called once. */
  entrust(files: JournalFiles, journal: Journal): void {
    this.#child?.stdin!.write(`${guardianOrders(files, journal)}${END_OF_ORDERS}\n`);
  }

  /** After the journal was removed or replaced, or if it never had orders. */
  dismiss(): void {
    this.#child?.stdin!.end();
  }
}

/** POSIX sh. Exported for tests. */
export function guardianOrders({ journal: file, claimed }: JournalFiles, journal: Journal): string {
  const sysctls = restoringOrder(journal.sysctls);
  const lines = [
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
