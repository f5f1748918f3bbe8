/** The decision engine: a pure function of state, event and time. Imports nothing but itself and net/. */
export { initialState, type EngineState } from './state.js';
export { nextDeadlineUs, step } from './step.js';
export type { StepResult } from './conclude.js';
export { allDownViews, desired, groupViews, pathViews, type DesiredState } from './views.js';
export { formatUs } from './cause.js';
