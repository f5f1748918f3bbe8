/** `detour run`: the controller in the foreground, until SIGTERM or SIGINT; SIGHUP reloads the configuration. */
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { formatProblem } from '../../config/index.js';
import { ConfigError } from '../../config/index.js';
import { messageOf } from '../../errors.js';
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

/** Of a unit with Type=notify; elsewhere there is nobody to tell. */
async function tellSystemd(log: (level: string, text: string) => void): Promise<void> {
  const socket = process.env['NOTIFY_SOCKET'];
  if (socket === undefined) return;
  try {
    const { notifySystemd } = await import('../systemd.js');
    notifySystemd('READY=1', socket);
  } catch (error) {
    log('error', `systemd is not told that this is ready, and will end it: ${messageOf(error)}`);
  }
}

const LEFT_OPEN_MS = 2000;

/** What failed to close may hold the event loop; the kernel closes it with the process. Exits with the code set by then. */
function endAnyway(): void {
  setTimeout(() => process.exit(), LEFT_OPEN_MS).unref();
}

/** SIGTERM or SIGINT ends cleanly, however often it is told. A second Ctrl-C ends at once: the next start cleans up. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked && signal === 'SIGINT') process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
}
