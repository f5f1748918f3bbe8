/** What the agent tells of itself: in its status file, and in a line for people. Pure. */
import type { Family } from '../../../net/ip-address.js';
import type { LinkStatistics } from '../../link/types.js';
import type { Pairing } from '../../pairing/types.js';
import type { BudgetRecord } from './budget.js';
import type { Backhaul, MachineId, Reason } from '../../wire/types.js';
import type { LeaseView, NodeCondition } from '../types.js';
import type { LocalInterface } from './ports.js';

/** `unpaired`: there is nobody to offer to. `hindered`: an offer cannot be made now, `obstacle` says why. */
export type AgentState = 'unpaired' | 'hindered' | 'offering' | 'arming' | 'elected' | 'stopping';

/** Of `detour gateway status --json`. Times are ISO 8601; 64-bit counters are decimal strings. */
export interface AgentStatus {
  version: 1;
  pid: number;
  /** This machine's id. */
  id: MachineId;
  name: string;
  startedAt: string;
  updatedAt: string;
  state: AgentState;
  obstacle: Reason | null;
  interfaces: { name: string; addresses: string[]; problem: string | null }[];
  families: Family[];
  backhaul: Backhaul[];
  power: { batteryPercent: number | null; charging: boolean };
  budget: { period: string; usedBytes: string; leftBytes: string | null };
  /** Names of the pairings. */
  routers: string[];
  leases: LeaseStatus[];
  messages: { received: number; accepted: number; sent: number; sendErrors: number; discarded: Record<string, number> };
}

export interface LeaseStatus {
  /** Name of the pairing. */
  router: string;
  id: MachineId;
  address: string;
  role: 'standby' | 'active';
  families: Family[];
  since: string;
  endsAt: string;
  /** The rules are in force. */
  armed: boolean;
  toNetworkBytes: string;
  fromNetworkBytes: string;
}

export interface StatusParts {
  pid: number;
  id: MachineId;
  startedMs: number;
  nowUs: number;
  wallMs: number;
  stopping: boolean;
  condition: NodeCondition;
  interfaces: readonly LocalInterface[];
  interfaceProblems: readonly { ifname: string; reason: string }[];
  pairings: readonly Pairing[];
  leases: readonly LeaseView[];
  budget: BudgetRecord;
  messages: LinkStatistics;
}

export function statusOf(parts: StatusParts): AgentStatus {
  const { condition, leases, wallMs, nowUs, messages } = parts;
  const { offer, obstacle } = condition;
  const wallOf = (us: number): string => new Date(wallMs + Math.round((us - nowUs) / 1000)).toISOString();
  return {
    version: 1,
    pid: parts.pid,
    id: parts.id,
    name: offer.name ?? '',
    startedAt: new Date(parts.startedMs).toISOString(),
    updatedAt: new Date(wallMs).toISOString(),
    state: stateOf(parts),
    obstacle,
    interfaces: parts.interfaces.map(({ ifname, addresses }) => ({
      name: ifname,
      addresses: Object.values(addresses).map(String),
      problem: parts.interfaceProblems.find((problem) => problem.ifname === ifname)?.reason ?? null,
    })),
    families: offer.families.map(({ family }) => family),
    backhaul: offer.backhaul,
    power: { batteryPercent: offer.power?.batteryPercent ?? null, charging: offer.power?.charging ?? false },
    budget: {
      period: parts.budget.period,
      usedBytes: parts.budget.bytes.toString(),
      leftBytes: offer.cost?.bytesLeft?.toString() ?? null,
    },
    routers: parts.pairings.map(({ name }) => name),
    leases: leases.map((lease) => ({
      router: lease.pairing,
      id: lease.router,
      address: lease.address.toString(),
      role: lease.role,
      families: lease.families,
      since: wallOf(lease.sinceUs),
      endsAt: wallOf(lease.endsUs),
      armed: lease.armed,
      toNetworkBytes: lease.usage.toNetworkBytes.toString(),
      fromNetworkBytes: lease.usage.fromNetworkBytes.toString(),
    })),
    messages: {
      ...messages,
      discarded: Object.fromEntries(Object.entries(messages.discarded).filter(([, n]) => n > 0)),
    },
  };
}

function stateOf({ stopping, pairings, leases, condition }: StatusParts): AgentState {
  if (stopping) return 'stopping';
  if (leases.length > 0) return leases.every(({ armed }) => armed) ? 'elected' : 'arming';
  if (pairings.length === 0) return 'unpaired';
  return condition.obstacle === null && condition.offer.families.length > 0 ? 'offering' : 'hindered';
}

/** What a change is: all but the time of writing, counters of messages, and ages that grow by themselves. */
export function digestOf(status: AgentStatus): string {
  const { updatedAt: _at, messages: _messages, backhaul, ...rest } = status;
  return JSON.stringify([rest, backhaul.map(({ family, state }) => [family, state])]);
}
