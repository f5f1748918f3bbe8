/** What is there now, by dumps: never remembered, because the kernel takes things away without saying so. */
import type { Family } from '../../net/ip-address.js';
import { dumpNexthopsRequest, readNexthop } from '../codec/nexthop.js';
import { dumpRoutesRequest, readRoute, type RouteRecord } from '../codec/route.js';
import { dumpRulesRequest, readRule, type RuleRecord } from '../codec/rule.js';
import type { NetlinkClient } from '../netlink/client.js';
import { RTPROT_DETOUR } from '../netlink/constants.js';
import type { FoundObjects } from './objects.js';

const FAMILIES: readonly Family[] = [4, 6];

/** @throws NetlinkError */
export async function findObjects(
  client: Pick<NetlinkClient, 'dumpAll'>,
): Promise<Omit<FoundObjects, 'foreignHolder'>> {
  const [nexthops, routes, rules] = await Promise.all([
    client.dumpAll(dumpNexthopsRequest(), ({ payload }) => readNexthop(payload)),
    Promise.all(FAMILIES.map((family) => ownRoutes(client, family))),
    Promise.all(FAMILIES.map((family) => ownRules(client, family))),
  ]);
  return { nexthops, routes: routes.flat(), rules: rules.flat() };
}

function ownRoutes(client: Pick<NetlinkClient, 'dumpAll'>, family: Family): Promise<RouteRecord[]> {
  return client.dumpAll(dumpRoutesRequest(family, { protocol: RTPROT_DETOUR }), ({ payload }) => {
    const route = readRoute(payload);
    return route?.protocol === RTPROT_DETOUR ? route : null;
  });
}

function ownRules(client: Pick<NetlinkClient, 'dumpAll'>, family: Family): Promise<RuleRecord[]> {
  return client.dumpAll(dumpRulesRequest(family), ({ payload }) => {
    const rule = readRule(payload);
    return rule?.protocol === RTPROT_DETOUR ? rule : null;
  });
}
