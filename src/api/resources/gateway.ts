/** Gateway nodes: who is paired, what each offers, who is elected and why. No key is among it, only ids of keys. */
import { Type, type Static } from 'typebox';
import type { GatewayOfferStatus, GatewaysStatus, GatewayStatus } from '../../controller/gateway-status.js';
import { closed, CounterSchema, FamilySchema, nullable, reference, TimeSchema, type ApiClock } from './common.js';
import { gatewayStates } from './event.js';

const RoleSchema = Type.Enum(['standby', 'active'], {
  description: '`active`: it carries traffic or shall; `standby`: kept warm, probed only',
});
const pathQuality = {
  family: FamilySchema,
  state: Type.Enum(['unknown', 'good', 'bad']),
} as const;

export const GatewayOfferSchema = Type.Object(
  {
    name: nullable(Type.String(), { description: 'what the node calls itself' }),
    families: Type.Array(
      Type.Object(
        {
          family: FamilySchema,
          translation: Type.Enum(['masquerade', 'routed'], {
            description: '`routed`: its network routes the prefix of the clients to it, nothing is translated',
          }),
          gateway: Type.String(),
        },
        closed,
      ),
    ),
    capacity: Type.Object(
      { downKbps: nullable(Type.Integer({ minimum: 0 })), upKbps: nullable(Type.Integer({ minimum: 0 })) },
      { ...closed, description: 'kilobits a second; null: unknown' },
    ),
    preference: Type.Integer({ minimum: 0, description: '0 is best' }),
    metered: Type.Boolean(),
    bytesLeft: nullable(CounterSchema, { description: 'what its owner lets it carry still; null: no limit' }),
    battery: nullable(
      Type.Object({ percent: Type.Integer({ minimum: 0, maximum: 100 }), charging: Type.Boolean() }, closed),
      { description: 'null: on mains' },
    ),
    backhaul: Type.Array(
      Type.Object(
        { ...pathQuality, lossPercent: Type.Number({ minimum: 0, maximum: 100 }), rttUs: Type.Number({ minimum: 0 }) },
        closed,
      ),
      { description: 'its own way to the network, as it says itself' },
    ),
    slots: nullable(Type.Object({ total: Type.Integer(), used: Type.Integer() }, closed), {
      description: 'routers that it serves at a time',
    }),
    path: Type.Array(Type.String(), { description: 'ids of the routers that its traffic passes, nearest first' }),
  },
  { ...closed, $id: 'GatewayOffer', description: 'what a node says of itself' },
);

const BudgetSchema = Type.Object(
  {
    usedBytes: CounterSchema,
    limitBytes: CounterSchema,
    per: Type.Enum(['day', 'month']),
    exhausted: Type.Boolean({ description: 'not elected any more until the next day or month' }),
  },
  closed,
);

export const GatewaySchema = Type.Object(
  {
    name: Type.String({ description: 'name of the pairing' }),
    id: nullable(Type.String(), { description: 'id of the node; null: it has never spoken' }),
    keyIds: Type.Array(Type.String(), { description: 'oldest first; two while a key is being rotated' }),
    approved: Type.Boolean({ description: 'counts with `approval: manual` only' }),
    state: Type.Enum([...gatewayStates]),
    since: TimeSchema,
    stateForMs: Type.Number({ minimum: 0, description: 'how long it has been in this state' }),
    cause: Type.String(),
    uplink: nullable(Type.String(), { description: 'its uplink in /v1/uplinks while it is elected' }),
    interface: nullable(Type.String()),
    address: nullable(Type.String(), { description: 'where it was heard; null: not since the start' }),
    lastHeardMs: nullable(Type.Number({ minimum: 0 }), { description: 'how long ago; null: not since the start' }),
    offer: nullable(reference(GatewayOfferSchema)),
    measured: Type.Array(
      Type.Object(
        {
          ...pathQuality,
          lossPercent: nullable(Type.Number({ minimum: 0, maximum: 100 })),
          rttUs: nullable(Type.Number({ minimum: 0 })),
        },
        closed,
      ),
      { description: 'the path through it, as the probes of this router find it' },
    ),
    rank: nullable(Type.Integer({ minimum: 1 }), {
      description: 'place in the order of election; null: cannot be elected',
    }),
    why: Type.String({ description: 'why it is, or is not, the one that is elected' }),
    operator: nullable(Type.Enum(['elect', 'release']), { description: 'by hand; null: as needed' }),
    lease: nullable(Type.Object({ role: RoleSchema, since: TimeSchema, leftMs: Type.Number({ minimum: 0 }) }, closed)),
    usage: Type.Object(
      {
        toNetworkBytes: CounterSchema,
        fromNetworkBytes: CounterSchema,
        budget: nullable(BudgetSchema, { description: 'both directions; null: no budget' }),
      },
      { ...closed, description: 'carried under the present lease, as the node counts' },
    ),
    restMs: nullable(Type.Number({ minimum: 0 }), { description: 'how long it still rests after a failed election' }),
  },
  { ...closed, $id: 'Gateway', description: 'a node that there is a pairing with' },
);

