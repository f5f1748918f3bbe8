/** The node's configuration as the commands find it: the file that is named, the usual one, or none at all. */
import { existsSync } from 'node:fs';
import { formatProblem, ConfigError } from '../config/index.js';
import { defaultNodeConfig, loadNodeConfig, NODE_CONFIG_FILE } from '../config/gateway-node/index.js';
import type { GatewayNodeConfig } from '../config/gateway-node/index.js';
import type { CliContext } from './context.js';

/** @throws DetourError CONFIG_INVALID (its problems are printed first), CONFIG_UNREADABLE */
export function nodeConfigOf(file: string | undefined, context: CliContext): GatewayNodeConfig {
  const found = file ?? (existsSync(NODE_CONFIG_FILE) ? NODE_CONFIG_FILE : null);
  if (found === null) return defaultNodeConfig();
  try {
    return loadNodeConfig(found);
  } catch (error) {
    if (error instanceof ConfigError) for (const problem of error.problems) context.err(formatProblem(problem));
    throw error;
  }
}
