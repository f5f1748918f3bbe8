/** The configuration: file in, checked values out. */
export { checkInterfaces } from './check-interfaces.js';
export { describeDiff, diffConfigs, type ConfigDiff, type NamedDiff } from './diff.js';
export { loadConfig, parseConfig, type LoadedConfig, type Positions } from './load.js';
export { ConfigError, formatProblem, type ConfigProblem } from './problem.js';
export type * from './types.js';
