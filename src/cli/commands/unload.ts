/** `detour unload`: takes away what a crash, `keep_on_exit` or `detour load` left, without a configuration. */
import type { Command } from 'commander';
import { DATAPLANE_DEFAULTS, defaultKernel, GATEWAYS_DEFAULTS } from '../../config/defaults.js';
import { alone } from '../alone.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';

interface UnloadOptions {
  pinPath: string;
  routes: boolean;
}

/** A router may have left many thousand routes. */
const NAMED = 20;

export function registerUnload(program: Command, context: CliContext): void {
  program
    .command('unload')
    .description(
      'detach the XDP programs pinned there and remove their pins, and withdraw the routes, rules and nexthops of ours in this network namespace; works after a crash and without a configuration',
    )
    .option('--pin-path <directory>', 'where programs and maps are pinned', DATAPLANE_DEFAULTS.pin_path)
    .option('--no-routes', 'leave routes, rules and nexthops (protocol 68) where they are')
    .addHelpText('after', example('sudo detour unload'))
    .action(async ({ pinPath, routes }: UnloadOptions) => {
      const { pins, objects, elsewhere } = await alone('detour unload', pinPath, async () => {
        const { pinDirectories, unloadDataplane } = await import('../../dataplane/index.js');
        const { withdrawLeftovers } = await import('../../kernel/withdraw.js');
        const { withdrawEdges } = await import('../../kernel/edges/withdraw.js');
        return {
          pins: unloadDataplane(pinPath),
          objects: routes
            ? [...(await withdrawLeftovers(defaultKernel)), ...(await withdrawEdges(GATEWAYS_DEFAULTS.state_directory))]
            : [],
          elsewhere: pinDirectories(),
        };
      });
      context.out(pins.length === 0 ? `nothing of Detour's is at ${pinPath}` : `removed ${pins.join(', ')}`);
      for (const line of withdrawn(objects, routes)) context.out(line);
      for (const directory of elsewhere) {
        context.out(`there are programs at ${directory}, too: detour unload --pin-path ${directory}`);
      }
    });
}

function withdrawn(objects: readonly string[], asked: boolean): string[] {
  if (!asked) return [];
  if (objects.length === 0)
    return ['no routes, rules or nexthops of Detour (protocol 68) are in this network namespace'];
  const more = objects.length - NAMED;
  return [
    ...objects.slice(0, NAMED).map((name) => `removed ${name}`),
    ...(more > 0 ? [`removed ${more} more like these`] : []),
  ];
}
