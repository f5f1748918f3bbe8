/** The node agent. */
export { NodeAgent, type AgentOptions } from './agent.js';
export { runNode, type RunningNode, type RunNodeOptions } from './open.js';
export type { Log, LogLevel } from '../../log.js';
export { showPlan } from './plan.js';
export { readStatusFile, statusFileOf } from './status-file.js';
export type { AgentState, AgentStatus, LeaseStatus } from './status.js';
