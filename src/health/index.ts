/** Health: probes of every kind by their own path. Implements TelemetrySource of controller/ports.ts. */
export { type TelemetryOptions, createTelemetry } from './telemetry.js';
export { type ProbeTarget, targetsOf } from '../config/target-key.js';
