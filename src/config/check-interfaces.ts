/** Are the interfaces of a configuration there? Asked apart from loading: they come and go while Detour runs. */
import type { Positions } from './load.js';
import { formatPath, type ConfigProblem, type Path } from './problem.js';
import { suggest } from './suggest.js';
import type { Config } from './types.js';

export interface InterfaceCheck {
  /** Absent, and neither optional nor known to be one that was there: a misspelt name, most likely. */
  problems: ConfigProblem[];
  /** Absent, and nothing wrong: one line for each that says so. It is used as soon as it appears. */
  notes: string[];
}

interface Wanted {
  name: string;
  path: Path;
  optional: boolean;
  /** What to write to make it optional. */
  remedy: string;
}

/**
 * @param present names of the interfaces of this network namespace
 * @param running the configuration in use: its interfaces exist or have existed, so that one of them that is absent now
 *   is no mistake of the file, and must not refuse a reload. null: none is in use.
 */
export function checkInterfaces(
  config: Config,
  positions: Positions,
  present: readonly string[],
  running: Config | null = null,
): InterfaceCheck {
  const there = new Set(present);
  const wanted = wantedBy(config);
  const inUse = new Set(running === null ? [] : wantedBy(running).map(({ name }) => name));
  const named = new Set(wanted.map(({ name }) => name));
  const others = present.filter((name) => name !== 'lo' && !named.has(name));
  const check: InterfaceCheck = { problems: [], notes: [] };
  for (const { name, path, optional, remedy } of wanted.filter((entry) => !there.has(entry.name))) {
    if (optional || inUse.has(name)) {
      check.notes.push(`${formatPath(path)}: no interface is named "${name}": it is used as soon as it appears`);
      continue;
    }
    const instead = suggest(name, others) ?? (others.length > 0 ? `one of ${others.join(', ')}` : null);
    check.problems.push({
      file: positions.file,
      ...positions.place(path),
      path: formatPath(path),
      message: `no interface is named "${name}"`,
      write: `${instead === null ? '' : `${instead}; or `}${remedy} if it appears later`,
    });
  }
  return check;
}

function wantedBy(config: Config): Wanted[] {
  return [
    ...config.uplinks.map((uplink) => ({
      name: uplink.interface,
      path: ['uplinks', uplink.name, 'interface'],
      optional: uplink.optional,
      remedy: '"optional: true" beside it',
    })),
    ...config.interfaces.map(({ name, optional }, index) => ({
      name,
      path: ['interfaces', index],
      optional,
      remedy: `{name: ${name}, optional: true}`,
    })),
  ];
}
