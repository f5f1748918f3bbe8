/**
 * Wiring and signals only: builds the adapters, hands them to the controller, serves the API, and takes it all down.
 * What is decided and what is written is elsewhere.
 */
import { setPriority } from 'node:os';
import { listen } from './api/listen.js';
import type { ApiListeners } from './api/listen.js';
import { checkInterfaces, ConfigError, describeDiff, diffConfigs, loadConfig } from './config/index.js';
import type { LoadedConfig } from './config/index.js';
import { Controller } from './controller/controller.js';
import type { Planes } from './controller/controller.js';
import { LateService } from './controller/late-service.js';
import { LiveService } from './controller/live-service.js';
import type { KernelFib } from './controller/ports.js';
import { openDataplane } from './dataplane/index.js';
import { DetourError } from './errors.js';
import { createTelemetry } from './health/index.js';
import { createKernelFib } from './kernel/index.js';
import { native } from './native.js';
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
}

/** Things to close, in reverse order of opening, also after a failure half-way. */
class Closing {
  readonly #steps: { name: string; close: () => Promise<void> }[] = [];
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  add(name: string, close: () => Promise<void>): void {
    this.#steps.push({ name, close });
  }

  async all(): Promise<void> {
    for (const { name, close } of this.#steps.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        this.#log('error', `closing ${name}: ${messageOf(error)}`);
      }
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Of the thread that decides: the news of a dead link shall not wait behind other work of the machine. */
const NICE = -15;

function raisePriority(log: Log): void {
  try {
    setPriority(NICE);
  } catch (error) {
    log('debug', `running at ordinary priority: ${messageOf(error)}`);
  }
}

function requireRoot(what: string): void {
  if (process.geteuid?.() !== 0) throw new DetourError('NOT_PERMITTED', { what });
}

function requireInterfaces(loaded: LoadedConfig, fib: KernelFib): void {
  const present = [...fib.view().links.values()].map((link) => link.name);
  const problems = checkInterfaces(loaded.config, loaded.positions, present);
  if (problems.length > 0) throw new ConfigError(loaded.positions.file, problems);
}

/** Resolves after a clean end. Nothing is attached, written or listened on before the configuration is found right. */
export async function run(options: RunOptions): Promise<void> {
  const loaded = loadConfig(options.configFile);
  requireRoot('detour run');
  const { config } = loaded;
  const log: Log = (level, text) => {
    if (rank[level] >= rank[config.log.level]) options.log(level, text);
  };
  const closing = new Closing(log);
  raisePriority(log);
  try {
    const fib = await createKernelFib(config.kernel);
    const closeFib = (): Promise<void> => fib.close({ keep: true });
    closing.add('netlink', closeFib);
    requireInterfaces(loaded, fib);
    const service = new LateService();
    // The socket first: whoever holds it is the one controller of this machine.
    const api = await listen(service, config.api, {
      version: options.version,
      onFault: (error) => log('error', `api: ${messageOf(error)}`),
    });
    closing.add('api', () => api.close());
    const controller = startController(loaded, fib, closing, log);
    const live = new LiveService(controller);
    service.attach(live);
    let reloadWanted = false;
    let reloadNow = (): void => void (reloadWanted = true);
    // From the beginning: without a handler, a reload that comes during the start would end the process.
    options.onReload(() => reloadNow());
    await controller.start();
    announce(log, api, controller);
    for (const problem of live.health().problems) log('warn', problem);
    reloadNow = () => reload(options.configFile, controller, fib, log);
    if (reloadWanted) reloadNow();
    log('info', `ending: ${await options.untilStopped}`);
  } finally {
    await closing.all();
  }
}

const rank: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

function startController({ config }: LoadedConfig, fib: KernelFib, closing: Closing, log: Log): Controller {
  const plane = openDataplane(config.dataplane);
  closing.add('data plane', () => plane.close({ keep: true }));
  for (const note of plane.notes) log('info', note);
  const telemetry = createTelemetry({ native, replies: plane.replies, clock: systemClock, random: Math.random });
  closing.add('telemetry', () => telemetry.close());
  const planes: Planes = { plane, fib, telemetry, clock: systemClock };
  const controller = new Controller(config, planes, { log });
  // Closes the planes, too, and withdraws what they wrote unless keep_on_exit.
  closing.add('controller', () => controller.close());
  return controller;
}

function announce(log: Log, api: ApiListeners, controller: Controller): void {
  for (const port of controller.ports) {
    const mode = port.xdp === 'none' ? 'no XDP, forwarded by the stack' : `XDP in ${port.xdp} mode`;
    log(
      port.xdp === 'native' ? 'info' : 'warn',
      `${port.name}: ${mode}${port.reason === null ? '' : ` (${port.reason})`}`,
    );
  }
  const mode = controller.config.mode === 'observe' ? 'observing only: nothing is changed' : 'forwarding';
  log('info', `ready, ${mode}; API at ${api.addresses.join(', ') || 'nowhere'}`);
}

/** A file that is wrong changes nothing: the running configuration stays. */
function reload(file: string, controller: Controller, fib: KernelFib, log: Log): void {
  try {
    const loaded = loadConfig(file);
    requireInterfaces(loaded, fib);
    const diff = diffConfigs(controller.config, loaded.config);
    controller.reconfigure(loaded.config);
    log('info', `reloaded ${file}: ${describeDiff(diff).join('; ')}`);
  } catch (error) {
    const problems = error instanceof ConfigError ? error.problems.map((p) => `${p.file}:${p.line}: ${p.message}`) : [];
    log('error', `not reloaded, the running configuration stays: ${[messageOf(error), ...problems].join('; ')}`);
  }
}
