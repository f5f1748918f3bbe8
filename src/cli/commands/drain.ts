/** `detour drain`: takes a healthy uplink out of use, without loss. */
import type { Command } from 'commander';
import { addClientOptions } from '../client-options.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';
import { commandUplink, type CommandOptions } from '../uplink-command.js';

export function registerDrain(program: Command, context: CliContext): void {
  addClientOptions(program.command('drain'))
    .description('take an uplink out of use without loss; it stays out until "undrain"')
    .argument('<uplink>', 'name of the uplink')
    .option('--json', 'print the uplink after the command')
    .addHelpText('after', example('detour drain fibre'))
    .action((name: string, options: CommandOptions) => commandUplink('drain', name, options, context));
}
