/** `detour gateway ...`: this machine as a gateway node. Each subcommand is one file and one line in the list below. */
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { example } from '../help.js';
import type { Register } from '../program.js';
import { registerGatewayRestore } from './gateway-restore.js';
import { registerGatewayRun } from './gateway-run.js';
import { registerGatewayStatus } from './gateway-status.js';
import { registerJoin, registerLeave, registerRouters } from './gateway-pairings.js';

/** In the order of `detour gateway --help`. */
const subcommands: readonly Register[] = [
  registerGatewayRun,
  registerGatewayStatus,
  registerGatewayRestore,
  registerJoin,
  registerRouters,
  registerLeave,
];

export function registerGateway(program: Command, context: CliContext): void {
  const group = program
    .command('gateway')
    .description('this machine as a gateway node: it lends its way to the network to routers that it is paired with')
    .addHelpText('after', example('sudo detour gateway join', 'sudo detour gateway run', 'detour gateway status'));
  for (const register of subcommands) register(group, context);
}
