/** The router's pure machine: docs/gateway-protocol.md, section 6. */
export { initialRouter, type RouterStart, type RouterState } from './machine/state.js';
export { nextDeadlineUs, step, type RouterStep } from './machine/step.js';
export { nodeViews } from './machine/views.js';
