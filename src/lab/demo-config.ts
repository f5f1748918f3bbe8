/** The YAML that the demo gives to the controller: what a person with two uplinks would write. */
import { LAN_INTERFACE } from './topology.js';
import { uplinkSection } from './uplink-section.js';

export interface DemoConfigOptions {
  socket: string;
  pinPath: string;
  uplinks?: string[];
  /** Of each probe, in each family, at most three; default: all three. */
  targetsPerFamily?: number;
  /** Lines added at the end, for tests. */
  extra?: string;
}

/** Written by hand, not by a serialiser: it is printed for the reader. */
export function demoConfig({
  socket,
  pinPath,
  uplinks = ['primary', 'backup'],
  targetsPerFamily,
  extra = '',
}: DemoConfigOptions): string {
  const sections = uplinks.map((name, index) => uplinkSection(name, index, targetsPerFamily));
  return `uplinks:
${sections.join('')}interfaces: [${LAN_INTERFACE}]
dataplane: {pin_path: ${pinPath}}
api: {socket: ${socket}}
${extra}`;
}
