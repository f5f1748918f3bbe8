/** Options of the commands that read and write keys: in which directory those are. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { GATEWAYS_DEFAULTS } from '../config/defaults.js';
import { ConfigError, formatProblem, loadConfig } from '../config/index.js';
import { DetourError } from '../errors.js';
import type { CliContext } from './context.js';

export interface StateOptions {
  config?: string;
  stateDirectory?: string;
}

/** Which program has the keys: the controller on a router, the agent on a node. Each has a configuration of its own. */
export type KeyHolder = 'router' | 'node';

export function addStateOptions(command: Command, holder: KeyHolder): Command {
  const file = holder === 'router' ? 'configuration of the controller' : 'configuration of the agent';
  const field = holder === 'router' ? 'gateways.state_directory' : 'state_directory';
  return command
    .option('--config <file>', `${file}: keys are in its ${field}`)
    .option('--state-directory <directory>', `where keys are, without --config (${GATEWAYS_DEFAULTS.state_directory})`);
}

/** What is wrong with a configuration is printed. @throws DetourError USAGE, GATEWAYS_OFF, CONFIG_INVALID, CONFIG_UNREADABLE */
export async function stateDirectoryOf(options: StateOptions, holder: KeyHolder, context: CliContext): Promise<string> {
  try {
    return await chosenDirectory(options, holder);
  } catch (error) {
    if (error instanceof ConfigError) for (const problem of error.problems) context.err(formatProblem(problem));
    throw error;
  }
}

async function chosenDirectory(options: StateOptions, holder: KeyHolder): Promise<string> {
  const { config, stateDirectory } = options;
  if (config !== undefined && stateDirectory !== undefined) {
    throw new DetourError('USAGE', { reason: '--config and --state-directory exclude each other: give one of them' });
  }
  if (stateDirectory !== undefined) return stateDirectory;
  if (holder === 'router') {
    if (config === undefined) return GATEWAYS_DEFAULTS.state_directory;
    const { gateways } = loadConfig(config).config;
    if (gateways === null) throw new DetourError('GATEWAYS_OFF');
    return gateways.stateDirectory;
  }
  const { loadNodeConfig, NODE_CONFIG_FILE } = await import('../config/gateway-node/index.js');
  // The agent reads it, too, where it is not told another one.
  const file = config ?? (existsSync(NODE_CONFIG_FILE) ? NODE_CONFIG_FILE : null);
  return file === null ? GATEWAYS_DEFAULTS.state_directory : loadNodeConfig(file).stateDirectory;
}
