/** What the API shows of gateway nodes. Pure. */
import type { GatewayOfferStatus, GatewaysStatus, GatewayStatus } from '../../../controller/gateway-status.js';
import { GATEWAY_UPLINK_PREFIX } from '../../../config/resolve-gateways.js';
import type { IpAddress } from '../../../net/ip-address.js';
import type { Stranger } from '../../link/types.js';
import type { Pairing } from '../../pairing/types.js';
import type { MachineId, Offer } from '../../wire/types.js';
import type { RouterState } from '../machine.js';
import type { Need, NodeView } from '../types.js';
import type { Budget, UsageBook } from './usage.js';

const US_PER_MS = 1000;
const PERMILLE_PER_PERCENT = 10;

export interface StatusInputs {
  self: MachineId;
  need: Need | null;
  views: readonly NodeView[];
  pairings: readonly Pairing[];
  strangers: readonly Stranger[];
  discarded: Readonly<Record<string, number>>;
  budget: Budget | null;
  usage: Pick<UsageBook, 'used'>;
  nowUs: number;
}

export function gatewaysStatus(inputs: StatusInputs): GatewaysStatus {
  const { need, nowUs } = inputs;
  const pairings = new Map(inputs.pairings.map((pairing) => [pairing.name, pairing]));
  return {
    enabled: true,
    id: inputs.self,
    need: need
      ? {
          active: [...need.active],
          standby: [...need.standby],
          cause: need.cause,
          hindrance: need.hindrance ?? null,
        }
      : { active: [], standby: [], cause: 'not known yet', hindrance: null },
    gateways: inputs.views.map((view) => gatewayStatus(inputs, view, pairings.get(view.pairing))),
    unpaired: inputs.strangers.map(({ id, name, origin, lastSeenUs }) => ({
      id,
      name,
      interface: origin.ifname,
      address: origin.address.toString(),
      lastHeardMs: toMs(nowUs - lastSeenUs),
    })),
    discarded: Object.fromEntries(Object.entries(inputs.discarded).filter(([, count]) => count > 0)),
  };
}

function gatewayStatus(inputs: StatusInputs, view: NodeView, pairing: Pairing | undefined): GatewayStatus {
  const { nowUs } = inputs;
  const { lease } = view;
  return {
    name: view.pairing,
    id: view.node,
    keyIds: pairing?.keys.map(({ id }) => id) ?? [],
    approved: view.approved,
    state: view.state,
    sinceMs: toMs(nowUs - view.sinceUs),
    cause: view.cause,
    uplink: view.state === 'elected' || view.state === 'leaving' ? GATEWAY_UPLINK_PREFIX + view.pairing : null,
    interface: view.origin?.ifname ?? null,
    address: view.origin?.address.toString() ?? null,
    lastHeardMs: view.lastHeardUs === null ? null : toMs(nowUs - view.lastHeardUs),
    offer: view.offer && offerStatus(view.offer),
    measured: view.measured.map(({ family, state, lossPercent, rttUs }) => ({ family, state, lossPercent, rttUs })),
    rank: view.rank,
    why: view.why,
    operator: view.operator,
    lease: lease && {
      role: lease.role,
      sinceMs: toMs(nowUs - lease.sinceUs),
      leftMs: toMs(Math.max(0, lease.endsUs - nowUs)),
    },
    usage: {
      toNetworkBytes: lease?.usage.toNetworkBytes ?? 0n,
      fromNetworkBytes: lease?.usage.fromNetworkBytes ?? 0n,
      budget: budgetStatus(inputs, view),
    },
    restMs: view.restUntilUs === null ? null : toMs(view.restUntilUs - nowUs),
  };
}

/** Of metered nodes. */
function budgetStatus({ budget, usage }: StatusInputs, { pairing, offer }: NodeView): GatewayStatus['usage']['budget'] {
  if (budget === null || !offer?.cost?.metered) return null;
  const usedBytes = usage.used(pairing);
  return { usedBytes, limitBytes: budget.bytes, per: budget.per, exhausted: usedBytes >= budget.bytes };
}

export function offerStatus({
  families,
  name,
  capacity,
  cost,
  power,
  backhaul,
  slots,
  path,
}: Offer): GatewayOfferStatus {
  const percent = power?.batteryPercent ?? null;
  return {
    name: name ?? null,
    families: families.map(({ family, translation, gateway }) => ({
      family,
      translation,
      gateway: gateway.toString(),
    })),
    // 0: unknown.
    capacity: { downKbps: capacity?.downKbps || null, upKbps: capacity?.upKbps || null },
    preference: cost?.preference ?? 0,
    metered: cost?.metered ?? false,
    bytesLeft: cost?.bytesLeft ?? null,
    battery: percent === null ? null : { percent, charging: power?.charging ?? false },
    backhaul: backhaul.map(({ family, state, lossPermille, rttUs }) => ({
      family,
      state,
      lossPercent: lossPermille / PERMILLE_PER_PERCENT,
      rttUs,
    })),
    slots: slots ? { total: slots.total, used: slots.used } : null,
    path: [...path],
  };
}

/** What the policy program reads: nothing in it that changes with each advertisement. */
export function candidatesFor(views: readonly NodeView[]): unknown[] {
  return views
    .filter(({ state, offer }) => state !== 'absent' && offer !== null)
    .map((view) => {
      const { name, backhaul, slots: _slots, bytesLeft: _bytesLeft, ...offer } = offerStatus(view.offer!);
      return {
        name: view.pairing,
        id: view.node,
        interface: view.origin?.ifname ?? null,
        ...offer,
        // As the node calls itself; `name` is the pairing's.
        called: name,
        backhaul: backhaul.map(({ family, state }) => ({ family, state })),
        measured: view.measured.map(({ family, state }) => ({ family, state })),
        rests: view.restUntilUs !== null,
      };
    });
}

/** Where nodes were heard that are not forgotten: their messages are let through. */
export function peersOf({ nodes }: Pick<RouterState, 'nodes'>): { ifindex: number; address: IpAddress }[] {
  return [...nodes.values()].flatMap(({ state, lease, offer }) => {
    const origin = lease?.origin ?? offer?.origin;
    return origin && state !== 'absent' ? [{ ifindex: origin.ifindex, address: origin.address }] : [];
  });
}

const toMs = (us: number): number => Math.round(us / US_PER_MS);
