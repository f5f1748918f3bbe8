/** Where a packet would go, and why. */
import { Type, type Static } from 'typebox';
import type { LookupAnswer } from '../../controller/service.js';
import { closed, nullable } from './common.js';

export const LookupSchema = Type.Object(
  {
    to: Type.String(),
    from: nullable(Type.String()),
    prefix: nullable(Type.String(), { description: 'longest matching prefix; null: no route' }),
    target: Type.String(),
    uplink: nullable(Type.String()),
    interface: nullable(Type.String()),
    gateway: nullable(Type.String()),
    forwardedBy: Type.Enum(['xdp', 'stack', 'none']),
    why: Type.Array(Type.String(), { description: 'one sentence a step' }),
  },
  { ...closed, $id: 'Lookup' },
);

export type LookupResource = Static<typeof LookupSchema>;

export function presentLookup(answer: LookupAnswer): LookupResource {
  const { to, from, prefix, target, uplink, interface: device, gateway, forwardedBy, why } = answer;
  return { to, from, prefix, target, uplink, interface: device, gateway, forwardedBy, why: [...why] };
}
