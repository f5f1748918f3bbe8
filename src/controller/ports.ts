/**
 * The ports: what the controller needs from the world, in its own words. Adapters (dataplane/, kernel/, health/)
 * implement them; tests implement them with fakes. Nothing here knows about BPF, netlink or sockets.
 *
 * Writers are reconcilers: `apply...(wanted)` compares with what is there and writes the difference; calling it twice
 * writes nothing the second time. What it could not do is in the report, never silently dropped.
 */
import type { PathView, WindowStatistics } from '../engine/types.js';
import type { Family, IpAddress } from '../net/ip-address.js';
import type { MacAddress } from '../net/mac-address.js';
import type { Prefix } from '../net/prefix.js';
import type { GatewaysConfig, ProbeConfig } from '../config/types.js';
import type { GatewaysStatus } from './gateway-status.js';
import type { GatewayDiscards, GatewayTransition } from './records.js';

export interface Clock {
  /** CLOCK_MONOTONIC, microseconds. */
  nowUs(): number;
  /** Wall clock, milliseconds since the epoch; for people only. */
  wallMs(): number;
  /** Calls back once, not before `atUs` (monotonic). Returns a cancel function. */
  at(atUs: number, callback: () => void): () => void;
}

// ---------------------------------------------------------------- forwarding plane

/** Data-plane identity of an uplink in one family; never 0. */
export type NextHopId = number;
export type GroupId = number;

export interface PortIntent {
  /** Device that carries the XDP program. */
  ifindex: number;
  name: string;
  /** Takes redirected frames (ndo_xdp_xmit); false: the stack serves it. */
  redirectOk: boolean;
  /** The kernel does not say whether it does; the plane finds out by trying, and `redirectOk` holds if it cannot. */
  redirectUntold?: boolean;
  /** Takes multi-buffer frames, too (NETDEV_XDP_ACT_NDO_XMIT_SG); absent: no, such frames go to the stack. */
  redirectFragmentsOk?: boolean;
}

/** Added to a VLAN id of an intent when its tag is 802.1ad (0x88a8), not 802.1Q (0x8100): the ids are apart. */
export const VLAN_8021AD = 0x8000;
/** The id proper, 12 bits. */
export const VLAN_ID_MASK = 0xfff;

export interface InterfaceIntent {
  ifindex: number;
  name: string;
  /** The port below it: its own ifindex, or a VLAN device's parent. */
  portIfindex: number;
  /** Outer and inner VLAN id, each with VLAN_8021AD where it applies; 0: no tag. */
  vlanId: number;
  innerVlanId: number;
  mac: MacAddress;
  mtu: number;
  /** Packets that come in here may be forwarded by XDP. */
  forward: Record<Family, boolean>;
  /** Packets may leave here by XDP when the kernel's FIB says so; false: the stack forwards them. */
  egress: boolean;
  /** IPv4 source validation in force (net.ipv4.conf.*.rp_filter): 0 off, 1 strict, 2 loose. */
  rpFilter: number;
}

export interface NextHopIntent {
  id: NextHopId;
  /** Logical egress interface. */
  ifindex: number;
  /** null: the kernel has not resolved the gateway; packets PASS and the stack resolves it. */
  gatewayMac: MacAddress | null;
  /** false: forwarded by the stack, with a reason in status. */
  redirectOk: boolean;
}

export interface GroupIntent {
  id: GroupId;
  tiers: { nextHop: NextHopId; weight: number }[][];
}

export type RouteIntentTarget =
  | { kind: 'group'; group: GroupId }
  | { kind: 'local' }
  | { kind: 'blackhole' }
  /** bpf_fib_lookup decides: connected and foreign routes. */
  | { kind: 'fib' }
  | { kind: 'stack' };

export interface RouteIntent {
  prefix: Prefix;
  target: RouteIntentTarget;
}

