/** The YAML that the demo gives to the controller: what a person with two uplinks would write. */
import {
  FAR_TARGETS_IPV4,
  FAR_TARGETS_IPV6,
  LAN_INTERFACE,
  gatewayIpv4,
  gatewayIpv6,
  uplinkInterface,
} from './topology.js';

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
  targetsPerFamily = FAR_TARGETS_IPV4.length,
  extra = '',
}: DemoConfigOptions): string {
  const targets = [
    ...FAR_TARGETS_IPV4.slice(0, targetsPerFamily),
    ...FAR_TARGETS_IPV6.slice(0, targetsPerFamily).map((address) => `"${address}"`),
  ].join(', ');
  const sections = uplinks.map(
    (name, index) => `  ${name}:
    interface: ${uplinkInterface(index)}
    gateway: {ipv4: ${gatewayIpv4(index)}, ipv6: "${gatewayIpv6(index)}"}
    hold_down_ms: 500
    damping: {enabled: false}   # the demo breaks things more often than a line does
    probes:
      - type: icmp
        targets: [${targets}]
        interval_ms: 20
        fail_after: 3
`,
  );
  return `uplinks:
${sections.join('')}interfaces: [${LAN_INTERFACE}]
dataplane: {pin_path: ${pinPath}}
api: {socket: ${socket}}
${extra}`;
}
