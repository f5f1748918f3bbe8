/** `detour unload`: takes away what a crash, `keep_on_exit` or `detour load` left, without a configuration. */
import type { Command } from 'commander';
import { DATAPLANE_DEFAULTS, defaultKernel, GATEWAYS_DEFAULTS } from '../../config/defaults.js';
import { ConfigError, formatProblem, loadConfig } from '../../config/index.js';
import { alone } from '../alone.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';

interface UnloadOptions {
  config?: string;
  pinPath?: string;
  stateDirectory?: string;
  routes: boolean;
}

/** Where a controller leaves things that the kernel does not tell the place of. */
interface Places {
  pinPath: string;
  stateDirectory: string;
}

/** A router may have left many thousand routes. */
const NAMED = 20;

export function registerUnload(program: Command, context: CliContext): void {
  program
    .command('unload')
    .description(
      'detach the XDP programs pinned there and remove their pins, and withdraw the routes, rules and nexthops of ours in this network namespace; works after a crash and without a configuration',
    )
    .option('--config <file>', 'configuration that it ran with: says where pins and state are')
    .option('--pin-path <directory>', `where programs and maps are pinned (${DATAPLANE_DEFAULTS.pin_path})`)
    .option(
      '--state-directory <directory>',
      `where settings found before gateway nodes were elected are kept (${GATEWAYS_DEFAULTS.state_directory})`,
    )
    .option('--no-routes', 'leave routes, rules and nexthops (protocol 68) where they are')
    .addHelpText('after', example('sudo detour unload', 'sudo detour unload --config /etc/detour.yaml'))
    .action(async ({ routes, ...options }: UnloadOptions) => {
      const { pinPath, stateDirectory } = placesOf(options, context);
      const { pins, objects, elsewhere } = await alone('detour unload', pinPath, async () => {
        const { pinDirectories, unloadDataplane } = await import('../../dataplane/index.js');
        const { withdrawLeftovers } = await import('../../kernel/withdraw.js');
        const { withdrawEdges } = await import('../../kernel/edges/withdraw.js');
        return {
          pins: unloadDataplane(pinPath),
          objects: routes
            ? [...(await withdrawLeftovers(defaultKernel)), ...(await withdrawEdges(stateDirectory))]
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

/** @throws DetourError CONFIG_INVALID (its problems are printed first), CONFIG_UNREADABLE */
function placesOf({ config, pinPath, stateDirectory }: Omit<UnloadOptions, 'routes'>, context: CliContext): Places {
  const configured = config === undefined ? null : configuredPlaces(config, context);
  return {
    pinPath: pinPath ?? configured?.pinPath ?? DATAPLANE_DEFAULTS.pin_path,
    stateDirectory: stateDirectory ?? configured?.stateDirectory ?? GATEWAYS_DEFAULTS.state_directory,
  };
}

function configuredPlaces(file: string, context: CliContext): Partial<Places> {
  try {
    const { dataplane, gateways } = loadConfig(file).config;
    return { pinPath: dataplane.pinPath, ...(gateways && { stateDirectory: gateways.stateDirectory }) };
  } catch (error) {
    if (error instanceof ConfigError) for (const problem of error.problems) context.err(formatProblem(problem));
    throw error;
  }
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
