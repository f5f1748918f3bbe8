/** `detour check`: is this configuration right? Loads nothing, changes nothing, needs no root. */
import type { Command } from 'commander';
import type { LoadedConfig } from '../../config/load.js';
import { checkInterfaces, ConfigError, formatProblem, loadConfig, type ConfigProblem } from '../../config/index.js';
import { configNotes } from '../config-notes.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';

interface CheckOptions {
  json?: true;
  interfaces: boolean;
}

export function registerCheck(program: Command, context: CliContext): void {
  program
    .command('check')
    .description('check a configuration file: every mistake with its line, its column and what to write instead')
    .argument('<config>', 'configuration file (YAML)')
    .option('--json', 'print {"ok", "errors", "notes"} as JSON')
    .option('--no-interfaces', 'do not ask whether the interfaces exist on this machine')
    .addHelpText(
      'after',
      example(
        'detour check /etc/detour.yaml',
        'detour check --no-interfaces router.yaml    # written for another machine',
      ),
    )
    .action(async (file: string, options: CheckOptions) => {
      const { loaded, problems, absent } = await collect(file, options);
      const notes = loaded ? [...absent, ...configNotes(loaded.config)] : [];
      if (options.json) {
        context.out(JSON.stringify({ ok: problems.length === 0, errors: problems, notes }, null, 2));
        context.exit(problems.length === 0 ? 0 : 2);
        return;
      }
      for (const problem of problems) context.err(formatProblem(problem));
      if (problems.length > 0) throw new ConfigError(file, problems);
      for (const note of notes) context.out(`note: ${note}`);
      context.out(`${file}: ok, ${summary(loaded!)}`);
    });
}

async function collect(
  file: string,
  options: CheckOptions,
): Promise<{ loaded: LoadedConfig | null; problems: readonly ConfigProblem[]; absent: readonly string[] }> {
  let loaded: LoadedConfig;
  try {
    loaded = loadConfig(file);
  } catch (error) {
    if (error instanceof ConfigError) return { loaded: null, problems: error.problems, absent: [] };
    throw error;
  }
  if (!options.interfaces) return { loaded, problems: [], absent: [] };
  const { interfaceNames } = await import('../interface-names.js');
  const { problems, notes } = checkInterfaces(loaded.config, loaded.positions, interfaceNames());
  return { loaded, problems, absent: notes };
}

function summary({ config }: LoadedConfig): string {
  const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
  const probes = config.uplinks.reduce((sum, uplink) => sum + uplink.probes.length, 0);
  return [
    count(config.uplinks.length, 'uplink'),
    count(probes, 'probe'),
    count(config.groups.length, 'group'),
    count(config.routes.length, 'route'),
  ].join(', ');
}
