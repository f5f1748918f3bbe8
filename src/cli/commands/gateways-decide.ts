/** `detour gateways approve | elect | release | auto`: decisions about a node by hand. */
import type { Command } from 'commander';
import type { GatewayResource } from '../../api/resources/gateway.js';
import { addClientOptions, clientFrom, type ClientOptions } from '../client-options.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';
import { wrap } from '../text.js';

const decisions = [
  ['approve', 'allow a node to be elected, where `approval` is `manual`', 'is approved'],
  ['elect', 'elect a node whether it is needed or not, until `auto`', 'is elected by hand, until "auto"'],
  ['release', 'release a node and do not elect it, until `auto`', 'is kept released, until "auto"'],
  ['auto', 'end an `elect` or `release` by hand: the need decides again', 'is elected when it is needed'],
] as const;

export function registerDecisions(group: Command, context: CliContext): void {
  for (const [command, description, outcome] of decisions) {
    addClientOptions(group.command(command))
      .description(description)
      .argument('<name>', 'name of the pairing')
      .option('--json', 'print the node after the command')
      .addHelpText('after', example(`detour gateways ${command} phone`))
      .action(async (name: string, options: ClientOptions & { json?: true }) => {
        const path = `/v1/gateways/${encodeURIComponent(name)}/${command}`;
        const gateway = await clientFrom(options).post<GatewayResource>(path);
        if (options.json) return context.out(JSON.stringify(gateway, null, 2));
        const line = `${gateway.name} ${outcome}; now: ${gateway.state}, ${gateway.why}`;
        wrap(line, context.width()).forEach((part) => context.out(part));
      });
  }
}