/** Where the gateway protocol is spoken: XDP discards what cannot be a message, and limits the rate of the rest. */
export interface GatewayProtocolIntent {
  ifindexes: number[];
  /** Peers that were authenticated lately: a flood by others does not use up their share. */
  peers: { ifindex: number; address: IpAddress }[];
}

export interface ForwardingIntent {
  /** false: PASS everything (observe mode). */
  forward: boolean;
  ports: PortIntent[];
  interfaces: InterfaceIntent[];
  nextHops: NextHopIntent[];
  groups: GroupIntent[];
  routes: RouteIntent[];
  /** Absent: not spoken here. */
  gatewayProtocol?: GatewayProtocolIntent;
}

export interface PortStatus {
  ifindex: number;
  name: string;
  xdp: 'native' | 'generic' | 'none';
  /** Why not native, or why not at all; null: nothing to say. */
  reason: string | null;
  /** Found by trying: it takes no redirected frames, so packets to it go through the stack. */
  redirectRefused?: boolean;
}

export interface ApplyReport {
  /** Elements written; 0 on a second call. */
  writes: number;
  ports: PortStatus[];
  /** What could not be done, for people: "routes4: 1000001 routes, table holds 1000000". */
  problems: string[];
}

export interface TrafficCounter {
  packets: bigint;
  bytes: bigint;
}

export interface ForwardingPlane {
  /** Blocks for the writes; adding routes in bulk may take seconds and is done in slices. */
  apply(intent: ForwardingIntent): Promise<ApplyReport>;
  /** Synchronous and first: one atomic bit each. */
  setLiveness(changes: readonly { nextHop: NextHopId; alive: boolean }[]): void;
  readLiveness(nextHop: NextHopId): boolean;
  readNextHopCounters(): Map<NextHopId, TrafficCounter>;
  /** Packets by interface ifindex (0 = unknown interface) and reason name ("not-our-mac"). */
  readReasonCounters(): Map<number, Record<string, bigint>>;
  /** Counters of the plane's own workings, for the metrics. */
  statistics(): Record<string, number>;
  /** Detach and unpin everything, or leave it pinned and only close handles. */
  close(options: { keep: boolean }): Promise<void>;
}

// ---------------------------------------------------------------- kernel

export interface KernelLink {
  ifindex: number;
  name: string;
  mac: MacAddress | null;
  mtu: number;
  /** IFF_UP. */
  adminUp: boolean;
  /** IFF_LOWER_UP / operstate: frames can leave. */
  carrier: boolean;
  /** rtnl kind: "veth", "vlan", "bridge", "bond", "ppp", "wireguard", null for plain devices. */
  kind: string | null;
  /** Has Ethernet headers (ARPHRD_ETHER). */
  ethernet: boolean;
  /** For VLAN devices: parent ifindex and tag; null otherwise. */
  vlan: { parentIfindex: number; id: number; protocol: '802.1Q' | '802.1ad' } | null;
  /** IFLA_MASTER (bridge, bond), 0 if none. */
  masterIfindex: number;
  /** sysctl forwarding of the interface, by RTM_NEWNETCONF. */
  forwarding: Record<Family, boolean>;
  /** IPv4 rp_filter mode in force: 0 off, 1 strict, 2 loose. */
  rpFilter: number;
  /** NETDEV_XDP_ACT_NDO_XMIT of the netdev family (6.3+); null: the kernel does not say. */
  xdpRedirectTarget: boolean | null;
  /** NETDEV_XDP_ACT_NDO_XMIT_SG, the same for frames of several buffers; null: the kernel does not say. */
  xdpRedirectFragments: boolean | null;
}

export interface KernelAddress {
  ifindex: number;
  address: IpAddress;
  prefixLength: number;
  scope: 'global' | 'site' | 'link' | 'host';
  /** Not tentative, not DAD-failed, not deprecated. */
  usable: boolean;
}

export interface KernelNeighbour {
  ifindex: number;
  address: IpAddress;
  mac: MacAddress | null;
  state: 'incomplete' | 'reachable' | 'stale' | 'delay' | 'probe' | 'failed' | 'noarp' | 'permanent' | 'none';
}

