/** `detour gateway status`: what the node agent of this machine is doing. */
import type { Command } from 'commander';
import { DetourError } from '../../errors.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';
import { addStateOptions, stateDirectoryOf, type StateOptions } from '../state-options.js';

export function registerGatewayStatus(group: Command, context: CliContext): void {
  addStateOptions(group.command('status'), 'node')
    .description('show whether this machine is elected, by whom, and what it has carried')
    .option('--json', 'as JSON')
    .addHelpText('after', example('detour gateway status', 'detour gateway status --json | jq -r .state'))
    .action(async (options: StateOptions & { json?: true }) => {
      const [{ readStatusFile, statusFileOf }, { NODE_DEFAULTS }, { renderNodeStatus }] = await Promise.all([
        import('../../gateway/node/agent/status-file.js'),
        import('../../config/gateway-node/defaults.js'),
        import('../views/node-status.js'),
      ]);
      const file = statusFileOf(await stateDirectoryOf(options, 'node', context), NODE_DEFAULTS.state_directory);
      const status = readStatusFile(file);
      if (status === null) throw new DetourError('NODE_NOT_RUNNING', { file });
      if (options.json) return context.out(JSON.stringify(status, null, 2));
      renderNodeStatus(status, Date.now()).forEach((line) => context.out(line));
    });
}
