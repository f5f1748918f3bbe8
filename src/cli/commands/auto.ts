/** `detour auto`: ends a force. */
import type { Command } from 'commander';
import { addClientOptions } from '../client-options.js';
import type { CliContext } from '../context.js';
import { commandGroup, type CommandOptions } from '../group-command.js';
import { example } from '../help.js';

export function registerAuto(program: Command, context: CliContext): void {
  addClientOptions(program.command('auto'))
    .description('end "force": the tiers and weights of the group decide again')
    .argument('<group>', 'name of the group')
    .option('--json', 'print the group after the command')
    .addHelpText('after', example('detour auto internet'))
    .action((group: string, options: CommandOptions) => commandGroup('auto', group, undefined, options, context));
}
