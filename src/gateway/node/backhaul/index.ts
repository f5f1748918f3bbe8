export { openBackhaul } from './monitor.js';
export type { BackhaulMonitor, BackhaulOptions, BackhaulTarget } from './types.js';