export const GatewayListSchema = Type.Object(
  {
    enabled: Type.Boolean({ description: 'false: the configuration has no `gateways`, everything else is empty' }),
    id: Type.String({ description: 'id of this router' }),
    need: Type.Object(
      {
        active: Type.Array(FamilySchema, { description: 'no configured uplink works' }),
        standby: Type.Array(FamilySchema, { description: 'a node is to be kept warm' }),
        cause: Type.String(),
        hindrance: nullable(Type.String(), {
          description: 'why this router could use no node now, and elects none; null: nothing is in the way',
        }),
      },
      closed,
    ),
    gateways: Type.Array(reference(GatewaySchema)),
    unpaired: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          name: nullable(Type.String()),
          interface: Type.String(),
          address: Type.String(),
          lastHeardMs: Type.Number({ minimum: 0 }),
        },
        closed,
      ),
      { description: 'nodes that advertise here without a pairing; never elected' },
    ),
    discarded: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), {
      description: 'messages discarded since the start, by reason',
    }),
  },
  { ...closed, $id: 'GatewayList' },
);

export type GatewayResource = Static<typeof GatewaySchema>;
export type GatewayListResource = Static<typeof GatewayListSchema>;
export type GatewayOfferResource = Static<typeof GatewayOfferSchema>;

export function presentGateways(status: GatewaysStatus, clock: ApiClock): GatewayListResource {
  const { enabled, id, need } = status;
  return {
    enabled,
    id,
    need: {
      active: [...need.active],
      standby: [...need.standby],
      cause: need.cause,
      hindrance: need.hindrance,
    },
    gateways: status.gateways.map((gateway) => presentGateway(gateway, clock)),
    unpaired: status.unpaired.map((node) => ({
      id: node.id,
      name: node.name,
      interface: node.interface,
      address: node.address,
      lastHeardMs: node.lastHeardMs,
    })),
    discarded: { ...status.discarded },
  };
}

export function presentGateway(gateway: GatewayStatus, clock: ApiClock): GatewayResource {
  const { lease } = gateway;
  return {
    name: gateway.name,
    id: gateway.id,
    keyIds: [...gateway.keyIds],
    approved: gateway.approved,
    state: gateway.state,
    since: ago(gateway.sinceMs, clock),
    stateForMs: gateway.sinceMs,
    cause: gateway.cause,
    uplink: gateway.uplink,
    interface: gateway.interface,
    address: gateway.address,
    lastHeardMs: gateway.lastHeardMs,
    offer: gateway.offer && presentOffer(gateway.offer),
    measured: gateway.measured.map(({ family, state, lossPercent, rttUs }) => ({ family, state, lossPercent, rttUs })),
    rank: gateway.rank,
    why: gateway.why,
    operator: gateway.operator,
    lease: lease && { role: lease.role, since: ago(lease.sinceMs, clock), leftMs: lease.leftMs },
    usage: presentUsage(gateway.usage),
    restMs: gateway.restMs,
  };
}

function presentUsage({ toNetworkBytes, fromNetworkBytes, budget }: GatewayStatus['usage']): GatewayResource['usage'] {
  return {
    toNetworkBytes: toNetworkBytes.toString(),
    fromNetworkBytes: fromNetworkBytes.toString(),
    budget: budget && {
      usedBytes: budget.usedBytes.toString(),
      limitBytes: budget.limitBytes.toString(),
      per: budget.per,
      exhausted: budget.exhausted,
    },
  };
}

function presentOffer(offer: GatewayOfferStatus): GatewayOfferResource {
  return {
    name: offer.name,
    families: offer.families.map(({ family, translation, gateway }) => ({ family, translation, gateway })),
    capacity: { downKbps: offer.capacity.downKbps, upKbps: offer.capacity.upKbps },
    preference: offer.preference,
    metered: offer.metered,
    bytesLeft: offer.bytesLeft?.toString() ?? null,
    battery: offer.battery && { percent: offer.battery.percent, charging: offer.battery.charging },
    backhaul: offer.backhaul.map(({ family, state, lossPercent, rttUs }) => ({ family, state, lossPercent, rttUs })),
    slots: offer.slots && { total: offer.slots.total, used: offer.slots.used },
    path: [...offer.path],
  };
}

const ago = (ms: number, clock: ApiClock): string => new Date(clock.wallMs() - ms).toISOString();
