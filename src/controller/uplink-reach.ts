/** Gateways of configured uplinks that their interface cannot reach: a mistyped address, most likely. Pure. */
import type { Config, UplinkConfig } from '../config/types.js';
import type { Family, IpAddress } from '../net/ip-address.js';
import { Prefix } from '../net/prefix.js';
import { hopsOf, linksByName } from './facts.js';
import { familiesOf } from './policy.js';
import type { KernelLink, KernelView } from './ports.js';

export interface UnreachableUplinkGateway {
  uplink: string;
  family: Family;
  /** "192.168.77.1 is in no network of wan1 (10.64.1.2/24)" */
  text: string;
}

/** Nothing is said of an interface without an address of the family: it is not up yet, or the cause says so. */
export function unreachableUplinkGateways(config: Config, view: KernelView): UnreachableUplinkGateway[] {
  const links = linksByName(view);
  return config.uplinks.flatMap((uplink) => {
    const link = links.get(uplink.interface);
    // Without Ethernet there is no neighbour to ask for: every gateway is at the other end.
    return link?.ethernet ? familiesOf(uplink).flatMap((family) => unreachable(uplink, family, link, view)) : [];
  });
}

function unreachable(
  uplink: UplinkConfig,
  family: Family,
  link: KernelLink,
  view: KernelView,
): UnreachableUplinkGateway[] {
  const gateway = uplink.gateways[family];
  if (gateway === undefined || gateway === 'auto' || (family === 6 && gateway.isLinkLocal)) return [];
  const networks = view.addresses.filter(
    ({ ifindex, address, scope }) => ifindex === link.ifindex && address.family === family && scope !== 'link',
  );
  if (networks.length === 0) return [];
  const inside = networks.some(({ address, prefixLength }) => Prefix.of(address, prefixLength).contains(gateway));
  if (inside || hasDirectRoute(gateway, link, view)) return [];
  const listed = networks.map(({ address, prefixLength }) => `${address.toString()}/${prefixLength}`).join(', ');
  return [{ uplink: uplink.name, family, text: `${gateway.toString()} is in no network of ${link.name} (${listed})` }];
}

/** As of a peer's address, or put there by an administrator; a default route says nothing of this gateway. */
function hasDirectRoute(gateway: IpAddress, link: KernelLink, view: KernelView): boolean {
  return view.routes.some(
    (route) =>
      route.type === 'unicast' &&
      route.prefix.length > 0 &&
      route.prefix.contains(gateway) &&
      hopsOf(route, view).some((hop) => hop.ifindex === link.ifindex && hop.gateway === null),
  );
}
