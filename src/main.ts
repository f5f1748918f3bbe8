/**
 * Wiring and signals only: builds the adapters, hands them to the controller, serves the API, and takes it all down.
 * What is decided and what is written is elsewhere.
 */
import { setPriority } from 'node:os';
import { listen } from './api/listen.js';
import type { ApiListeners } from './api/listen.js';
import { reloading } from './cli/foreground.js';
import { GATEWAYS_DEFAULTS } from './config/defaults.js';
import { checkInterfaces, ConfigError, describeDiff, diffConfigs, formatProblem, loadConfig } from './config/index.js';
import type { Config, LoadedConfig } from './config/index.js';
import { ailments } from './controller/ailments.js';
import { Controller } from './controller/controller.js';
import type { Planes } from './controller/controller.js';
import { unreachableUplinkGateways } from './controller/uplink-reach.js';
import { LateService } from './controller/late-service.js';
import { LiveService } from './controller/live-service.js';
import type { KernelFib } from './controller/ports.js';
import { openDataplane } from './dataplane/index.js';
import { openGatewayChannel } from './gateway/router/index.js';
import { createTelemetry } from './health/index.js';
import { DetourError, messageOf } from './errors.js';
import { lockInstance } from './instance-lock.js';
import { createGatewayEdges } from './kernel/edges/index.js';
import { createKernelFib } from './kernel/index.js';
import { native } from './native.js';
import { requireCapabilities } from './privileges.js';
import { systemClock } from './system-clock.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type Log = (level: LogLevel, text: string) => void;

export interface RunOptions {
  configFile: string;
  version: string;
  log: Log;
  /** Settles when the controller shall end; its value is told as the reason. */
  untilStopped: Promise<string>;
  /** Registers what a request to reload shall do (SIGHUP). */
  onReload: (reload: () => void) => void;
  /** Called once, when the first pass is through and the API answers. */
  onReady?: () => void;
}

/** Things to close, in reverse order of opening, also after a failure half-way. */
class Closing {
  readonly #steps: { name: string; close: () => void | Promise<void> }[] = [];
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  add(name: string, close: () => void | Promise<void>): void {
    this.#steps.push({ name, close });
  }

  /** Every step, whatever becomes of the ones before. @returns what failed, in words */
  async all(): Promise<string[]> {
    const failures: string[] = [];
    for (const { name, close } of this.#steps.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        const failure = `closing ${name} failed: ${messageOf(error)}`;
        this.#log('error', failure);
        failures.push(failure);
      }
    }
    return failures;
  }
}

/** Of the thread that decides: the news of a dead link shall not wait behind other work of the machine. */
const NICE = -15;

function raisePriority(log: Log): void {
  try {
    setPriority(NICE);
  } catch (error) {
    log('debug', `running at ordinary priority: ${messageOf(error)}`);
  }
}

/** @param running null at the start. What it has may be absent now: that refuses no reload. */
function requireInterfaces(loaded: LoadedConfig, fib: KernelFib, running: Config | null, log: Log): void {
  const present = [...fib.view().links.values()].map((link) => link.name);
  const { problems, notes } = checkInterfaces(loaded.config, loaded.positions, present, running);
  if (problems.length > 0) throw new ConfigError(loaded.positions.file, problems);
  for (const note of notes) log('warn', note);
  for (const { uplink, text } of unreachableUplinkGateways(loaded.config, fib.view()))
    log('warn', `${uplink}: gateway ${text}`);
}

/** What a stop makes of whatever is being waited for. */
class Stopped extends Error {}

/**
 * Resolves after a clean end. Nothing is attached, written or listened on before the configuration is found right.
 * @throws DetourError STOP_INCOMPLETE when it was stopped and something failed to close: what was written may be left
 */
export async function run(options: RunOptions): Promise<void> {
  const loaded = loadConfig(options.configFile);
  requireCapabilities('detour run');
  const { config } = loaded;
  let controller: Controller | null = null;
  const log: Log = (level, text) => {
    // A reload may have changed it.
    if (rank[level] >= rank[(controller?.config ?? config).log.level]) options.log(level, text);
  };
  const stopped = options.untilStopped.then((reason): never => {
    throw new Stopped(reason);
  });
  // It may come when nothing is waited for.
  stopped.catch(ignore);
  const orStopped = <T>(work: Promise<T>): Promise<T> => Promise.race([work, stopped]);
  const closing = new Closing(log);
  try {
    // Before anything is touched; released last.
    closing.add('lock', lockInstance(config.dataplane.pinPath));
    raisePriority(log);
    const opening = createKernelFib(config.kernel);
    // Also one that a stop did not wait for. Its failure is told by whoever waits.
    closing.add('netlink', () => opening.then((fib) => fib.close({ keep: true }), ignore));
    const fib = await orStopped(opening);
    requireInterfaces(loaded, fib, null, log);
    const service = new LateService();
    // Before the data plane: a socket that cannot be had must not cost a forwarding that an earlier run left in place.
    const api = await listen(service, config.api, {
      clock: systemClock,
      version: options.version,
      onFault: (error) => log('error', `api: ${messageOf(error)}`),
    });
    closing.add('api', () => api.close());
    controller = createController(loaded, fib, closing, log);
    service.attach(new LiveService(controller));
    const reloads = reloading(() => reload(options.configFile, controller!, fib, log));
    options.onReload(reloads.request);
    await orStopped(controller.start());
    announce(log, api, controller, service);
    options.onReady?.();
    reloads.begin();
    await stopped;
  } catch (error) {
    if (error instanceof Stopped) log('info', `ending: ${error.message}`);
    // What failed first is what is told; what then fails to close is in the log.
    const failures = await closing.all();
    if (!(error instanceof Stopped)) throw error;
    if (failures[0] !== undefined) throw new DetourError('STOP_INCOMPLETE', { problem: failures[0] });
    log('info', `ended: ${whatBecame(controller?.config ?? null)}`);
  }
}