/** One way on: of a multipath route, or of a nexthop object. */
export interface RouteLeg {
  ifindex: number;
  gateway: IpAddress | null;
}

export interface KernelRoute {
  prefix: Prefix;
  /** IPv6 source-specific routes: for packets from there alone; null: for all. */
  source: Prefix | null;
  /** For packets of this type of service (traffic class) alone; 0: for all. */
  tos: number;
  table: number;
  /** rtm_type. */
  type:
    'unicast' | 'local' | 'broadcast' | 'anycast' | 'multicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'other';
  protocol: number;
  metric: number;
  scope: number;
  /** Of the only next hop; null for multipath, nexthop-object and typed routes: see hopsOf() of facts.ts. */
  ifindex: number | null;
  gateway: IpAddress | null;
  /** Next hops of a multipath route; empty (one array for all: there may be a million) for every other. */
  legs: readonly RouteLeg[];
  /** Key in KernelView.nexthops; null: the route has its next hops in itself. */
  nexthopId: number | null;
}

/** A policy rule that is neither ours nor one of the kernel's three defaults. */
export interface ForeignRule {
  family: Family;
  /** Everything it says, as `ip rule` would, after the family: "ipv4: 100: from 10.0.5.0/24 lookup 100". */
  text: string;
  /**
   * What it tells forwarded packets apart by. `none`: it concerns no packet that XDP may forward (`iif lo`, `oif`,
   * l3mdev, nop). `addresses`: source, destination, ingress interface, or it takes all of them. `more`: marks, ports,
   * protocol, TOS, users: what is set after XDP, or what bpf_fib_lookup is not relied upon for.
   */
  selects: 'none' | 'addresses' | 'more';
  /** `from all lookup TABLE` and nothing else: the table; null: any other rule. */
  allToTable: number | null;
}

/**
 * Rules of netfilter that packets which XDP forwards would go past. Of Detour's own only those of a gateway node that is
 * armed (`leased`): a router's are about packets that XDP leaves to the stack anyway.
 */
export interface NetfilterHook {
  family: Family;
  /** "nft table inet filter, chain forward (policy drop)". */
  text: string;
  /** It translates addresses; otherwise it filters, marks or counts. */
  translates: boolean;
  /** Interfaces whose packets go through it; null: all. */
  devices: readonly string[] | null;
  /** Of `detour gateway run` on this machine: they translate for a router, and end by themselves with its lease. */
  leased?: true;
}

/** Everything Detour looks at, as the kernel had it at one moment. Iteration order is stable. */
export interface KernelView {
  links: ReadonlyMap<number, KernelLink>;
  addresses: readonly KernelAddress[];
  neighbours: readonly KernelNeighbour[];
  /** Routes that are not ours (protocol != 68) of the tables local, main and the configured one. */
  routes: readonly KernelRoute[];
  /** Nexthop objects and groups that are not ours, by id; of a group all its members that have an interface. */
  nexthops: ReadonlyMap<number, readonly RouteLeg[]>;
  /** Policy rules that are neither ours nor the kernel's three defaults; the same array until one of them changes. */
  foreignRules: readonly ForeignRule[];
  /** In a stable order; the same array until one of them changes. */
  netfilter: readonly NetfilterHook[];
  /** IPsec policies (SPD) for packets that are forwarded or leave, by the family of their selectors. */
  ipsecPolicies: Record<Family, number>;
}

export type KernelChange = 'link' | 'address' | 'neighbour' | 'route' | 'rule' | 'netfilter' | 'ipsec' | 'resync';

