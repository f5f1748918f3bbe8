/** What the API tells of gateway nodes. Plain data; 64-bit counters are bigint here and decimal strings in JSON. */
import type { Family } from '../net/ip-address.js';
import type { GatewayStateName } from './records.js';

export interface GatewaysStatus {
  /** false: the configuration has no `gateways`, and everything else is empty. */
  enabled: boolean;
  /** This machine's id, 32 hex digits. */
  id: string;
  need: {
    active: Family[];
    standby: Family[];
    cause: string;
    /** Why this router could use no node now, and elects none; null: nothing is known to be in the way. */
    hindrance: string | null;
  };
  gateways: GatewayStatus[];
  /** Nodes that advertise here without a pairing; they are never elected. */
  unpaired: { id: string; name: string | null; interface: string; address: string; lastHeardMs: number }[];
  /** Messages discarded since the start, by reason. */
  discarded: Record<string, number>;
}

/** Where the configuration has no `gateways`. */
export const NO_GATEWAYS: GatewaysStatus = {
  enabled: false,
  id: '',
  need: { active: [], standby: [], cause: '', hindrance: null },
  gateways: [],
  unpaired: [],
  discarded: {},
};

/** One node that there is a pairing with. */
export interface GatewayStatus {
  name: string;
  /** 32 hex digits; null: it has never spoken. */
  id: string | null;
  /** Ids of its keys (never the keys), oldest first; two while a rotation is under way. */
  keyIds: string[];
  approved: boolean;
  state: GatewayStateName;
  /** How long it has been in this state. */
  sinceMs: number;
  cause: string;
  /** Name of its uplink while it is elected. */
  uplink: string | null;
  interface: string | null;
  /** Where it was heard; null: not since the start. */
  address: string | null;
  /** How long ago; null: not since the start. */
  lastHeardMs: number | null;
  offer: GatewayOfferStatus | null;
  /** The path through it, as this router's own probes find it. */
  measured: { family: Family; state: 'unknown' | 'good' | 'bad'; lossPercent: number | null; rttUs: number | null }[];
  /** Place in the order of election, from 1; null: it cannot be elected. */
  rank: number | null;
  /** Why it is, or is not, the one that is elected. */
  why: string;
  /** By hand; null: as needed. */
  operator: 'elect' | 'release' | null;
  /** How long it has had the lease, and how long that still lasts. */
  lease: { role: 'standby' | 'active'; sinceMs: number; leftMs: number } | null;
  usage: {
    /** Under the present lease. */
    toNetworkBytes: bigint;
    fromNetworkBytes: bigint;
    /** Of this day or month, both directions, against the budget; null: no budget. */
    budget: { usedBytes: bigint; limitBytes: bigint; per: 'day' | 'month'; exhausted: boolean } | null;
  };
  /** How long it still rests after a failed election; null: it does not. */
  restMs: number | null;
}

export interface GatewayOfferStatus {
  name: string | null;
  families: { family: Family; translation: 'masquerade' | 'routed'; gateway: string }[];
  /** Kilobits a second; null: unknown. */
  capacity: { downKbps: number | null; upKbps: number | null };
  preference: number;
  metered: boolean;
  /** null: no limit. */
  bytesLeft: bigint | null;
  battery: { percent: number; charging: boolean } | null;
  backhaul: { family: Family; state: 'unknown' | 'good' | 'bad'; lossPercent: number; rttUs: number }[];
  slots: { total: number; used: number } | null;
  /** Routers that its traffic passes, nearest first. */
  path: string[];
}
