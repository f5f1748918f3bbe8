/** `detour groups`: which uplinks carry the traffic of each group. */
import type { Command } from 'commander';
import type { GroupResource } from '../../api/resources/group.js';
import { addClientOptions, clientFrom, type ClientOptions } from '../client-options.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';

export function registerGroups(program: Command, context: CliContext): void {
  addClientOptions(program.command('groups'))
    .description('list the groups, the order of their uplinks and which of them carry traffic')
    .option('--json', 'print the answer of the API')
    .addHelpText('after', example('detour groups'))
    .action(async (options: ClientOptions & { json?: true }) => {
      const answer = await clientFrom(options).get<{ groups: GroupResource[] }>('/v1/groups');
      if (options.json) return context.out(JSON.stringify(answer, null, 2));
      const { groupTable } = await import('../views/groups.js');
      groupTable(answer.groups, { width: context.width(), color: context.color }).forEach((line) => context.out(line));
    });
}
