/** `detour load` and `detour unload`: the XDP program without a controller, to see whether it attaches and counts. */
import type { Command } from 'commander';
import { API_DEFAULTS } from '../../config/defaults.js';
import { DetourError } from '../../errors.js';
import { ApiClient } from '../client.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';

const DEFAULT_PIN_PATH = '/sys/fs/bpf/detour';

interface PinOption {
  pinPath: string;
}

function requireRoot(what: string): void {
  if (process.geteuid?.() !== 0) throw new DetourError('NOT_PERMITTED', { what });
}

export function registerLoad(program: Command, context: CliContext): void {
  program
    .command('load')
    .description('attach the XDP program to interfaces without a controller: it counts and passes every packet')
    .argument('<interface...>', 'names of interfaces')
    .option('--pin-path <directory>', 'where programs and maps are pinned, below a bpffs', DEFAULT_PIN_PATH)
    .addHelpText('after', example('sudo detour load eth0 eth1', 'sudo detour unload'))
    .action(async (interfaces: string[], { pinPath }: PinOption) => {
      requireRoot('detour load');
      const { load } = await import('../load.js');
      for (const line of await load(interfaces, pinPath)) context.out(line);
    });
}

/** Pulling the program from under a running controller would cut what it forwards. @throws DetourError ALREADY_RUNNING */
async function requireNoController(socket: string): Promise<void> {
  try {
    await new ApiClient({ kind: 'socket', path: socket }).get('/healthz');
  } catch (error) {
    if (error instanceof DetourError && error.code === 'NOT_RUNNING') return;
    throw error;
  }
  throw new DetourError('ALREADY_RUNNING', { socket });
}

export function registerUnload(program: Command, context: CliContext): void {
  program
    .command('unload')
    .description(
      'detach every XDP program of ours and remove its pins; works after a crash and without a configuration',
    )
    .option('--pin-path <directory>', 'where programs and maps are pinned', DEFAULT_PIN_PATH)
    .option('--socket <path>', 'refuse while a controller answers at this unix socket', API_DEFAULTS.socket)
    .addHelpText('after', example('sudo detour unload'))
    .action(async ({ pinPath, socket }: PinOption & { socket: string }) => {
      requireRoot('detour unload');
      await requireNoController(socket);
      const { unloadDataplane } = await import('../../dataplane/index.js');
      const removed = unloadDataplane(pinPath);
      context.out(removed.length === 0 ? `nothing of Detour's is at ${pinPath}` : `removed ${removed.join(', ')}`);
    });
}
