/** `detour uplinks [name]`: the ways out; with a name, everything about one of them. */
import type { Command } from 'commander';
import type { UplinkResource } from '../../api/resources/uplink.js';
import { addClientOptions, clientFrom, type ClientOptions } from '../client-options.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';

export function registerUplinks(program: Command, context: CliContext): void {
  addClientOptions(program.command('uplinks'))
    .description('list the uplinks; with a name, show its paths, probes and targets')
    .argument('[name]', 'one uplink')
    .option('--json', 'print the answer of the API')
    .addHelpText('after', example('detour uplinks', 'detour uplinks fibre'))
    .action(async (name: string | undefined, options: ClientOptions & { json?: true }) => {
      const path = name === undefined ? '/v1/uplinks' : `/v1/uplinks/${encodeURIComponent(name)}`;
      const answer = await clientFrom(options).get<UplinkResource | { uplinks: UplinkResource[] }>(path);
      if (options.json) return context.out(JSON.stringify(answer, null, 2));
      const { renderUplink, renderUplinks } = await import('../views/uplinks.js');
      const view = { width: context.width(), color: context.color };
      const lines = 'uplinks' in answer ? renderUplinks(answer.uplinks, view) : renderUplink(answer, view);
      lines.forEach((line) => context.out(line));
    });
}
