/**
 * The node's side as a pure machine: `step(state, event, nowUs) -> { state, actions }`. docs/gateway-protocol.md,
 * section 5. Vocabulary: types.ts. The shell executes the actions in their order and sends a `tick` at the latest when
 * `nextDeadlineUs` says.
 */
export { NOT_CHECKED } from './machine/obstacles.js';
export { initialNode, type NodeState } from './machine/state.js';
export { nextDeadlineUs, step, type StepResult } from './machine/step.js';
export { isStopped, leaseViews } from './machine/views.js';