/** Of what was written. @param config null: nothing had been written */
function whatBecame(config: Config | null): string {
  if (config === null) return 'nothing had been changed';
  const parts = config.mode === 'observe' ? 'programs and maps' : 'routes, rules, programs and maps';
  return config.kernel.keepOnExit ? `${parts} stay, as kernel.keep_on_exit says` : `${parts} are withdrawn`;
}

const ignore = (): void => undefined;

const rank: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

function createController({ config }: LoadedConfig, fib: KernelFib, closing: Closing, log: Log): Controller {
  const plane = openDataplane(config.dataplane);
  closing.add('data plane', () => plane.close({ keep: true }));
  for (const note of plane.notes) log('info', note);
  const telemetry = createTelemetry({ native, replies: plane.replies, clock: systemClock, random: Math.random });
  closing.add('telemetry', () => telemetry.close());
  const planes: Planes = { plane, fib, telemetry, clock: systemClock, ...openGateways(config, fib, closing, log) };
  const controller = new Controller(config, planes, { log });
  // Closes the planes, too, and withdraws what they wrote unless keep_on_exit.
  closing.add('controller', () => controller.close());
  return controller;
}

/**
 * What an earlier run made for gateway nodes is taken over, or taken away where the configuration has none (any more). A
 * disk that is full or read-only, or a file that is damaged, costs the nodes: not the uplinks that this machine has itself.
 */
function openGateways(
  { gateways }: Config,
  fib: KernelFib,
  closing: Closing,
  log: Log,
): Pick<Planes, 'gateways' | 'gatewaysFault' | 'edges'> {
  const stateDirectory = gateways?.stateDirectory ?? GATEWAYS_DEFAULTS.state_directory;
  const edges = createGatewayEdges({ stateDirectory, view: () => fib.view() });
  const withdrawEdges = (): void => {
    const removal = edges.close({ keep: false });
    closing.add('edges of an earlier run', () => removal);
    removal.catch((error: unknown) => log('warn', `edges of an earlier run: ${messageOf(error)}`));
  };
  if (!gateways) {
    withdrawEdges();
    return {};
  }
  try {
    const channel = openGatewayChannel({ config: gateways, native, clock: systemClock, log });
    // After a start that failed. Otherwise the controller has closed it by then, as keep_on_exit says.
    closing.add('gateway channel', () => channel.close({ keep: true }));
    return { gateways: channel, edges };
  } catch (error) {
    withdrawEdges();
    const gatewaysFault = `no gateway node is used until a restart: ${messageOf(error)}`;
    log('error', gatewaysFault);
    return { gatewaysFault };
  }
}

function announce(log: Log, api: ApiListeners, controller: Controller, service: LateService): void {
  for (const port of controller.ports) {
    const mode = port.xdp === 'none' ? "no XDP program of Detour's" : `XDP in ${port.xdp} mode`;
    log(
      port.xdp === 'native' ? 'info' : 'warn',
      `${port.name}: ${mode}${port.reason === null ? '' : ` (${port.reason})`}`,
    );
  }
  const mode =
    controller.config.mode === 'observe' ? 'observing only: no routes written, nothing forwarded' : 'forwarding';
  log('info', `ready, ${mode}; API at ${api.addresses.join(', ') || 'nowhere'}`);
  // Of paths and groups the events tell, and just now none is judged.
  const told = new Set(ailments({ groups: controller.groups(), paths: controller.paths() }));
  for (const problem of service.health().problems) if (!told.has(problem)) log('warn', problem);
}

/** A file that is wrong changes nothing: the running configuration stays. */
function reload(file: string, controller: Controller, fib: KernelFib, log: Log): void {
  try {
    const loaded = loadConfig(file);
    requireInterfaces(loaded, fib, controller.configured, log);
    const diff = diffConfigs(controller.configured, loaded.config);
    controller.reconfigure(loaded.config);
    controller.gatewayChannel?.reloadPairings();
    log('info', `reloaded ${file}: ${describeDiff(diff).join('; ') || 'nothing has changed'}`);
  } catch (error) {
    const problems = error instanceof ConfigError ? error.problems.map(formatProblem) : [];
    log('error', `not reloaded, the running configuration stays: ${[messageOf(error), ...problems].join('; ')}`);
  }
}
