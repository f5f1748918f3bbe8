/** The two YAML files of the second act: what a person with one line and a phone would write. */
import {
  FAR_TARGETS_IPV4,
  FAR_TARGETS_IPV6,
  LAN_INTERFACE,
  NODE_CELL_INTERFACE,
  NODE_LAN_INTERFACE,
} from './topology.js';
import { uplinkSection } from './uplink-section.js';

export interface RescueConfigOptions {
  socket: string;
  pinPath: string;
  stateDirectory: string;
  /** Configured uplinks: `line`, `line2`, ... */
  uplinks: number;
  /** Where nodes are listened to. */
  interfaces: readonly string[];
  standby?: 'cold' | 'warm';
  wayBack?: 'router' | 'direct';
  /** Lines added below `gateways:`, indented by two. */
  extra?: string;
}

export const lineName = (index: number): string => (index === 0 ? 'line' : `line${index + 1}`);

/** Written by hand, not by a serialiser: it is printed for the reader. */
export function rescueConfig({
  socket,
  pinPath,
  stateDirectory,
  uplinks,
  interfaces,
  standby = 'cold',
  wayBack = 'router',
  extra = '',
}: RescueConfigOptions): string {
  const sections = Array.from({ length: uplinks }, (_, index) => uplinkSection(lineName(index), index));
  const others = [LAN_INTERFACE, ...interfaces.filter((name) => name !== LAN_INTERFACE)];
  return `uplinks:
${sections.join('')}interfaces: [${others.join(', ')}]
gateways:
  interfaces: [${interfaces.join(', ')}]
  standby: ${standby}
  way_back: ${wayBack}
  state_directory: ${stateDirectory}
${extra}dataplane: {pin_path: ${pinPath}}
api: {socket: ${socket}}
`;
}

export interface RescueNodeConfigOptions {
  name: string;
  stateDirectory: string;
  extra?: string;
}

export function rescueNodeConfig({ name, stateDirectory, extra = '' }: RescueNodeConfigOptions): string {
  const targets = [FAR_TARGETS_IPV4[0], `"${FAR_TARGETS_IPV6[0]}"`].join(', ');
  return `name: ${name}
interfaces: [${NODE_LAN_INTERFACE}]
backhaul: {interface: ${NODE_CELL_INTERFACE}, targets: [${targets}]}
cost: {metered: true}
state_directory: ${stateDirectory}
${extra}`;
}