/** One path of one uplink, as the kernel FIB needs it. */
export interface FibPathIntent {
  /** Stable index of the uplink (table, mark and nexthop ids derive from it). */
  uplinkIndex: number;
  uplink: string;
  family: Family;
  ifindex: number;
  /** Name of the same interface. */
  ifname: string;
  gateway: IpAddress;
  source: IpAddress | null;
  /** Interface and source are not the uplink's own: nothing but the mark may steer packets by this path. */
  shared?: boolean;
  /** May be a nexthop-group member (the link is up). The liveness decision is in `FibGroupIntent.active`. */
  usable: boolean;
}

export interface FibGroupIntent {
  groupIndex: number;
  group: string;
  family: Family;
  /** Members that carry traffic now (live members of the best tier). Empty: routes are withdrawn. */
  active: { uplink: string; weight: number }[];
  /** Alternates in order, for the plain fallback routes of worse metrics. */
  fallback: string[];
  /**
   * No member has been judged yet (a controller that has just started): what an earlier run left for this group stays
   * as it is, and nothing is made; `active` is empty.
   */
  undecided?: boolean;
}

export interface FibIntent {
  paths: FibPathIntent[];
  groups: FibGroupIntent[];
  routes: { prefix: Prefix; target: { kind: 'group'; groupIndex: number } | { kind: 'blackhole' } }[];
}

export interface FibReport {
  writes: number;
  problems: string[];
}

export interface KernelFib {
  /** The view is updated before the callback runs; callbacks are synchronous with the netlink event: no timer between. */
  onChange(callback: (changes: ReadonlySet<KernelChange>, view: KernelView) => void): void;
  view(): KernelView;
  /** Ask the kernel to keep these resolved (NTF_EXT_MANAGED); entries no longer listed are released. */
  keepNeighbours(wanted: readonly { ifindex: number; address: IpAddress }[]): void;
  applyFib(intent: FibIntent): Promise<FibReport>;
  /** Only the nexthop-group replace of one group: the urgent part of a failover. Sent at once, answered later. */
  switchGroup(group: FibGroupIntent): Promise<FibReport>;
  close(options: { keep: boolean }): Promise<void>;
}

// ---------------------------------------------------------------- telemetry

/** How to leave by one path. */
export interface ProbePath {
  ifindex: number;
  ifname: string;
  ethernet: boolean;
  sourceMac: MacAddress | null;
  gatewayMac: MacAddress | null;
  source: IpAddress;
  gateway: IpAddress;
  mark: number;
  /** Replies reach XDP on this path; false: they are received by a socket. */
  xdp: boolean;
}

/** One probe of one uplink in one family: all its targets. */
export interface ProbeIntent {
  uplink: string;
  family: Family;
  probe: ProbeConfig;
  /** null: cannot be sent now; `reason` becomes the cause of the losses that are reported instead. */
  path: ProbePath | null;
  reason: string;
}

export interface ProbeSample {
  uplink: string;
  family: Family;
  probe: string;
  /** Address (and port or URL) as in `targetKey`. */
  target: string;
  outcome: { ok: true; rttUs: number } | { ok: false; cause: string };
  window: WindowStatistics;
}

export interface TelemetryBlind {
  fromUs: number;
  toUs: number;
  detail: string;
}

export interface TelemetrySource {
  apply(probes: readonly ProbeIntent[]): void;
  onSamples(callback: (samples: readonly ProbeSample[]) => void): void;
  onBlind(callback: (blind: TelemetryBlind) => void): void;
  /** Counters for the metrics: probes sent, lost, late transmitter, wrong-path replies. */
  statistics(): Record<string, number>;
  close(): Promise<void>;
}

/** What health/ needs of the data plane, handed over in main.ts: adapters never import each other. */
export interface ProbeReplySource {
  /** 16 bytes; of settings.cookie_key. */
  readonly cookieKey: Uint8Array;
  setSession(session: number, options: { ifindex: number; epoch: number; wake: boolean } | null): void;
  /** Calls `onReply` for each record that is ready; returns how many. */
  drain(onReply: (reply: ProbeReply) => void): number;
  /** Called when a record arrived whose session asked to be woken. */
  onWake(callback: () => void): void;
}

