/** Are the interfaces of a configuration there? Asked apart from loading: they come and go while Detour runs. */
import type { Positions } from './load.js';
import { formatPath, type ConfigProblem, type Path } from './problem.js';
import { suggest } from './suggest.js';
import type { Config } from './types.js';

/** @param present names of the interfaces of this network namespace */
export function checkInterfaces(config: Config, positions: Positions, present: readonly string[]): ConfigProblem[] {
  const known = new Set(present);
  const wanted: { name: string; path: Path }[] = [
    ...config.uplinks.map((uplink) => ({ name: uplink.interface, path: ['uplinks', uplink.name, 'interface'] })),
    ...config.interfaces.map(({ name }, index) => ({ name, path: ['interfaces', index] })),
  ];
  const free = new Set(present.filter((name) => name !== 'lo'));
  for (const { name } of wanted) free.delete(name);
  const others = [...free];
  return wanted
    .filter(({ name }) => !known.has(name))
    .map(({ name, path }) => ({
      file: positions.file,
      ...positions.place(path),
      path: formatPath(path),
      message: `no interface is named "${name}"`,
      write: suggest(name, others) ?? (others.length > 0 ? `one of ${others.join(', ')}` : null),
    }));
}
