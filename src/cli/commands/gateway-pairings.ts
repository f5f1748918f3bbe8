/** `detour gateway join | routers | leave`: the routers that this machine may lend its way to the network to. */
import type { Command } from 'commander';
import { DetourError } from '../../errors.js';
import type { KeyLine, Pairing, PairingStore } from '../../gateway/pairing/index.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';
import { advise, openStore } from '../pairing.js';
import { addStateOptions, stateDirectoryOf, type StateOptions } from '../state-options.js';
import { readSecret } from '../terminal.js';

interface JoinOptions extends StateOptions {
  name?: string;
}

export function registerJoin(group: Command, context: CliContext): void {
  addStateOptions(group.command('join'), 'node')
    .description('pair with a router, by the line that "detour gateways pair" printed there')
    .argument('[line]', 'the line; better left out: it is then asked for, or read from standard input')
    .option('--name <name>', 'what to call the router here; otherwise as it calls itself')
    .addHelpText(
      'after',
      example('sudo detour gateway join', 'ssh router sudo detour gateways pair phone | sudo detour gateway join'),
    )
    .action(async (argument: string | undefined, options: JoinOptions) => {
      const { machineId, parseKeyLine } = await import('../../gateway/pairing/index.js');
      const directory = await stateDirectoryOf(options, 'node', context);
      // Before somebody types a long line in vain.
      const store = await openStore(directory, 'routers');
      const self = machineId(directory);
      if (argument !== undefined) {
        advise(
          context,
          'The line stood in the list of processes, which every user of this machine can read, and in the history of ' +
            'the shell. Without it "detour gateway join" asks for it.',
        );
      }
      const line = parseKeyLine(argument ?? (await readSecret('Pairing line (not shown): ')), Date.now());
      if (line.router === self) {
        throw new DetourError('USAGE', {
          reason: 'this line was made on this machine: join on the node, not on the router',
        });
      }
      context.out(join(store, line, options.name));
      advise(context, 'A running "detour gateway run" uses it at once; otherwise start it.');
    });
}

/** @returns for people: what has become of it */
function join(store: PairingStore, line: KeyLine, name: string | undefined): string {
  const { key, router, routerName, nodeName } = line;
  const known = store.list().find(({ peer }) => peer === router);
  if (known !== undefined) {
    if (name !== undefined && name !== known.name) {
      const remedy = `it is the same router; "detour gateway leave ${known.name}" first`;
      throw new DetourError('PAIRING_EXISTS', { name: known.name, remedy });
    }
    if (known.keys.some(({ id }) => id === key.id)) return `${known.name} is paired with this line already`;
    store.rotate(known.name, key);
    return `${known.name} has another key now; the old one holds until the router has used the new one`;
  }
  const chosen = name ?? routerName;
  if (store.find(chosen) !== undefined) {
    throw new DetourError('PAIRING_EXISTS', { name: chosen, remedy: otherRouter(chosen) });
  }
  store.add({ name: chosen, peer: router, keys: [key], approved: true });
  return `paired with router "${chosen}" (${router}), which calls this machine "${nodeName}"`;
}

const otherRouter = (name: string): string =>
  `by another router; give this one a --name, or "detour gateway leave ${name}" first if it was replaced`;

export function registerRouters(group: Command, context: CliContext): void {
  addStateOptions(group.command('routers'), 'node')
    .description('list the routers that this machine is paired with')
    .option('--json', 'as JSON')
    .addHelpText('after', example('sudo detour gateway routers'))
    .action(async (options: StateOptions & { json?: true }) => {
      const directory = await stateDirectoryOf(options, 'node', context);
      const store = await openStore(directory, 'routers');
      if (options.json) return context.out(JSON.stringify(store.list().map(publicPart), null, 2));
      const { renderRouters } = await import('../views/routers.js');
      const view = { width: context.width(), color: context.color };
      renderRouters(store.list().map(publicPart), view).forEach((line) => context.out(line));
      for (const { file, reason } of store.problems()) advise(context, `! ${file}: ${reason}`);
    });
}

/** Field by field: a key is never among them. */
const publicPart = ({ name, peer, keys }: Pairing) => ({
  name,
  id: peer,
  keys: keys.map(({ id, createdMs }) => ({ id, created: new Date(createdMs).toISOString() })),
});

export function registerLeave(group: Command, context: CliContext): void {
  addStateOptions(group.command('leave'), 'node')
    .description('end the pairing with a router: its key is deleted, a lease of it ends')
    .argument('<name>', 'as "detour gateway routers" lists it')
    .addHelpText('after', example('sudo detour gateway leave home'))
    .action(async (name: string, options: StateOptions) => {
      const store = await openStore(await stateDirectoryOf(options, 'node', context), 'routers');
      store.remove(name);
      context.out(`${name} cannot elect this machine any more`);
    });
}
