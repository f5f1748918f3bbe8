/** Arming: what a node changes on its machine while it is elected, and puts back. */
export { openArming } from './arming.js';
export type { ArmingPlan } from './types.js';
