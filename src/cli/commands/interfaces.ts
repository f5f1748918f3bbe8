/** `detour interfaces`: how XDP is attached, why not natively, and what became of received packets. */
import type { Command } from 'commander';
import type { InterfaceResource } from '../../api/resources/interface.js';
import { addClientOptions, clientFrom, type ClientOptions } from '../client-options.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';

export function registerInterfaces(program: Command, context: CliContext): void {
  addClientOptions(program.command('interfaces'))
    .description('list the interfaces: XDP mode, why not native, and received packets by reason')
    .option('--json', 'print the answer of the API')
    .addHelpText('after', example('detour interfaces'))
    .action(async (options: ClientOptions & { json?: true }) => {
      const answer = await clientFrom(options).get<{ interfaces: InterfaceResource[] }>('/v1/interfaces');
      if (options.json) return context.out(JSON.stringify(answer, null, 2));
      const { renderInterfaces } = await import('../views/interfaces.js');
      const view = { width: context.width(), color: context.color };
      renderInterfaces(answer.interfaces, view).forEach((line) => context.out(line));
    });
}
