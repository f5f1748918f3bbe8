/** `detour gateways pair` and `rotate`: makes a key, and the line that carries it to the node. */
import { hostname } from 'node:os';
import type { Command } from 'commander';
import { DetourError } from '../../errors.js';
import type { PairingKey } from '../../gateway/pairing/index.js';
import { addClientOptions, clientFrom, type ClientOptions } from '../client-options.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';
import { advise, openStore, showKeyLine, tellController } from '../pairing.js';
import { addStateOptions, stateDirectoryOf, type StateOptions } from '../state-options.js';

interface PairOptions extends ClientOptions, StateOptions {
  routerName: string;
  qr: boolean;
  approve?: true;
}

/** A name of a pairing made of the host's name: "Router_1.example.org" -> "router-1". */
function hostAsName(host = hostname()): string {
  const name = host
    .split('.')[0]!
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 24)
    .replace(/^-+|-+$/g, '');
  return name === '' ? 'router' : name;
}

function addPairOptions(command: Command): Command {
  return addClientOptions(addStateOptions(command, 'router'))
    .option('--router-name <name>', 'what the node is to call this router', hostAsName())
    .option('--no-qr', 'no picture of the line (there is none where standard error is no terminal)');
}

export function registerPair(group: Command, context: CliContext): void {
  addPairOptions(group.command('pair'))
    .description('pair with a gateway node: makes its key and prints the line that the node joins with')
    .argument('<name>', 'what to call the node here; its uplink will be "gw-NAME"')
    .option('--approve', 'approve it at once, where `approval` is `manual`')
    .addHelpText('after', example('sudo detour gateways pair phone', 'LINE=$(sudo detour gateways pair phone --no-qr)'))
    .action(async (name: string, options: PairOptions) => {
      const { newKey } = await import('../../gateway/pairing/index.js');
      const directory = await stateDirectoryOf(options, 'router', context);
      const store = await openStore(directory, 'nodes');
      if (store.find(name) !== undefined) {
        const remedy = `"detour gateways rotate ${name}" gives it another key, "revoke ${name}" ends it`;
        throw new DetourError('PAIRING_EXISTS', { name, remedy });
      }
      const key = newKey(Date.now());
      const line = await lineFor(directory, name, key, options);
      store.add({ name, peer: null, keys: [key], approved: options.approve === true });
      const told = await tellController(clientFrom(options), name, 'there');
      await showKeyLine(line, { name, qr: options.qr }, context);
      advise(context, told);
    });
}

export function registerRotate(group: Command, context: CliContext): void {
  addPairOptions(group.command('rotate'))
    .description('give a node another key, without dropping it: the old one holds until the node has used the new one')
    .argument('<name>', 'name of the pairing')
    .addHelpText('after', example('sudo detour gateways rotate phone'))
    .action(async (name: string, options: PairOptions) => {
      const { newKey } = await import('../../gateway/pairing/index.js');
      const directory = await stateDirectoryOf(options, 'router', context);
      const key = newKey(Date.now());
      const store = await openStore(directory, 'nodes');
      const known = store.find(name) !== undefined;
      // Made before the key counts, so that a wrong --router-name changes nothing.
      const line = known ? await lineFor(directory, name, key, options) : '';
      store.rotate(name, key);
      const told = await tellController(clientFrom(options), name, 'there');
      await showKeyLine(line, { name, qr: options.qr }, context);
      advise(context, told, 'The old key holds until the node has used this one.');
    });
}

/** @throws DetourError NAME_INVALID, STATE_UNUSABLE, NOT_PERMITTED */
async function lineFor(directory: string, name: string, key: PairingKey, { routerName }: PairOptions): Promise<string> {
  const { formatKeyLine, isPairingName, machineId, PAIRING_NAME_RULE } = await import('../../gateway/pairing/index.js');
  for (const checked of [name, routerName]) {
    if (!isPairingName(checked)) throw new DetourError('NAME_INVALID', { name: checked, rule: PAIRING_NAME_RULE });
  }
  return formatKeyLine({ key, router: machineId(directory), routerName, nodeName: name });
}
