/** `detour gateways approve | elect | release | auto`: decisions about a node by hand. */
import type { Command } from 'commander';
import type { GatewayResource } from '../../api/resources/gateway.js';
import { DetourError } from '../../errors.js';
import { addClientOptions, clientFrom, type ClientOptions } from '../client-options.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';
import { openStore } from '../pairing.js';
import { addStateOptions, stateDirectoryOf, type StateOptions } from '../state-options.js';
import { wrap } from '../text.js';

interface DecideOptions extends ClientOptions, StateOptions {
  json?: true;
}

const decisions = [
  ['approve', 'allow a node to be elected, where `approval` is `manual`', 'is approved'],
  ['elect', 'elect a node whether it is needed or not, until `auto`', 'is elected by hand, until "auto"'],
  [
    'release',
    'release a node, once something else works, and do not elect it, until `auto`',
    'is kept released, until "auto"',
  ],
  ['auto', 'end an `elect` or `release` by hand: the need decides again', 'is elected when it is needed'],
] as const;

export function registerDecisions(group: Command, context: CliContext): void {
  for (const [command, description, outcome] of decisions) {
    const options = command === 'approve' ? addStateOptions(group.command(command), 'router') : group.command(command);
    addClientOptions(options)
      .description(description)
      .argument('<name>', 'name of the pairing')
      .option('--json', 'print the node after the command')
      .addHelpText('after', example(`detour gateways ${command} phone`))
      .action(async (name: string, options: DecideOptions) => {
        const gateway = await decide(command, name, options, context);
        if (gateway === null) return context.out(`${name} is approved; no controller is running`);
        if (options.json) return context.out(JSON.stringify(gateway, null, 2));
        const line = `${gateway.name} ${outcome}; now: ${gateway.state}, ${gateway.why}`;
        wrap(line, context.width()).forEach((part) => context.out(part));
      });
  }
}

/** Null: there is no controller, and the approval is in the file for when there is one. */
async function decide(
  command: string,
  name: string,
  options: DecideOptions,
  context: CliContext,
): Promise<GatewayResource | null> {
  const client = clientFrom(options);
  try {
    return await client.post<GatewayResource>(`/v1/gateways/${encodeURIComponent(name)}/${command}`);
  } catch (error) {
    const alone = error instanceof DetourError && error.code === 'NOT_RUNNING' && client.target.kind === 'socket';
    if (!alone || command !== 'approve') throw error;
    const store = await openStore(await stateDirectoryOf(options, 'router', context), 'nodes');
    store.approve(name);
    return null;
  }
}
