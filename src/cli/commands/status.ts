/** `detour status`: everything that matters on one screen, once or redrawn each second. */
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { addClientOptions, clientFrom, type ClientOptions } from '../client-options.js';
import { endingOf } from '../exit.js';
import { example } from '../help.js';
import type { ApiClient } from '../client.js';
import type { EarlierSnapshot, StatusSnapshot } from '../views/status.js';

const EVERY_MS = 1000;

interface StatusOptions extends ClientOptions {
  watch?: true;
  json?: true;
}

export function registerStatus(program: Command, context: CliContext): void {
  addClientOptions(program.command('status'))
    .description('show the uplinks, what carries traffic, and what is wrong')
    .option('-w, --watch', 'redraw each second until Ctrl-C; traffic as a rate')
    .option('--json', 'print health, uplinks, groups and interfaces as JSON')
    .addHelpText(
      'after',
      `${example('detour status', 'detour status --watch', 'detour status --json | jq .health.status')}

Loss, latency and jitter are those of the best target of a path. SENT counts what
XDP sent; the stack's packets are not in it. "down*": still in use, for the reason
given below the table. The exit code is 0 whatever the state is: use --json, or
GET /v1/health, to act on it.`,
    )
    .action(async (options: StatusOptions) => {
      const client = clientFrom(options);
      if (options.watch) return watchStatus(client, context, options.json === true);
      const snapshot = await readSnapshot(client);
      if (options.json) return context.out(JSON.stringify(snapshot, null, 2));
      const { renderStatus } = await import('../views/status.js');
      renderStatus(snapshot, { width: context.width(), color: context.color }).forEach((line) => context.out(line));
    });
}

async function readSnapshot(client: ApiClient): Promise<StatusSnapshot> {
  const [health, { uplinks }, { groups }, { interfaces }] = await Promise.all([
    client.get<StatusSnapshot['health']>('/v1/health'),
    client.get<Pick<StatusSnapshot, 'uplinks'>>('/v1/uplinks'),
    client.get<Pick<StatusSnapshot, 'groups'>>('/v1/groups'),
    client.get<Pick<StatusSnapshot, 'interfaces'>>('/v1/interfaces'),
  ]);
  return { health, uplinks, groups, interfaces };
}

async function watchStatus(client: ApiClient, context: CliContext, json: boolean): Promise<void> {
  const [{ renderStatus }, { interruption, pause }, { terminalScreen, watch }] = await Promise.all([
    import('../views/status.js'),
    import('../interrupt.js'),
    import('../watch.js'),
  ]);
  const { signal, dispose } = interruption();
  let last: { snapshot: StatusSnapshot; atMs: number } | null = null;
  const read = async (): Promise<{ snapshot: StatusSnapshot; earlier: EarlierSnapshot | null }> => {
    const snapshot = await readSnapshot(client);
    const atMs = performance.now();
    const earlier = last === null ? null : { snapshot: last.snapshot, elapsedMs: atMs - last.atMs };
    last = { snapshot, atMs };
    return { snapshot, earlier };
  };
  try {
    // A controller that is not there at the start is an error; one that goes away meanwhile is news.
    const first = await read();
    if (json || context.width() === Infinity) {
      // No terminal: nothing to redraw, one snapshot after another.
      for (let now = first; !signal.aborted; now = await read()) {
        if (json) context.out(JSON.stringify(now.snapshot));
        else
          renderStatus(now.snapshot, { width: Infinity, color: false }, now.earlier).forEach((line) =>
            context.out(line),
          );
        if (!json) context.out('');
        await pause(EVERY_MS, signal);
        if (signal.aborted) return;
      }
      return;
    }
    const draw = async (): Promise<string[]> => {
      const options = { width: context.width(), color: context.color };
      try {
        const { snapshot, earlier } = await read();
        return renderStatus(snapshot, options, earlier);
      } catch (error) {
        return [endingOf(error).line ?? '', '', `tried again each second; Ctrl-C ends`];
      }
    };
    await watch(draw, { screen: terminalScreen, everyMs: EVERY_MS, signal });
  } finally {
    dispose();
  }
}
