/** An interface, how XDP is attached to it, and what became of the packets that came in. */
import { Type, type Static } from 'typebox';
import type { InterfaceStatus } from '../../controller/service.js';
import { closed, CounterSchema, nullable, reference } from './common.js';

export const InterfaceSchema = Type.Object(
  {
    name: Type.String(),
    ifindex: Type.Integer(),
    role: Type.Enum(['uplink', 'interface']),
    port: Type.String({ description: 'device that carries the XDP program' }),
    vlanId: nullable(Type.Integer({ minimum: 0, maximum: 4095 })),
    mac: nullable(Type.String()),
    mtu: Type.Integer({ minimum: 0 }),
    carrier: Type.Boolean(),
    xdp: Type.Enum(['native', 'generic', 'none']),
    reason: nullable(Type.String(), { description: 'why not native, or why not by XDP at all' }),
    reasons: Type.Record(Type.String(), CounterSchema, {
      description: 'received packets by what was done with them',
    }),
  },
  { ...closed, $id: 'Interface' },
);

export const InterfaceListSchema = Type.Object(
  { interfaces: Type.Array(reference(InterfaceSchema)) },
  { ...closed, $id: 'InterfaceList' },
);

export type InterfaceResource = Static<typeof InterfaceSchema>;

export function presentInterface(status: InterfaceStatus): InterfaceResource {
  return {
    name: status.name,
    ifindex: status.ifindex,
    role: status.role,
    port: status.port,
    vlanId: status.vlanId,
    mac: status.mac,
    mtu: status.mtu,
    carrier: status.carrier,
    xdp: status.xdp,
    reason: status.reason,
    reasons: Object.fromEntries(Object.entries(status.reasons).map(([reason, count]) => [reason, count.toString()])),
  };
}
