/** `detour force`: sends the traffic of a group by one uplink, as long as that is alive. */
import type { Command } from 'commander';
import { addClientOptions } from '../client-options.js';
import type { CliContext } from '../context.js';
import { commandGroup, type CommandOptions } from '../group-command.js';
import { example } from '../help.js';

export function registerForce(program: Command, context: CliContext): void {
  addClientOptions(program.command('force'))
    .description('send the traffic of a group by one uplink; when that goes down, the others take over')
    .argument('<group>', 'name of the group')
    .argument('<uplink>', 'a member of the group')
    .option('--json', 'print the group after the command')
    .addHelpText('after', example('detour force internet lte', 'detour auto internet    # ends it'))
    .action((group: string, uplink: string, options: CommandOptions) =>
      commandGroup('force', group, { uplink }, options, context),
    );
}
