/** Puts a KernelLink together from its three sources: link messages, netconf, and the netdev family. */
import type { KernelLink } from '../../controller/ports.js';
import type { Family } from '../../net/ip-address.js';
import type { LinkRecord } from '../codec/link.js';
import { NETCONF_ALL, type NetconfRecord } from '../codec/netconf.js';
import type { XdpFeatures } from '../codec/netdev.js';
import type { Collection } from './collection.js';

export interface LinkSources {
  links: Collection<LinkRecord>;
  netconf: Record<Family, Collection<NetconfRecord>>;
  xdpFeatures: Collection<XdpFeatures>;
}

export function composeLinks({ links, netconf, xdpFeatures }: LinkSources): Map<number, KernelLink> {
  const all4 = netconf[4].get(String(NETCONF_ALL));
  const all6 = netconf[6].get(String(NETCONF_ALL));
  const composed = new Map<number, KernelLink>();
  for (const { operstate: _, ...link } of links.values()) {
    const key = String(link.ifindex);
    const own4 = netconf[4].get(key);
    const own6 = netconf[6].get(key);
    composed.set(link.ifindex, {
      ...link,
      forwarding: {
        4: own4?.forwarding === true,
        // ip6_forward() asks net.ipv6.conf.all.forwarding, bpf_fib_lookup() the interface's own: both must agree.
        6: own6?.forwarding === true && all6?.forwarding === true,
      },
      // Documentation/networking/ip-sysctl: the maximum of conf/{all,interface}/rp_filter is used.
      rpFilter: Math.max(own4?.rpFilter ?? 0, all4?.rpFilter ?? 0),
      xdpRedirectTarget: xdpFeatures.get(key)?.redirectTarget ?? null,
      xdpRedirectFragments: xdpFeatures.get(key)?.redirectFragments ?? null,
    });
  }
  return composed;
}

/** A notification names only what changed. */
export function mergeNetconf(before: NetconfRecord | undefined, now: NetconfRecord): NetconfRecord {
  return {
    ...now,
    forwarding: now.forwarding ?? before?.forwarding ?? null,
    rpFilter: now.rpFilter ?? before?.rpFilter ?? null,
  };
}
