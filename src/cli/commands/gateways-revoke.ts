/** `detour gateways revoke`: ends a pairing, through the running controller or without one. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { DetourError } from '../../errors.js';
import { addClientOptions, clientFrom, type ClientOptions } from '../client-options.js';
import type { ApiClient } from '../client.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';
import { openStore } from '../pairing.js';
import { addStateOptions, stateDirectoryOf, type StateOptions } from '../state-options.js';
import { confirm } from '../terminal.js';

interface RevokeOptions extends ClientOptions, StateOptions {
  yes?: true;
}

export function registerRevoke(group: Command, context: CliContext): void {
  addClientOptions(addStateOptions(group.command('revoke'), 'router'))
    .description('end a pairing: its key is deleted and its lease released; the node has to be paired anew')
    .argument('<name>', 'name of the pairing')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', example('sudo detour gateways revoke phone'))
    .action(async (name: string, options: RevokeOptions) => {
      const client = clientFrom(options);
      const question = `End the pairing with "${name}"? It will have to be paired anew.`;
      if (!options.yes) {
        // Nobody is asked about what there is not.
        if (!(await isOfController(client, name))) await requireFile(name, options, context);
        if (!(await confirm(question))) return context.exit(1);
      }
      const released = await revokeByController(client, name);
      if (!released) await removeFile(name, options, context);
      context.out(released ? `${name} is revoked, its lease is released` : `${name} is revoked`);
    });
}

/** False: no controller of this machine has it, and its file is to be removed. */
const revokeByController = (client: ApiClient, name: string): Promise<boolean> =>
  there(client, () => client.delete(pathOf(name)));

/** False: as of `revokeByController`. */
const isOfController = (client: ApiClient, name: string): Promise<boolean> =>
  there(client, () => client.get(pathOf(name)));

const pathOf = (name: string): string => `/v1/gateways/${encodeURIComponent(name)}`;

async function there(client: ApiClient, ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    const code = error instanceof DetourError ? error.code : null;
    // The files here are not those of a controller elsewhere.
    if (client.target.kind !== 'socket') throw error;
    if (code === 'NOT_RUNNING' || code === 'GATEWAYS_OFF' || code === 'GATEWAY_UNKNOWN' || code === 'NOT_READY') {
      return false;
    }
    throw error;
  }
}

async function removeFile(name: string, options: RevokeOptions, context: CliContext): Promise<void> {
  const store = await openStore(await stateDirectoryOf(options, 'router', context), 'nodes');
  store.remove(name);
}

/** One that cannot be used counts, too: it can be removed. @throws DetourError PAIRING_UNKNOWN */
async function requireFile(name: string, options: RevokeOptions, context: CliContext): Promise<void> {
  const store = await openStore(await stateDirectoryOf(options, 'router', context), 'nodes');
  const names = store.list().map((pairing) => pairing.name);
  const damaged = store.problems().map(({ file }) => basename(file, '.json'));
  if ([...names, ...damaged].includes(name)) return;
  throw new DetourError('PAIRING_UNKNOWN', { name, known: names.join(', ') || 'none' });
}
