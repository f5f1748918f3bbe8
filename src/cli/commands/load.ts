/** `detour load` and `detour unload`: the XDP program without a controller, to see whether it attaches and counts. */
import type { Command } from 'commander';
import { DATAPLANE_DEFAULTS } from '../../config/defaults.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';

interface PinOption {
  pinPath: string;
}

/**
 * Alone with these pins and in this network namespace for as long as `work` takes: it would attach to, or pull away,
 * what a running controller forwards with.
 * @throws DetourError NOT_PERMITTED, ALREADY_RUNNING
 */
async function alone<T>(what: string, pinPath: string, work: () => Promise<T>): Promise<T> {
  const { requireCapabilities } = await import('../../privileges.js');
  requireCapabilities(what);
  const { lockInstance } = await import('../../instance-lock.js');
  const release = lockInstance(pinPath);
  try {
    return await work();
  } finally {
    release();
  }
}

export function registerLoad(program: Command, context: CliContext): void {
  program
    .command('load')
    .description(
      'attach the XDP program to interfaces without a controller: it counts and passes every packet; exit status 1 when an interface did not take it',
    )
    .argument('<interface...>', 'names of interfaces')
    .option('--pin-path <directory>', 'where programs and maps are pinned, below a bpffs', DATAPLANE_DEFAULTS.pin_path)
    .addHelpText('after', example('sudo detour load eth0 eth1', 'sudo detour unload'))
    .action(async (interfaces: string[], { pinPath }: PinOption) => {
      const { lines, complete } = await alone('detour load', pinPath, async () => {
        const { load } = await import('../load.js');
        return load(interfaces, pinPath);
      });
      for (const line of lines) context.out(line);
      context.exit(complete ? 0 : 1);
    });
}

export function registerUnload(program: Command, context: CliContext): void {
  program
    .command('unload')
    .description(
      'detach every XDP program of ours and remove its pins; works after a crash and without a configuration',
    )
    .option('--pin-path <directory>', 'where programs and maps are pinned', DATAPLANE_DEFAULTS.pin_path)
    .addHelpText('after', example('sudo detour unload'))
    .action(async ({ pinPath }: PinOption) => {
      const removed = await alone('detour unload', pinPath, async () => {
        const { unloadDataplane } = await import('../../dataplane/index.js');
        return unloadDataplane(pinPath);
      });
      context.out(removed.length === 0 ? `nothing of Detour's is at ${pinPath}` : `removed ${removed.join(', ')}`);
    });
}
