/** One uplink of the demo's configurations, as a person would write it. */
import { FAR_TARGETS_IPV4, FAR_TARGETS_IPV6, gatewayIpv4, gatewayIpv6, uplinkInterface } from './topology.js';

/**
 * Written by hand, not by a serialiser: it is printed for the reader.
 * @param index of the gateway that it leads to
 * @param targetsPerFamily addresses beyond it that are asked, at most three
 */
export function uplinkSection(name: string, index: number, targetsPerFamily = FAR_TARGETS_IPV4.length): string {
  const targets = [
    ...FAR_TARGETS_IPV4.slice(0, targetsPerFamily),
    ...FAR_TARGETS_IPV6.slice(0, targetsPerFamily).map((address) => `"${address}"`),
  ].join(', ');
  return `  ${name}:
    interface: ${uplinkInterface(index)}
    gateway: {ipv4: ${gatewayIpv4(index)}, ipv6: "${gatewayIpv6(index)}"}
    hold_down_ms: 500
    damping: {enabled: false}   # the demo breaks things more often than a line does
    probes:
      - type: icmp
        targets: [${targets}]
        interval_ms: 20
        fail_after: 3
`;
}