export interface ProbeReply {
  session: number;
  epoch: number;
  sequence: number;
  transmitNs: bigint;
  receiveNs: bigint;
  wrongPath: boolean;
}

// ---------------------------------------------------------------- gateway nodes

/** What the controller wants of gateway nodes; the channel elects, renews and releases accordingly. */
export interface GatewayIntent {
  config: GatewaysConfig;
  /** Families for which no configured uplink works, or whose traffic is on a node at this moment. */
  active: Family[];
  /** Families for which a node is to be kept warm. */
  standby: Family[];
  /** For people: "IPv4: fibre down (no carrier)". */
  cause: string;
  /** Why this router is not able to send anything to a node: none is elected meanwhile; null: it is, as far as is known. */
  hindrance: string | null;
  /** Interfaces of `config.interfaces` that exist. */
  links: { ifindex: number; ifname: string }[];
  /** What nodes are to forward for: this router's own addresses on their links, and clients that they answer straight. */
  clients: Prefix[];
  /** Paths through elected nodes as the engine judges them, by name of the pairing. */
  measured: { node: string; path: PathView }[];
  /** Elected nodes (by name of the pairing) to which no traffic goes, in any plane. */
  idle: string[];
}

/** A node with a confirmed lease: the controller makes it an uplink. */
export interface ElectedNode {
  /** Name of the pairing; the uplink is "gw-" + name. */
  name: string;
  ifindex: number;
  ifname: string;
  role: 'standby' | 'active';
  gateways: Partial<Record<Family, IpAddress>>;
  /** The router translates what it sends there to its own address. */
  translated: boolean;
  /** No longer wanted: traffic shall leave it; it is released once it is among `idle`. */
  leaving: boolean;
}

export interface GatewayChannel {
  /** Idempotent and synchronous: an ELECT that is due leaves in this call. */
  apply(intent: GatewayIntent): void;
  /** The whole set whenever it changes; also during `apply`. */
  onElected(callback: (elected: readonly ElectedNode[]) => void): void;
  /** What an earlier run left and is still leased, before the first pass; then as `onElected`. */
  elected(): readonly ElectedNode[];
  onRecord(callback: (record: GatewayTransition | GatewayDiscards) => void): void;
  /** Authenticated lately, for the data plane. */
  peers(): { ifindex: number; address: IpAddress }[];
  status(): GatewaysStatus;
  /** By hand. Throw DetourError GATEWAY_UNKNOWN. */
  approve(name: string, by: string): void;
  elect(name: string, by: string): void;
  release(name: string, by: string): void;
  auto(name: string, by: string): void;
  /** Ends the pairing: its key is deleted, its lease released. */
  revoke(name: string, by: string): void;
  /** Keys were added or changed on disk. */
  reloadPairings(): void;
  /**
   * For metrics, by the names of api/metrics/catalogue.ts: gatewayReceived, gatewayAccepted,
   * gatewayOverruns, gatewaySent, gatewaySendErrors, gatewayElections, gatewayElectionFailures.
   */
  statistics(): Record<string, number>;
  /** `keep`: leases stay for the next run; otherwise everybody is released. */
  close(options: { keep: boolean }): Promise<void>;
}

/** One way to an elected node on the router: redirects off on the link, and translation where it is wanted. */
export interface GatewayEdge {
  ifname: string;
  family: Family;
  node: IpAddress;
  translated: boolean;
}

/** nftables and sysctls of the router that elected nodes need; a reconciler like the other writers. */
export interface GatewayEdges {
  apply(edges: readonly GatewayEdge[]): Promise<FibReport>;
  /** Tries whether rules can be written at all, and leaves none. @returns why not (nft is missing); null: they can */
  obstacle(): Promise<string | null>;
  /** Somebody has changed netfilter's tables: the next `apply` looks whether its own is there, whatever it wrote last. */
  lookAgain(): void;
  /** Puts back what was found, unless `keep`. */
  close(options: { keep: boolean }): Promise<void>;
}
