/** What is allowed in a configuration but probably not meant. Pure; for `check` and `doctor`. */
import type { Config, ProbeConfig, UplinkConfig } from '../config/types.js';

export function configNotes(config: Config): string[] {
  const members = new Set(config.groups.flatMap((group) => group.tiers.flat().map((member) => member.uplink)));
  const used = new Set(config.routes.flatMap(({ target }) => (target.kind === 'group' ? [target.group] : [])));
  return [
    ...config.uplinks.filter(watchesOnlyGateway).map((uplink) => onlyGatewayNote(uplink)),
    ...config.uplinks
      .filter((uplink) => !members.has(uplink.name))
      .map((uplink) => `uplink ${uplink.name} is in no group: it is probed, but carries nothing`),
    ...config.groups.filter((group) => !used.has(group.name)).map((group) => `group ${group.name} has no route`),
    ...(config.interfaces.length === 0
      ? ['"interfaces" is empty: packets from the LAN are forwarded by the stack, not by XDP']
      : []),
  ];
}

/** No probe looks beyond the gateway: a provider's outage behind it stays unseen. */
function watchesOnlyGateway(uplink: UplinkConfig): boolean {
  const beyond = (probe: ProbeConfig): boolean =>
    probe.type !== 'icmp' || probe.targets.some((target) => target !== 'gateway');
  return !uplink.probes.some(beyond);
}

function onlyGatewayNote(uplink: UplinkConfig): string {
  return uplink.probes.length === 0
    ? `uplink ${uplink.name} has no probe: only its link, address and gateway's MAC are watched, not the path behind`
    : `uplink ${uplink.name} is probed only up to its gateway: a failure behind it stays unseen`;
}
