/** `detour gateway run`: the node agent in the foreground, until SIGTERM or SIGINT; SIGHUP reloads its configuration. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { GatewayNodeConfig } from '../../config/gateway-node/index.js';
import type { Log, LogLevel, RunningNode } from '../../gateway/node/agent/index.js';
import type { CliContext } from '../context.js';
import { endAnyway, reloading, stopSignal, tellSystemd } from '../foreground.js';
import { example } from '../help.js';
import type { NodeConfigSource } from '../node-config.js';

interface RunOptions {
  interface?: string[];
  dryRun?: true;
}

export function registerGatewayRun(group: Command, context: CliContext): void {
  group
    .command('run')
    .description(
      "offer this machine's way to the network to paired routers, and serve when elected; SIGHUP reloads, SIGTERM ends",
    )
    .argument('[config]', 'configuration file (YAML); without it /etc/detour/gateway.yaml, or defaults')
    .option('--interface <name>', 'where routers are, instead of what the file says; may be repeated', interfaceName)
    .option('--dry-run', 'print what would be changed for an elected node, and change nothing')
    .addHelpText(
      'after',
      example(
        'sudo detour gateway run',
        'sudo detour gateway run --interface wlan0',
        'sudo detour gateway run --dry-run',
        'sudo systemctl reload detour-gateway    # or SIGHUP to the process: reads the file again',
      ),
    )
    .action(async (file: string | undefined, options: RunOptions) => {
      const { NodeConfigSource } = await import('../node-config.js');
      const source = new NodeConfigSource({ file, interfaces: options.interface });
      const config = source.read(context);
      if (options.dryRun) return dryRun(config, context);
      try {
        await run(config, source, context);
      } finally {
        endAnyway();
      }
    });
}

function interfaceName(name: string, before: string[] = []): string[] {
  if (!/^[^/:\s]{1,15}$/.test(name)) throw new InvalidArgumentError('an interface name has 1 to 15 characters.');
  return [...before, name];
}

async function dryRun(config: GatewayNodeConfig, context: CliContext): Promise<void> {
  const { requireNetAdmin } = await import('../../privileges.js');
  // The owner's firewall is among what is looked at.
  requireNetAdmin('reading the rules of this machine');
  const { showPlan } = await import('../../gateway/node/agent/index.js');
  const { systemClock } = await import('../../system-clock.js');
  for (const line of await showPlan(config, systemClock)) context.out(line);
}

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

async function run(atStart: GatewayNodeConfig, source: NodeConfigSource, context: CliContext): Promise<void> {
  let config = atStart;
  let node: RunningNode | null = null;
  const onTerminal = context.width() !== Infinity;
  const reloads = reloading(() => {
    config = source.again(config, log);
    node?.configure(config);
  });
  // A terminal that is closed sends SIGHUP, too: nobody is left to see what goes on.
  const untilStopped = stopSignal(onTerminal ? ['SIGTERM', 'SIGINT', 'SIGHUP'] : ['SIGTERM', 'SIGINT']);
  if (!onTerminal) process.on('SIGHUP', reloads.request);
  const { requireNetAdmin } = await import('../../privileges.js');
  requireNetAdmin('serving as a gateway');
  const [{ hostname }, { runNode, statusFileOf }, { NODE_DEFAULTS }, { systemClock }, view, { statusLine }] =
    await Promise.all([
      import('node:os'),
      import('../../gateway/node/agent/index.js'),
      import('../../config/gateway-node/defaults.js'),
      import('../../system-clock.js'),
      import('../views/node-status.js'),
      import('../status-line.js'),
    ]);
  const line = onTerminal
    ? statusLine({ write: (text) => process.stdout.write(text), width: () => context.width() })
    : null;
  const write = (text: string): void => (line ? line.above(text) : context.err(text));
  const log: Log = (level, text) => {
    if (RANK[level] >= RANK[config.log.level]) write(`${new Date().toISOString()} ${level} ${text}`);
  };
  try {
    await runNode({
      config,
      statusFile: statusFileOf(config.stateDirectory, NODE_DEFAULTS.state_directory),
      hostname: hostname(),
      clock: systemClock,
      log,
      untilStopped,
      onReady: () => void tellSystemd(log),
      onStarted: (running) => {
        node = running;
        line?.show(() => view.statusLine(running.status(), Date.now()));
        reloads.begin();
      },
    });
  } finally {
    line?.close();
  }
}
