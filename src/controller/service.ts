/**
 * What a running controller tells and takes: the API is a thin layer over this interface, and so are its tests.
 * Everything is a snapshot of plain data; 64-bit counters are bigint here and decimal strings in JSON.
 */
import type { AllDownView, GroupView, PathView } from '../engine/types.js';
import type { IpAddress } from '../net/ip-address.js';
import type { GatewaysStatus } from './gateway-status.js';
import type { PortStatus, TrafficCounter } from './ports.js';
import type { LoggedRecord } from './records.js';

export interface UplinkStatus {
  name: string;
  interface: string;
  ifindex: number | null;
  /** How its packets are forwarded, and why not by XDP. */
  forwarding: { by: 'xdp' | 'stack'; reason: string | null };
  drained: boolean;
  paths: PathStatus[];
}

export interface PathStatus extends PathView {
  gateway: string | null;
  gatewayMac: string | null;
  source: string | null;
  /** Sent by XDP through this path (the stack's packets are not in it). */
  transmitted: TrafficCounter;
}

export interface RouteStatus {
  prefix: string;
  /** "group internet", "blackhole". */
  target: string;
  /** Programmed in the data plane and in the kernel FIB. */
  programmed: { xdp: boolean; kernel: boolean };
  problem: string | null;
}

export interface InterfaceStatus {
  name: string;
  ifindex: number;
  role: 'uplink' | 'interface';
  port: string;
  vlanId: number | null;
  mac: string | null;
  mtu: number;
  carrier: boolean;
  xdp: PortStatus['xdp'];
  reason: string | null;
  /** Packets by reason name, as counted on ingress by the XDP program. */
  reasons: Record<string, bigint>;
}

export interface LookupAnswer {
  to: string;
  from: string | null;
  /** Longest matching prefix, or null: no route. */
  prefix: string | null;
  target: string;
  /** Interface and gateway that the packet leaves by; null: not forwarded. */
  uplink: string | null;
  interface: string | null;
  gateway: string | null;
  forwardedBy: 'xdp' | 'stack' | 'none';
  /** One sentence a step. */
  why: string[];
}

export interface EventEntry {
  /** The run of the controller that it belongs to: sequence numbers begin anew with each. */
  run: string;
  /** Increases by one for each entry; the cursor of the event list. */
  sequence: number;
  /** ISO 8601, wall clock. */
  time: string;
  record: LoggedRecord;
}

/** A part of the event log. */
export interface EventPage {
  run: string;
  entries: EventEntry[];
  /** Of the log, not of the page; `newest + 1` where the log is empty. */
  oldest: number;
  newest: number;
}

export interface HealthSummary {
  /** Names this run of the controller; another after each start. */
  run: string;
  status: 'ok' | 'degraded' | 'down';
  mode: 'active' | 'observe';
  /** For people: what is wrong. */
  problems: string[];
  families: AllDownView[];
  uptimeMs: number;
}

export interface ControllerService {
  /** True once the first configuration has been programmed. */
  ready(): boolean;
  health(): HealthSummary;
  uplinks(): UplinkStatus[];
  groups(): GroupView[];
  routes(): RouteStatus[];
  interfaces(): InterfaceStatus[];
  lookup(to: IpAddress, from: IpAddress | null): LookupAnswer;
  /** Entries with sequence > after, oldest first. */
  events(after: number, limit: number): EventPage;
  /** Returns an unsubscribe function. */
  onEvent(listener: (entry: EventEntry) => void): () => void;
  /** Throw DetourError UPLINK_UNKNOWN / GROUP_UNKNOWN / NOT_A_MEMBER. `by` names who asked. */
  drain(uplink: string, by: string): void;
  undrain(uplink: string, by: string): void;
  force(group: string, uplink: string, by: string): void;
  auto(group: string, by: string): void;
  gateways(): GatewaysStatus;
  /** Throw DetourError GATEWAYS_OFF / GATEWAY_UNKNOWN. */
  approveGateway(name: string, by: string): void;
  electGateway(name: string, by: string): void;
  releaseGateway(name: string, by: string): void;
  autoGateway(name: string, by: string): void;
  revokeGateway(name: string, by: string): void;
  /** Pairings were added or changed on disk. */
  reloadPairings(): void;
  /** Counters of the parts, for metrics: name -> value. */
  statistics(): Record<string, number>;
}
