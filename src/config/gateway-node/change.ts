/** What another configuration file means for an agent that runs. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { GatewayNodeConfig } from './types.js';

type Field = Exclude<keyof GatewayNodeConfig, 'version'>;

/** As the file calls them. */
const KEYS: Record<Field, string> = {
  name: 'name',
  interfaces: 'interfaces',
  backhaul: 'backhaul',
  capacity: 'capacity',
  cost: 'cost',
  minimumBatteryPercent: 'battery.minimum_percent',
  slots: 'slots',
  routedPrefixes: 'ipv6.routed_prefixes',
  advertiseIntervalMs: 'advertise_interval_ms',
  advertiseFamily: 'advertise_family',
  maximumLeaseMs: 'maximum_lease_ms',
  stateDirectory: 'state_directory',
  log: 'log',
};

/** The agent's locks and keys are in the one; sockets are opened with the other. */
const FIXED: readonly Field[] = ['stateDirectory', 'advertiseFamily'];

export interface NodeChange {
  /** `wanted`, but for what needs a restart. */
  config: GatewayNodeConfig;
  /** Keys that mean something else from now on. */
  changed: string[];
  /** Keys that will after a restart. */
  restart: string[];
}

export function changeNode(running: GatewayNodeConfig, wanted: GatewayNodeConfig): NodeChange {
  const different = (Object.keys(KEYS) as Field[]).filter((field) => !isDeepStrictEqual(running[field], wanted[field]));
  const isFixed = (field: Field): boolean => FIXED.includes(field);
  const { stateDirectory, advertiseFamily } = running;
  return {
    config: { ...wanted, stateDirectory, advertiseFamily },
    changed: different.filter((field) => !isFixed(field)).map((field) => KEYS[field]),
    restart: different.filter(isFixed).map((field) => KEYS[field]),
  };
}
