/**
 * Routes and policy rules of a lease, as arguments of `ip`:
 *
 * - the way back to sources that are not on the link: by the router;
 * - the way out where the machine's own default route is another one. A phone on the home's Wi-Fi has two, and prefers the
 *   Wi-Fi: what the router sends it would go back to the router. So the sources get a table of their own with the default
 *   route by the backhaul; all routes but the default are still those of the main table.
 *
 * The first metric of anybody's comes before ours, so a route of the owner's for the same prefix stays in force.
 */
import { networkInterfaces } from 'node:os';
import { IpAddress, type Family } from '../../../net/ip-address.js';
import { Prefix } from '../../../net/prefix.js';
import { RTPROT_DETOUR } from '../../../native.js';
import { readDefaultRoutes, type DefaultRoute } from '../default-routes.js';
import type { Passage } from './passages.js';
import type { RouteChange } from './types.js';

/** Number of the table, metric of the routes and the first of the priorities of the rules: our UDP port. */
const NUMBER = 6868;
const PROTO = `proto ${RTPROT_DETOUR}`;
const RULE_PROTO = `protocol ${RTPROT_DETOUR}`;

/** What the machine has, as far as it matters here. */
export interface RoutingFacts {
  /** Addresses with the length of their network, by interface. */
  networks: ReadonlyMap<string, readonly { address: IpAddress; network: Prefix }[]>;
  defaults: Readonly<Record<Family, readonly DefaultRoute[]>>;
}

export function readRoutingFacts(): RoutingFacts {
  const networks = new Map<string, { address: IpAddress; network: Prefix }[]>();
  for (const [name, infos] of Object.entries(networkInterfaces())) {
    const list = (infos ?? []).flatMap(({ address: text, cidr }) => {
      if (cidr === null) return [];
      const address = IpAddress.parse(text);
      return [{ address, network: Prefix.of(address, Number(cidr.slice(cidr.indexOf('/') + 1))) }];
    });
    networks.set(name, list);
  }
  return { networks, defaults: { 4: readDefaultRoutes(4), 6: readDefaultRoutes(6) } };
}

/** Pure. Equal changes of several leases come once. */
export function planRoutes(passages: readonly Passage[], facts: RoutingFacts): RouteChange[] {
  const changes = new Map<string, RouteChange>();
  for (const passage of passages) {
    for (const change of [...wayBack(passage, facts), ...wayOut(passage, facts)])
      changes.set(`${change.family} ${change.add}`, change);
  }
  return [...changes.values()];
}

function wayBack({ family, link, sources, router }: Passage, facts: RoutingFacts): RouteChange[] {
  const onLink = (facts.networks.get(link) ?? []).map(({ network }) => network);
  const reached = (source: Prefix): boolean =>
    onLink.some((network) => network.contains(source)) ||
    (source.length === router.bitLength && source.contains(router));
  return sources
    .filter((source) => !reached(source))
    .map((source) => {
      if (router.family === 4 && family === 6)
        throw new Error(`no way back to ${source.toString()}: the router's messages come by IPv4`);
      const route = `${source.toString()} via ${router.family === family ? '' : 'inet6 '}${router.toString()} dev ${link} ${PROTO} metric ${NUMBER}`;
      return { family, add: `route replace ${route}`, remove: `route del ${route}` };
    });
}

function wayOut({ family, link, out, sources }: Passage, facts: RoutingFacts): RouteChange[] {
  const [best] = facts.defaults[family];
  const own = facts.defaults[family].find((route) => route.interface === out);
  if (own === undefined || best?.interface === out) return [];
  const route = `default ${own.gateway === null ? '' : `via ${own.gateway.toString()} `}dev ${out} ${PROTO} table ${NUMBER}`;
  const rules = sources.flatMap((source) => [
    ...ownAddresses(facts, link, source).map((address) => `pref ${NUMBER - 2} from ${address.toString()} lookup main`),
    `pref ${NUMBER - 1} from ${source.toString()} lookup main suppress_prefixlength 0`,
    `pref ${NUMBER} from ${source.toString()} lookup ${NUMBER}`,
  ]);
  return [
    { family, add: `route replace ${route}`, remove: `route del ${route}` },
    ...rules.map((rule) => ({
      family,
      add: `rule add ${rule} ${RULE_PROTO}`,
      remove: `rule del ${rule} ${RULE_PROTO}`,
    })),
  ];
}

/** This machine's own traffic goes its own way, although it may be on the clients' network. */
function ownAddresses({ networks }: RoutingFacts, link: string, source: Prefix): IpAddress[] {
  return (networks.get(link) ?? []).map(({ address }) => address).filter((address) => source.contains(address));
}
