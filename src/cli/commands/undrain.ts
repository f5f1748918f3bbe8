/** `detour undrain`: allows a drained uplink again. */
import type { Command } from 'commander';
import { addClientOptions } from '../client-options.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';
import { commandUplink, type CommandOptions } from '../uplink-command.js';

export function registerUndrain(program: Command, context: CliContext): void {
  addClientOptions(program.command('undrain'))
    .description('allow a drained uplink again; traffic returns when it has proved itself')
    .argument('<uplink>', 'name of the uplink')
    .option('--json', 'print the uplink after the command')
    .addHelpText('after', example('detour undrain fibre'))
    .action((name: string, options: CommandOptions) => commandUplink('undrain', name, options, context));
}
