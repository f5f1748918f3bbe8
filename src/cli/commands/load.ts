/** `detour load`: the XDP program without a controller, to see whether it attaches and counts. */
import type { Command } from 'commander';
import { DATAPLANE_DEFAULTS } from '../../config/defaults.js';
import { alone } from '../alone.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';

interface PinOption {
  pinPath: string;
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
