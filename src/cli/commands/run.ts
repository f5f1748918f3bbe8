/** `detour run`: the controller in the foreground, until SIGTERM or SIGINT; SIGHUP reloads the configuration. */
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { formatProblem } from '../../config/index.js';
import { ConfigError } from '../../config/index.js';
import { endAnyway, stopSignal, tellSystemd } from '../foreground.js';
import { example } from '../help.js';

export function registerRun(program: Command, context: CliContext): void {
  program
    .command('run')
    .description('run the controller in the foreground: load, forward, watch, decide; SIGHUP reloads, SIGTERM ends')
    .argument('<config>', 'configuration file (YAML)')
    .addHelpText(
      'after',
      example(
        'sudo detour run /etc/detour.yaml',
        'sudo systemctl reload detour    # or SIGHUP to the process: reads the file again',
      ),
    )
    .action(async (configFile: string) => {
      // The addon and libbpf are loaded only by commands that need them.
      const { run } = await import('../../main.js');
      const log = (level: string, text: string): void => context.err(`${new Date().toISOString()} ${level} ${text}`);
      try {
        await run({
          configFile,
          version: program.version() ?? '0.0.0',
          log,
          untilStopped: stopSignal(),
          onReload: (reload) => process.on('SIGHUP', reload),
          onReady: () => void tellSystemd(log),
        });
      } catch (error) {
        if (error instanceof ConfigError) for (const problem of error.problems) context.err(formatProblem(problem));
        throw error;
      } finally {
        endAnyway();
      }
    });
}
