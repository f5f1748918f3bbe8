/** Interfaces whose packets the kernel, and so XDP too, does not forward: the commonest "ready, but nothing passes". */
import type { Config } from '../config/types.js';
import type { Family } from '../net/ip-address.js';
import type { KernelLink } from './ports.js';

const SYSCTL: Record<Family, string> = { 4: 'net.ipv4', 6: 'net.ipv6' };

/**
 * One sentence with a remedy for each configured interface and family.
 * @param inUse families to look at; those that some uplink has a source address and a gateway for, where that is known
 */
export function forwardingOff(
  config: Config,
  links: Iterable<KernelLink>,
  inUse: readonly Family[] = [4, 6],
): string[] {
  const names = new Set([...config.uplinks, ...config.interfaces].map((entry) => nameOf(entry)));
  const carried = inUse.filter((family) => config.uplinks.some((u) => u.gateways[family] !== undefined));
  return [...links]
    .filter((link) => names.has(link.name))
    .flatMap((link) =>
      carried
        .filter((family) => !link.forwarding[family])
        .map(
          (family) =>
            `${link.name}: IPv${family} forwarding is off, packets that come in by it are not forwarded: ` +
            `sysctl -w ${SYSCTL[family]}.conf.${link.name.replaceAll('.', '/')}.forwarding=1`,
        ),
    );
}

function nameOf(entry: Config['uplinks'][number] | Config['interfaces'][number]): string {
  return 'interface' in entry ? entry.interface : entry.name;
}
