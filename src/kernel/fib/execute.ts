/** Operations as netlink requests, and as words. */
import { writeNexthop, writeNexthopGroup, writeNexthopRemoval } from '../codec/nexthop.js';
import { writeRoute, writeRouteRemoval } from '../codec/route.js';
import { ruleText, writeRule } from '../codec/rule.js';
import * as nl from '../netlink/constants.js';
import type { NetlinkRequest } from '../netlink/message.js';
import type { Operation } from './diff.js';
import { routeName } from './objects.js';

/**
 * Creation is exclusive: what somebody else made in between is not overwritten. Replacement does not create: what was
 * taken away in between is found by the next pass.
 */
const FLAGS = { create: nl.NLM_F_CREATE | nl.NLM_F_EXCL, replace: nl.NLM_F_REPLACE, delete: 0 } as const;

export function requestOf(operation: Operation): NetlinkRequest {
  const flags = FLAGS[operation.action];
  switch (operation.object) {
    case 'nexthop':
      if (operation.action === 'delete') {
        const { id } = operation;
        return { type: nl.RTM_DELNEXTHOP, flags, body: (writer) => writeNexthopRemoval(writer, id) };
      }
      return { type: nl.RTM_NEWNEXTHOP, flags, body: (writer) => writeNexthop(writer, operation.nexthop) };
    case 'group':
      return { type: nl.RTM_NEWNEXTHOP, flags, body: (writer) => writeNexthopGroup(writer, operation.group) };
    case 'route':
      if (operation.action === 'delete') {
        return { type: nl.RTM_DELROUTE, flags, body: (writer) => writeRouteRemoval(writer, operation.route) };
      }
      return { type: nl.RTM_NEWROUTE, flags, body: (writer) => writeRoute(writer, operation.route) };
    case 'rule':
      if (operation.action === 'delete') {
        const { payload } = operation.found;
        return { type: nl.RTM_DELRULE, flags, body: (writer) => void writer.bytes(payload) };
      }
      return { type: nl.RTM_NEWRULE, flags, body: (writer) => writeRule(writer, operation.rule) };
  }
}

/** For people: "create route 203.0.113.0/24 metric 100 table 254". */
export function describe(operation: Operation): string {
  return `${operation.action} ${objectName(operation)}`;
}

function objectName(operation: Operation): string {
  switch (operation.object) {
    case 'nexthop':
      if (operation.action === 'delete') return `nexthop ${operation.id}`;
      return `nexthop ${operation.nexthop.id} via ${operation.nexthop.gateway.toString()} ifindex ${operation.nexthop.ifindex}`;
    case 'group':
      return `nexthop group ${operation.group.id} of ${operation.group.members.map(({ id }) => id).join(', ')}`;
    case 'route':
      return routeName(operation.route);
    case 'rule':
      return `rule ${operation.action === 'delete' ? operation.found.text : ruleText(operation.rule)}`;
  }
}
