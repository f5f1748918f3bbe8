/**
 * The configuration after loading: every default filled in, every name resolved, every text parsed into a value.
 * The YAML form that people write is described by schema.ts; load.ts turns one into the other.
 */
import type { Family, IpAddress } from '../net/ip-address.js';
import type { Prefix } from '../net/prefix.js';

export interface Config {
  /** Version of the configuration format; 1. */
  version: 1;
  /**
   * `observe` decides and reports, but writes no routes, rules or nexthops and forwards nothing;
   * gateways are kept resolved for the probes, and the XDP program is attached to time their replies and to count.
   */
  mode: 'active' | 'observe';
  uplinks: UplinkConfig[];
  groups: GroupConfig[];
  routes: RouteConfig[];
  /** Interfaces that carry the XDP program although they are no uplinks (the LAN side). */
  interfaces: InterfaceConfig[];
  /** Gateway nodes as a last resort; null: the protocol is not spoken. */
  gateways: GatewaysConfig | null;
  decision: DecisionConfig;
  kernel: KernelConfig;
  dataplane: DataplaneConfig;
  api: ApiConfig;
  log: { level: 'debug' | 'info' | 'warn' | 'error' };
}

export interface UplinkConfig {
  name: string;
  interface: string;
  /** The interface may be absent: a modem, a PPP or VLAN device that appears later. */
  optional: boolean;
  /** Per family; absent: the uplink does not carry that family. `auto`: learned from the kernel's default routes. */
  gateways: Partial<Record<Family, 'auto' | IpAddress>>;
  /** Fixed source address of probes and of the router's own traffic; absent: the interface's preferred one. */
  sources: Partial<Record<Family, IpAddress>>;
  forwarding: Forwarding;
  probes: ProbeConfig[];
  /** A failed uplink stays `held` for at least this long after it has recovered. */
  holdDownMs: number;
  damping: DampingConfig;
  /** Beyond these over the probes' windows, the uplink is `degraded`. Absent: no limit. */
  limits: QualityLimits;
  /** Absent: configured. */
  gatewayNode?: GatewayUplink;
}

/** Present on uplinks that are elected gateway nodes; they are in no file and are made by the controller. */
export interface GatewayUplink {
  /** Name of the pairing. */
  node: string;
  role: 'standby' | 'active';
  /** The router translates what leaves here to its own address, which XDP does not: the stack forwards. */
  translated: boolean;
}

/**
 * Who forwards what comes in or leaves by an interface. `auto`: XDP, or the stack while netfilter has rules that
 * forwarded packets go through (NAT, a firewall), which XDP would bypass.
 */
export type Forwarding = 'auto' | 'xdp' | 'stack';

export interface QualityLimits {
  lossPercent?: number;
  latencyMs?: number;
  jitterMs?: number;
}

/** Flap damping after RFC 2439; penalties are dimensionless figures of merit. */
export interface DampingConfig {
  enabled: boolean;
  penaltyPerFailure: number;
  cutoffThreshold: number;
  reuseThreshold: number;
  halfLifeMs: number;
  maximumSuppressMs: number;
}

export type ProbeConfig = IcmpProbeConfig | TcpProbeConfig | HttpProbeConfig | DnsProbeConfig;

export interface ProbeCommon {
  /** Unique within the uplink; given or derived ("icmp-1"). */
  name: string;
  intervalMs: number;
  /** A reply later than this is a loss. */
  timeoutMs: number;
  /** Consecutive losses at one target before the target counts as failed. */
  failAfter: number;
  /** Consecutive replies before it counts as recovered. */
  recoverAfter: number;
  /** Samples in the sliding window of loss, latency and jitter. */
  windowSamples: number;
  /** How many of the targets *per family* must answer for the probe to pass ("2 of 3"). */
  quorum: number;
  /** Limits of this probe's window; merged over the uplink's. */
  limits: QualityLimits;
}

export interface IcmpProbeConfig extends ProbeCommon {
  type: 'icmp';
  /** `gateway`: the uplink's gateway itself, in each family. */
  targets: (IpAddress | 'gateway')[];
}

