/** `detour help`: as commander's own, but a command that does not exist is an error and not the whole help. */
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { DetourError } from '../../errors.js';
import { example } from '../help.js';

export function registerHelp(program: Command, _context: CliContext): void {
  program
    .helpCommand(false)
    .command('help')
    .description('print help for a command')
    .argument('[command]', 'its name')
    .addHelpText('after', example('detour help status'))
    .action((name: string | undefined) => {
      const command = name === undefined ? program : program.commands.find((each) => each.name() === name);
      if (command) return command.help();
      throw new DetourError('USAGE', { reason: `unknown command '${name}'; "detour --help" lists the commands` });
    });
}
