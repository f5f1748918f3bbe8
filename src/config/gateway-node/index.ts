/** Configuration of `detour gateway run`: file in, checked values out. */
export { NODE_CONFIG_FILE } from './defaults.js';
export { changeNode, type NodeChange } from './change.js';
export { defaultNodeConfig, loadNodeConfig, parseNodeConfig } from './load.js';
export type * from './types.js';