export interface TcpProbeConfig extends ProbeCommon {
  type: 'tcp';
  targets: { address: IpAddress; port: number }[];
}

export interface HttpProbeConfig extends ProbeCommon {
  type: 'http' | 'https';
  targets: {
    url: string;
    /** Where to connect; the URL's host is only the Host header and the TLS name, so that DNS cannot fail the path. */
    address: IpAddress;
    port: number;
  }[];
  expectStatus: { from: number; to: number };
  /** Substring that the body's first 64 KiB must contain; absent: not looked at. */
  expectBody?: string;
  verifyCertificate: boolean;
}

export interface DnsProbeConfig extends ProbeCommon {
  type: 'dns';
  /** Resolvers, asked through this uplink. */
  targets: { address: IpAddress; port: number }[];
  query: string;
  queryType: 'A' | 'AAAA' | 'NS' | 'SOA' | 'TXT';
}

export interface GroupConfig {
  name: string;
  /** Best first. Weights are 1..256. */
  tiers: { uplink: string; weight: number }[][];
  /** How long a better tier must have been healthy before traffic goes back to it. `never`: only by operator. */
  revertDelayMs: number | 'never';
}

export interface RouteConfig {
  prefix: Prefix;
  target: { kind: 'group'; group: string } | { kind: 'blackhole' };
}

export interface InterfaceConfig {
  name: string;
  /** As of uplinks. */
  optional: boolean;
  forwarding: Forwarding;
}

/** How neighbours are elected as gateways (docs/gateway-protocol.md). */
export interface GatewaysConfig {
  /** Where nodes are listened to: the LAN, a link of their own. */
  interfaces: string[];
  /** Groups that get elected nodes as their last tier. */
  groups: string[];
  /** `cold`: elected when no configured uplink works. `warm`: one is kept armed and probed, so that failover costs one bit. */
  standby: 'cold' | 'warm';
  maxElected: number;
  metered: 'allow' | 'avoid' | 'never';
  minimumBatteryPercent: number;
  /** `pairing`: whoever has a key may be elected; `manual`: only whom a person has approved. */
  approval: 'pairing' | 'manual';
  /** Way of the answers: translated to the router's address towards the node, or straight from node to client. */
  wayBack: 'router' | 'direct';
  /** Through elected nodes to the outside. */
  probes: ProbeConfig[];
  /** Interval of those probes while the node is on standby, where it is longer than the probe's own: they cost bytes. */
  standbyIntervalMs: number;
  leaseMs: number;
  /** How long another node must have been better before it takes over. */
  switchAfterMs: number;
  restMs: number;
  maximumRestMs: number;
  /** Of each metered node; null: none. */
  budget: { bytes: bigint; per: 'day' | 'month'; warnPercent: number } | null;
  /** Program that orders candidates (JSON on standard input, names on standard output) and its arguments; null: none. */
  policy: string[] | null;
  /** Directory of keys, identity and leases. */
  stateDirectory: string;
}

export interface DecisionConfig {
  /** Uplinks (of one family) that must be judged down, each by itself, before "all are down" is believed. */
  minimumAgreeing: number;
}

export interface KernelConfig {
  /** Routing table for Detour's routes; 254 = main. */
  table: number;
  /** Metric of the nexthop-group routes; plain fallback routes stand behind at metric + 1, + 2, ... */
  metric: number;
  /** Per-uplink tables (default route through that uplink only) are numbered from here. */
  uplinkTableBase: number;
  /** fwmark of the first uplink; the n-th uplink's is base + n. */
  markBase: number;
  /** Priority of Detour's policy rules. */
  rulePriority: number;
  /** Nexthop object ids are allocated from here. */
  nexthopIdBase: number;
  /** Leave routes, programs and maps in place on a clean stop. */
  keepOnExit: boolean;
}

export interface DataplaneConfig {
  /** Directory for pins; below a bpffs. */
  pinPath: string;
  xdpMode: 'auto' | 'native' | 'generic';
  /** LPM trie size, per family. */
  maxRoutes: number;
}

export interface ApiConfig {
  /** Unix socket path; null: none. */
  socket: string | null;
  tcp: { host: string; port: number; token: string } | null;
}
