/** The node's configuration as the commands find it: the file that is named, the usual one, or none at all. */
import { existsSync } from 'node:fs';
import { formatProblem, ConfigError } from '../config/index.js';
import { changeNode, defaultNodeConfig, loadNodeConfig, NODE_CONFIG_FILE } from '../config/gateway-node/index.js';
import type { GatewayNodeConfig } from '../config/gateway-node/index.js';
import { messageOf } from '../errors.js';
import type { Log } from '../gateway/node/agent/index.js';
import type { CliContext } from './context.js';

export interface NodeConfigOptions {
  /** What the command line names; undefined: it names none. */
  file: string | undefined;
  /** Of the command line: instead of what the file says, whatever that is later. */
  interfaces: string[] | undefined;
}

export class NodeConfigSource {
  readonly #interfaces: string[] | undefined;
  /** null: there is none (yet). */
  #file: string | null;

  constructor({ file, interfaces }: NodeConfigOptions) {
    this.#file = file ?? null;
    this.#interfaces = interfaces;
  }

  /** @throws DetourError CONFIG_INVALID (its problems are printed first), CONFIG_UNREADABLE */
  read(context: CliContext): GatewayNodeConfig {
    try {
      return this.#read();
    } catch (error) {
      if (error instanceof ConfigError) for (const problem of error.problems) context.err(formatProblem(problem));
      throw error;
    }
  }

  /** What the file says by now. One that is wrong, or has gone, changes nothing: the log says why. */
  again(running: GatewayNodeConfig, log: Log): GatewayNodeConfig {
    try {
      const { config, changed, restart } = changeNode(running, this.#read());
      log('info', `reloaded ${this.#file ?? 'no file'}: ${changed.join(', ') || 'nothing has changed'}`);
      if (restart.length > 0) log('warn', `${restart.join(', ')}: as before until a restart`);
      return config;
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems.map(formatProblem) : [];
      log('error', `not reloaded, the running configuration stays: ${[messageOf(error), ...problems].join('; ')}`);
      return running;
    }
  }

  /** A usual file that is made later is found then; one that was read and has gone is missed. */
  #read(): GatewayNodeConfig {
    this.#file ??= existsSync(NODE_CONFIG_FILE) ? NODE_CONFIG_FILE : null;
    const config = this.#file === null ? defaultNodeConfig() : loadNodeConfig(this.#file);
    return this.#interfaces ? { ...config, interfaces: this.#interfaces } : config;
  }
}
