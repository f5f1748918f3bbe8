/**
 * Tables of the old iptables interface (ip_tables, ip6_tables), which nf_tables knows nothing of. Only their names can
 * be read without asking for their rules by a socket option; the kernel makes a table when somebody first looks at it,
 * and says nothing when that happens.
 *
 * A table that is there counts, although it may be empty: the other way round, translation or a filter would be lost.
 */
import { readFileSync } from 'node:fs';
import type { NetfilterHook } from '../../controller/ports.js';
import type { Family } from '../../net/ip-address.js';

export type ReadText = (path: string) => string;

const FILES: readonly { family: Family; path: string; command: string }[] = [
  { family: 4, path: '/proc/self/net/ip_tables_names', command: 'iptables' },
  { family: 6, path: '/proc/self/net/ip6_tables_names', command: 'ip6tables' },
];

/** Of the namespace of this process. */
export function legacyHooks(read: ReadText = (path) => readFileSync(path, 'utf8')): NetfilterHook[] {
  return FILES.flatMap(({ family, path, command }) =>
    namesIn(path, read).map((name) => ({
      family,
      text: name === null ? `${command}-legacy (${path} is not readable)` : `${command}-legacy table ${name}`,
      translates: name === 'nat',
      devices: null,
    })),
  );
}

/** [null]: there may be some, and we must not look. */
function namesIn(path: string, read: ReadText): (string | null)[] {
  try {
    return read(path)
      .split('\n')
      .filter((name) => name !== '');
  } catch (error) {
    // ENOENT: the module is not loaded, so there is none.
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? [null] : [];
  }
}
