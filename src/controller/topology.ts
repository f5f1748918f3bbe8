/**
 * Which device carries the XDP program for an interface, and what the data plane may do with it. Pure.
 * Whatever it cannot do is served by the stack, with a reason for status and doctor.
 */
import { VLAN_8021AD } from './ports.js';
import type { KernelLink, KernelView } from './ports.js';

export interface Placement {
  link: KernelLink;
  /** Device that carries the program; null: the stack serves this interface. */
  port: KernelLink | null;
  /** Outer and inner VLAN id, each with VLAN_8021AD where it applies; 0: none. */
  vlanId: number;
  innerVlanId: number;
  /** Takes redirected frames. */
  redirectOk: boolean;
  /** Why the stack serves it (entirely, or as egress); null: XDP does. */
  reason: string | null;
}

/** Devices made of other devices: an XDP program on them would see packets late or twice. */
const compoundKinds = new Set(['bridge', 'bond', 'team', 'openvswitch']);

function stack(link: KernelLink, reason: string): Placement {
  return { link, port: null, vlanId: 0, innerVlanId: 0, redirectOk: false, reason };
}

/** Why `link` itself cannot carry the program; null: it can. */
function unfit(link: KernelLink, view: Pick<KernelView, 'links'>): string | null {
  if (!link.ethernet) return `${link.name} has no Ethernet header (${link.kind ?? 'raw IP'}): forwarded by the stack`;
  if (link.kind !== null && compoundKinds.has(link.kind))
    return `${link.name} is a ${link.kind}: forwarded by the stack`;
  if (link.masterIfindex !== 0) {
    const master = view.links.get(link.masterIfindex)?.name ?? `ifindex ${link.masterIfindex}`;
    return `${link.name} belongs to ${master}: forwarded by the stack`;
  }
  return null;
}

/** Follows VLAN devices down to the port; at most two tags (QinQ). */
export function place(link: KernelLink, view: Pick<KernelView, 'links'>): Placement {
  const tags: number[] = [];
  let port = link;
  while (port.vlan) {
    tags.unshift(port.vlan.id | (port.vlan.protocol === '802.1ad' ? VLAN_8021AD : 0));
    const parent = view.links.get(port.vlan.parentIfindex);
    if (!parent)
      return stack(link, `the parent of ${port.name} is in another network namespace: forwarded by the stack`);
    if (tags.length === 2 && parent.vlan)
      return stack(link, `${link.name} has more than two VLAN tags: forwarded by the stack`);
    port = parent;
  }
  const reason = unfit(link, view) ?? unfit(port, view);
  if (reason !== null) return stack(link, reason);
  const redirectOk = port.xdpRedirectTarget !== false;
  return {
    link,
    port,
    vlanId: tags[0] ?? 0,
    innerVlanId: tags[1] ?? 0,
    redirectOk,
    reason: redirectOk
      ? null
      : `${port.name} takes no redirected frames (no ndo_xdp_xmit): packets to it go through the stack`,
  };
}
