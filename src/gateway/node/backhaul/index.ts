/** The node's own way out, watched by asking targets beyond it. */
export { openBackhaul } from './monitor.js';
export type { BackhaulMonitor, BackhaulTarget } from './types.js';
