/** `detour routes`: the configured routes, and whether both planes have them. */
import type { Command } from 'commander';
import type { RouteResource } from '../../api/resources/route.js';
import { addClientOptions, clientFrom, type ClientOptions } from '../client-options.js';
import type { ApiClient } from '../client.js';
import type { CliContext } from '../context.js';
import { example } from '../help.js';

const PAGE = 10_000;

interface RoutesOptions extends ClientOptions {
  json?: true;
  problems?: true;
}

export function registerRoutes(program: Command, context: CliContext): void {
  addClientOptions(program.command('routes'))
    .description('list the configured routes and whether the data plane and the kernel have them')
    .option('--problems', 'only those with a problem')
    .option('--json', 'print them as JSON')
    .addHelpText('after', example('detour routes', 'detour routes --problems'))
    .action(async (options: RoutesOptions) => {
      const all = await readRoutes(clientFrom(options));
      const routes = options.problems ? all.filter((route) => route.problem !== null) : all;
      if (options.json) return context.out(JSON.stringify({ routes }, null, 2));
      if (options.problems && all.length > 0 && routes.length === 0) return context.out('no route has a problem');
      const { renderRoutes } = await import('../views/routes.js');
      const view = { width: context.width(), color: context.color };
      renderRoutes(routes, view).forEach((line) => context.out(line));
    });
}

async function readRoutes(client: ApiClient): Promise<RouteResource[]> {
  const routes: RouteResource[] = [];
  let offset: number | null = 0;
  while (offset !== null) {
    const page: { routes: RouteResource[]; next: number | null } = await client.get(
      `/v1/routes?limit=${PAGE}&offset=${offset}`,
    );
    for (const route of page.routes) routes.push(route);
    offset = page.next;
  }
  return routes;
}
