/** `detour gateways ...`: the gateway nodes of this router. */
import type { Command } from 'commander';
import type { GatewayListResource, GatewayResource } from '../../api/resources/gateway.js';
import { addClientOptions, clientFrom, type ClientOptions } from '../client-options.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';
import { registerDecisions } from './gateways-decide.js';
import { registerPair, registerRotate } from './gateways-pair.js';
import { registerRevoke } from './gateways-revoke.js';

export function registerGateways(program: Command, context: CliContext): void {
  const group = program
    .command('gateways')
    .description('the gateway nodes of this router: list them, pair with them, decide about them')
    .addHelpText('after', example('detour gateways', 'detour gateways show phone', 'sudo detour gateways pair phone'));
  registerList(group, context);
  registerShow(group, context);
  registerPair(group, context);
  registerRotate(group, context);
  registerRevoke(group, context);
  registerDecisions(group, context);
}

interface ListOptions extends ClientOptions {
  json?: true;
}

function registerList(group: Command, context: CliContext): void {
  addClientOptions(group.command('list', { isDefault: true }))
    .description('what is needed, which nodes there are, who is elected and why')
    .option('--json', 'print the answer of the API')
    .addHelpText('after', example('detour gateways', 'detour gateways list --json'))
    .action(async (options: ListOptions) => {
      const answer = await clientFrom(options).get<GatewayListResource>('/v1/gateways');
      if (options.json) return context.out(JSON.stringify(answer, null, 2));
      const { renderGateways } = await import('../views/gateways.js');
      renderGateways(answer, { width: context.width(), color: context.color }).forEach((line) => context.out(line));
    });
}

function registerShow(group: Command, context: CliContext): void {
  addClientOptions(group.command('show'))
    .description('everything about one node')
    .argument('<name>', 'name of the pairing')
    .option('--json', 'print the answer of the API')
    .addHelpText('after', example('detour gateways show phone'))
    .action(async (name: string, options: ListOptions) => {
      const answer = await clientFrom(options).get<GatewayResource>(`/v1/gateways/${encodeURIComponent(name)}`);
      if (options.json) return context.out(JSON.stringify(answer, null, 2));
      const { renderGateway } = await import('../views/gateways.js');
      renderGateway(answer, { width: context.width(), color: context.color }).forEach((line) => context.out(line));
    });
}
