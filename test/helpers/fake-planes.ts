/** Planes that only remember, for unit tests of the controller: what it wrote, and a kernel view that a test makes. */
import type {
  FibIntent,
  FibReport,
  ForeignRule,
  ForwardingIntent,
  ForwardingPlane,
  KernelChange,
  KernelFib,
  KernelLink,
  KernelRoute,
  KernelView,
} from '../../src/controller/ports.js';
import { IpAddress } from '../../src/net/ip-address.js';
import { MacAddress } from '../../src/net/mac-address.js';
import { Prefix } from '../../src/net/prefix.js';

const mac = MacAddress.parse('02:00:00:00:00:01');

export const link = (ifindex: number, name: string, change: Partial<KernelLink> = {}): KernelLink => ({
  ifindex,
  name,
  mac,
  mtu: 1500,
  adminUp: true,
  carrier: true,
  kind: null,
  ethernet: true,
  vlan: null,
  masterIfindex: 0,
  forwarding: { 4: true, 6: true },
  rpFilter: 0,
  xdpRedirectTarget: true,
  xdpRedirectFragments: true,
  ...change,
});

export const route = (prefix: string, overrides: Partial<KernelRoute> = {}): KernelRoute => ({
  prefix: Prefix.parse(prefix),
  table: 254,
  type: 'unicast',
  protocol: 3,
  metric: 0,
  scope: 0,
  ifindex: 1,
  gateway: null,
  legs: [],
  source: null,
  tos: 0,
  nexthopId: null,
  ...overrides,
});

/** By default one that XDP cannot follow. */
export const foreignRule = (text: string, selects: ForeignRule['selects'] = 'more'): ForeignRule => ({
  family: text.startsWith('ipv6') ? 6 : 4,
  text,
  selects,
  allToTable: null,
});

/** eth1, eth2, ...: each with 10.0.<n>.2/24 and a resolved gateway 10.0.<n>.1. */
export function viewOf(interfaces: number, routes: KernelRoute[] = []): KernelView {
  const numbers = Array.from({ length: interfaces }, (_, index) => index + 1);
  return {
    links: new Map(numbers.map((n) => [n, link(n, `eth${n}`)])),
    addresses: numbers.map((ifindex) => ({
      ifindex,
      address: IpAddress.parse(`10.0.${ifindex}.2`),
      prefixLength: 24,
      scope: 'global',
      usable: true,
    })),
    neighbours: numbers.map((ifindex) => ({
      ifindex,
      address: IpAddress.parse(`10.0.${ifindex}.1`),
      mac,
      state: 'reachable',
    })),
    routes,
    nexthops: new Map(),
    foreignRules: [],
    netfilter: [],
    ipsecPolicies: { 4: 0, 6: 0 },
  };
}

export class FakePlane implements ForwardingPlane {
  readonly liveness = new Map<number, boolean>();
  applied: ForwardingIntent | null = null;

  apply(intent: ForwardingIntent): ReturnType<ForwardingPlane['apply']> {
    this.applied = intent;
    return Promise.resolve({ writes: 0, ports: [], problems: [] });
  }
  setLiveness(changes: readonly { nextHop: number; alive: boolean }[]): void {
    for (const { nextHop, alive } of changes) this.liveness.set(nextHop, alive);
  }
  readLiveness(nextHop: number): boolean {
    return this.liveness.get(nextHop) ?? false;
  }
  readNextHopCounters(): ReturnType<ForwardingPlane['readNextHopCounters']> {
    return new Map();
  }
  readReasonCounters(): ReturnType<ForwardingPlane['readReasonCounters']> {
    return new Map();
  }
  statistics(): Record<string, number> {
    return {};
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Tells the controller what a test lets the kernel do. */
export class FakeFib implements KernelFib {
  current: KernelView;
  applied: FibIntent[] = [];
  /** Those that are to be kept resolved. */
  neighbours: Parameters<KernelFib['keepNeighbours']>[0] = [];
  #listener: Parameters<KernelFib['onChange']>[0] = () => undefined;

  constructor(view: KernelView) {
    this.current = view;
  }

  /** The view is another from now on, and the controller is told. */
  become(view: KernelView, ...changes: KernelChange[]): void {
    this.current = view;
    this.#listener(new Set(changes), view);
  }
  onChange(callback: Parameters<KernelFib['onChange']>[0]): void {
    this.#listener = callback;
  }
  view(): KernelView {
    return this.current;
  }
  /** Nothing is resolved here. */
  keepNeighbours(wanted: Parameters<KernelFib['keepNeighbours']>[0]): void {
    this.neighbours = wanted;
  }
  applyFib(intent: FibIntent): Promise<FibReport> {
    this.applied.push(intent);
    return Promise.resolve({ writes: 0, problems: [] });
  }
  switchGroup(): Promise<FibReport> {
    return Promise.resolve({ writes: 0, problems: [] });
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

export const fakeFib = (view: KernelView): FakeFib => new FakeFib(view);
