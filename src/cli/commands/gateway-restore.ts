/** `detour gateway restore`: puts back what an agent changed that was killed. The next start does the same. */
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { example } from '../help.js';
import { addStateOptions, stateDirectoryOf, type StateOptions } from '../state-options.js';

export function registerGatewayRestore(group: Command, context: CliContext): void {
  addStateOptions(group.command('restore'), 'node')
    .description('put back what an agent that was killed has left: rules, forwarding switches, routes')
    .addHelpText('after', example('sudo detour gateway restore'))
    .action(async (options: StateOptions) => {
      const { requireNetAdmin } = await import('../../privileges.js');
      requireNetAdmin('changing rules');
      const { restoreNode } = await import('../../gateway/node/agent/restore.js');
      const words = await restoreNode(await stateDirectoryOf(options, 'node', context));
      for (const word of words) context.out(word);
      if (words.length === 0) context.out('nothing was left');
    });
}
