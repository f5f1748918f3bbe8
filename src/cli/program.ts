/** The command line: which commands there are. Each is one file in commands/ and one line in the list below. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerAuto } from './commands/auto.js';
import { registerCheck } from './commands/check.js';
import { registerDoctor } from './commands/doctor.js';
import { registerDrain } from './commands/drain.js';
import { registerEvents } from './commands/events.js';
import { registerForce } from './commands/force.js';
import { registerGateway } from './commands/gateway.js';
import { registerGateways } from './commands/gateways.js';
import { registerGroups } from './commands/groups.js';
import { registerHelp } from './commands/help.js';
import { registerInterfaces } from './commands/interfaces.js';
import { registerLookup } from './commands/lookup.js';
import { registerLoad } from './commands/load.js';
import { registerRoutes } from './commands/routes.js';
import { registerRun } from './commands/run.js';
import { registerSchema } from './commands/schema.js';
import { registerStatus } from './commands/status.js';
import { registerUndrain } from './commands/undrain.js';
import { registerUnload } from './commands/unload.js';
import { registerUplinks } from './commands/uplinks.js';
import type { CliContext } from './context.js';
import { exitCodes } from './exit.js';
import { example } from './help.js';

/**
 * Adds a command to the program. Whatever loads the native addon or much code is imported inside of the action, so
 * that `--help`, `check` and `doctor` work where it does not load.
 */
export type Register = (program: Command, context: CliContext) => void;

/** In the order of `detour --help`. */
const commands: readonly Register[] = [
  registerRun,
  registerCheck,
  registerStatus,
  registerUplinks,
  registerGroups,
  registerRoutes,
  registerInterfaces,
  registerLookup,
  registerEvents,
  registerDrain,
  registerUndrain,
  registerForce,
  registerAuto,
  registerGateways,
  registerGateway,
  registerLoad,
  registerUnload,
  registerDoctor,
  registerSchema,
  registerHelp,
];

export function buildProgram(context: CliContext): Command {
  const program = new Command('detour')
    .description(
      'An adaptive router for Linux: XDP forwards packets and watches every path, a controller decides failover.',
    )
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .showSuggestionAfterError()
    .exitOverride()
    // Errors are printed by main.ts, on one line.
    .configureOutput({
      writeOut: (text) => context.out(text.trimEnd()),
      writeErr: (text) => context.err(text.trimEnd()),
      outputError: () => undefined,
    })
    .addHelpText('after', exitCodeHelp());
  for (const register of commands) register(program, context);
  return program;
}

function exitCodeHelp(): string {
  const lines = Object.entries(exitCodes).map(([code, meaning]) => `  ${code.padStart(2)}  ${meaning}`);
  return `\nExit codes:\n${lines.join('\n')}\n${example('sudo detour run /etc/detour.yaml', 'detour status')}`;
}

/** Both src/cli/ and dist/cli/ are two levels below package.json. */
function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
