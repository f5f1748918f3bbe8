/** A group in one address family: tiers of weighted uplinks, and which of them carry traffic now. */
import { Type, type Static } from 'typebox';
import type { GroupView } from '../../engine/types.js';
import { closed, FamilySchema, nullable, reference } from './common.js';

export const GroupSchema = Type.Object(
  {
    group: Type.String(),
    family: FamilySchema,
    order: Type.Array(
      Type.Array(Type.Object({ uplink: Type.String(), weight: Type.Integer({ minimum: 1 }) }, closed)),
      {
        description: 'tiers in the order in use now, best first',
      },
    ),
    active: Type.Array(Type.String(), { description: 'the uplinks that carry traffic' }),
    forced: nullable(Type.String(), { description: 'uplink that an operator has forced' }),
    cause: Type.String({ description: 'why this order' }),
  },
  { ...closed, $id: 'Group' },
);

export const GroupListSchema = Type.Object(
  { groups: Type.Array(reference(GroupSchema)) },
  { ...closed, $id: 'GroupList' },
);

export type GroupResource = Static<typeof GroupSchema>;

export function presentGroup(view: GroupView): GroupResource {
  return {
    group: view.group,
    family: view.family,
    order: view.order.map((tier) => tier.map(({ uplink, weight }) => ({ uplink, weight }))),
    active: [...view.active],
    forced: view.forced,
    cause: view.cause,
  };
}
