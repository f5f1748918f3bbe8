import type { Config } from '../config/types.js';

/** Pins, tables and listeners were made once: what names them stays as it was until a restart. */
export function withWhatIsFixed(wanted: Config, running: Config): Config {
  const kernel = { ...running.kernel, keepOnExit: wanted.kernel.keepOnExit };
  const { gateways: now } = running;
  // Whether the protocol is spoken, and with which keys, was settled when the controller was made.
  const gateways = now && wanted.gateways ? { ...wanted.gateways, stateDirectory: now.stateDirectory } : now;
  return { ...wanted, kernel, gateways, dataplane: running.dataplane, api: running.api };
}
