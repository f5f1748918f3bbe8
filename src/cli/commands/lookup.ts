/** `detour lookup`: where a packet would go, and why. */
import type { Command } from 'commander';
import type { LookupResource } from '../../api/resources/lookup.js';
import { addClientOptions, clientFrom, type ClientOptions } from '../client-options.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';

interface LookupOptions extends ClientOptions {
  from?: string;
  json?: true;
}

export function registerLookup(program: Command, context: CliContext): void {
  addClientOptions(program.command('lookup'))
    .description('say which route, group and uplink an address takes, and why; sends nothing')
    .argument('<to>', 'destination address')
    .option('--from <address>', 'source address: it decides which of several uplinks a flow takes')
    .option('--json', 'print the answer of the API')
    .addHelpText('after', example('detour lookup 198.51.100.7', 'detour lookup 2001:db8::7 --from 2001:db8:1::9'))
    .action(async (to: string, options: LookupOptions) => {
      const query = new URLSearchParams({ to, ...(options.from === undefined ? {} : { from: options.from }) });
      const answer = await clientFrom(options).get<LookupResource>(`/v1/lookup?${query.toString()}`);
      if (options.json) return context.out(JSON.stringify(answer, null, 2));
      const { renderLookup } = await import('../views/lookup.js');
      renderLookup(answer, { width: context.width(), color: context.color }).forEach((line) => context.out(line));
    });
}
