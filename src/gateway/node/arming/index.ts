export { openArming } from './arming.js';
export type { Arming, ArmingOptions, ArmingPlan, BackhaulInterfaces, RouteChange, SysctlChange } from './types.js';
