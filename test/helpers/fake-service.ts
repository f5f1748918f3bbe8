/**
 * A ControllerService without a controller: two uplinks in two families with everything that a reader may meet
 * (a degraded path, a kept one, an interface served by the stack, a route with a problem), commands that do what
 * the real ones do to the views, an event log with a limit, and a clock that stands still until it is moved.
 */
import { ailments } from '../../src/controller/ailments.js';
import type { GatewaysStatus, GatewayStatus } from '../../src/controller/gateway-status.js';
import type { LoggedRecord } from '../../src/controller/records.js';
import type {
  ControllerService,
  EventEntry,
  EventPage,
  HealthSummary,
  InterfaceStatus,
  LookupAnswer,
  PathStatus,
  RouteStatus,
  UplinkStatus,
} from '../../src/controller/service.js';
import type { GroupView, TargetView } from '../../src/engine/types.js';
import { DetourError } from '../../src/errors.js';
import type { Family, IpAddress } from '../../src/net/ip-address.js';
import { fakeGateways } from './fake-gateways.js';

/** 2026-01-02T03:04:05Z, one hour after the monotonic clock began. */
export const FAKE_WALL_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
export const FAKE_NOW_US = 3_600_000_000;

export class FakeClock {
  private us = FAKE_NOW_US;
  nowUs = (): number => this.us;
  wallMs = (): number => FAKE_WALL_MS + (this.us - FAKE_NOW_US) / 1000;
  advanceMs(ms: number): void {
    this.us += ms * 1000;
  }
}

export function fakeTarget(overrides: Partial<TargetView> = {}): TargetView {
  return {
    probe: 'icmp-1',
    target: '198.51.100.1',
    good: true,
    consecutiveLosses: 0,
    consecutiveReplies: 500,
    lastCause: null,
    window: { samples: 100, lossPercent: 0, latencyUs: 12_345, jitterUs: 210 },
    ...overrides,
  };
}

/** In the engine's own words, as every cause here. */
const fakeHealth = (family: Family): string =>
  `icmp-1: reply from ${family === 4 ? '198.51.100.1' : '2001:db8:f::1'} in 12 ms`;

export function fakePath(uplink: string, family: Family, overrides: Partial<PathStatus> = {}): PathStatus {
  return {
    uplink,
    family,
    state: 'up',
    alive: true,
    kept: null,
    sinceUs: FAKE_NOW_US - 192_000_000,
    cause: fakeHealth(family),
    heldUntilUs: null,
    damping: { figureOfMerit: 0, suppressed: false },
    failures: 0,
    targets: [fakeTarget(family === 4 ? {} : { target: '2001:db8:f::1' })],
    gateway: family === 4 ? '192.0.2.1' : 'fe80::1',
    gatewayMac: '02:00:00:00:00:01',
    source: family === 4 ? '192.0.2.10' : '2001:db8::10',
    transmitted: { packets: 123_456n, bytes: 98_765_432n },
    ...overrides,
  };
}

function initialUplinks(): UplinkStatus[] {
  return [
    {
      name: 'fibre',
      interface: 'eth1',
      ifindex: 3,
      forwarding: { by: 'xdp', reason: null },
      drained: false,
      // More than 2^53: a number would lose its last digits.
      paths: [
        fakePath('fibre', 4, { transmitted: { packets: 9_007_199_254_740_993n, bytes: 18_446_744_073_709_551_615n } }),
        fakePath('fibre', 6),
      ],
    },
    {
      name: 'lte',
      interface: 'wwan0',
      ifindex: 7,
      forwarding: { by: 'stack', reason: 'wwan0 has no Ethernet header (raw IP)' },
      drained: false,
      paths: [
        fakePath('lte', 4, {
          state: 'degraded',
          cause: 'icmp-1: 198.51.100.1 over 100 samples: latency 181 ms (limit 150 ms)',
          gateway: null,
          gatewayMac: null,
          failures: 2,
          damping: { figureOfMerit: 1312.5, suppressed: false },
          targets: [
            fakeTarget({ window: { samples: 100, lossPercent: 2, latencyUs: 181_000, jitterUs: 9_400 } }),
            fakeTarget({
              target: '203.0.113.5',
              good: false,
              consecutiveLosses: 12,
              consecutiveReplies: 0,
              lastCause: 'no reply within 20 ms',
              window: null,
            }),
          ],
        }),
        fakePath('lte', 6, {
          state: 'down',
          alive: false,
          cause: 'icmp-1: 3 of 3 probes to 2001:db8:f::1 lost (no reply within 20 ms), last reply seen 61 ms before',
          failures: 3,
          transmitted: { packets: 0n, bytes: 0n },
          targets: [
            fakeTarget({
              target: '2001:db8:f::1',
              good: false,
              consecutiveLosses: 3,
              consecutiveReplies: 0,
              lastCause: 'no reply within 20 ms',
              window: { samples: 100, lossPercent: 100, latencyUs: null, jitterUs: null },
            }),
          ],
        }),
      ],
    },
  ];
}

function initialGroups(): GroupView[] {
  return ([4, 6] as const).map((family) => ({
    group: 'internet',
    family,
    order: [[{ uplink: 'fibre', weight: 1 }], [{ uplink: 'lte', weight: 1 }]],
    active: ['fibre'],
    forced: null,
    cause: `fibre came up: ${fakeHealth(family)}`,
  }));
}

function initialInterfaces(): InterfaceStatus[] {
  return [
    {
      name: 'eth0',
      ifindex: 2,
      role: 'interface',
      port: 'eth0',
      vlanId: null,
      mac: '02:00:00:00:00:0a',
      mtu: 1500,
      carrier: true,
      xdp: 'native',
      reason: null,
      reasons: { forwarded: 987_654n, 'not-ip': 42n, ttl: 1n },
    },
    {
      name: 'eth1',
      ifindex: 3,
      role: 'uplink',
      port: 'eth1',
      vlanId: null,
      mac: '02:00:00:00:00:0b',
      mtu: 1500,
      carrier: true,
      xdp: 'generic',
      reason: 'the driver has no native XDP',
      reasons: { forwarded: 1000n },
    },
    {
      name: 'wwan0',
      ifindex: 7,
      role: 'uplink',
      port: 'wwan0',
      vlanId: null,
      mac: null,
      mtu: 1430,
      carrier: true,
      xdp: 'none',
      reason: 'no Ethernet header (raw IP)',
      reasons: {},
    },
  ];
}

export class FakeService implements ControllerService {
  isReady = true;
  summary: HealthSummary = {
    run: '',
    status: 'degraded',
    mode: 'active',
    problems: [
      ...ailments({ groups: initialGroups(), paths: initialUplinks().flatMap(({ paths }) => paths) }),
      'uplink lte is not forwarded by XDP: wwan0 has no Ethernet header (raw IP)',
    ],
    families: ([4, 6] as const).map((family) => ({
      family,
      suspected: false,
      believed: false,
      sinceUs: null,
      lastGood: null,
    })),
    uptimeMs: 3_600_000,
  };
  uplinkList = initialUplinks();
  groupList = initialGroups();
  interfaceList = initialInterfaces();
  routeList: RouteStatus[] = [
    { prefix: '0.0.0.0/0', target: 'group internet', programmed: { xdp: true, kernel: true }, problem: null },
    { prefix: '::/0', target: 'group internet', programmed: { xdp: true, kernel: true }, problem: null },
    {
      prefix: '198.51.100.0/24',
      target: 'blackhole',
      programmed: { xdp: true, kernel: false },
      problem: 'a foreign route with a better metric is in the way',
    },
  ];
  gatewaysStatus: GatewaysStatus = fakeGateways();
  parts: Record<string, number> = { 'health.probesSent_total': 1200, 'controller.lateTicks': 3 };
  pairingReloads = 0;
  /** Every command that arrived: "drain fibre by api (unix socket)". */
  readonly commands: string[] = [];
  /** Entries kept in the log. */
  logLimit = 1000;
  private log: EventEntry[] = [];
  private newest = 0;
  private readonly listeners = new Set<(entry: EventEntry) => void>();

  constructor(
    readonly clock = new FakeClock(),
    readonly run = 'a1b2c3d4',
  ) {
    this.summary.run = run;
  }

  get listenerCount(): number {
    return this.listeners.size;
  }

  /** Writes an entry as the engine would. */
  record(record: LoggedRecord): EventEntry {
    const time = new Date(this.clock.wallMs()).toISOString();
    const entry: EventEntry = { run: this.run, sequence: ++this.newest, time, record };
    this.log.push(entry);
    this.log.splice(0, Math.max(0, this.log.length - this.logLimit));
    for (const listener of this.listeners) listener(entry);
    return entry;
  }

  /** One entry of each kind, so that a reader meets them all. */
  recordOneOfEach(): void {
    const atUs = this.clock.nowUs();
    const lost = 'icmp-1: 3 of 3 probes to 198.51.100.1 lost (no reply within 20 ms), last reply seen 61 ms before';
    const unanswered = 'the gateway does not answer';
    this.record({ kind: 'path', uplink: 'fibre', family: 4, from: 'up', to: 'down', alive: false, cause: lost, atUs });
    this.record({
      kind: 'group',
      group: 'internet',
      family: 4,
      from: ['fibre'],
      to: ['lte'],
      cause: `fibre went down: ${lost}`,
      atUs,
    });
    const allDown = `each of the 2 IPv6 paths is judged down: fibre: ${unanswered}; lte: ${unanswered}`;
    this.record({ kind: 'all-down', family: 6, believed: true, lastGood: 'fibre', cause: allDown, atUs });
    this.record({ kind: 'all-down-ended', family: 6, cause: `fibre is up: ${fakeHealth(6)}`, atUs });
    this.record({ kind: 'operator', what: 'drain fibre', by: 'api (unix socket)', atUs });
    this.record({ kind: 'blind', durationUs: 120_000, cause: 'the transmitter was 120 ms late', atUs });
    const needed = 'IPv4: fibre down (no carrier)';
    this.record({ kind: 'gateway', gateway: 'phone', from: 'offered', to: 'electing', cause: needed, atUs });
    const unknownKey = 'from 192.0.2.77 on eth0';
    this.record({ kind: 'gateway-discards', reason: 'key', count: 12, cause: unknownKey, atUs });
  }

  ready(): boolean {
    return this.isReady;
  }
  health(): HealthSummary {
    return this.summary;
  }
  uplinks(): UplinkStatus[] {
    return this.uplinkList;
  }
  groups(): GroupView[] {
    return this.groupList;
  }
  routes(): RouteStatus[] {
    return this.routeList;
  }
  interfaces(): InterfaceStatus[] {
    return this.interfaceList;
  }

  lookup(to: IpAddress, from: IpAddress | null): LookupAnswer {
    const prefix = to.family === 4 ? '0.0.0.0/0' : '::/0';
    return {
      to: to.toString(),
      from: from?.toString() ?? null,
      prefix,
      target: 'group internet',
      uplink: 'fibre',
      interface: 'eth1',
      gateway: to.family === 4 ? '192.0.2.1' : 'fe80::1',
      forwardedBy: 'xdp',
      why: [
        `${prefix} is the longest matching prefix, it leads to group internet`,
        `fibre is up: ${fakeHealth(to.family)}`,
      ],
    };
  }

  events(after: number, limit: number): EventPage {
    const entries = this.log.filter((entry) => entry.sequence > after).slice(0, limit);
    return { run: this.run, entries, oldest: this.log[0]?.sequence ?? this.newest + 1, newest: this.newest };
  }

  onEvent(listener: (entry: EventEntry) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  drain(uplink: string, by: string): void {
    this.setDrained(uplink, true, by);
  }
  undrain(uplink: string, by: string): void {
    this.setDrained(uplink, false, by);
  }

  force(group: string, uplink: string, by: string): void {
    const views = this.findGroup(group);
    const members = views[0]!.order.flat().map((member) => member.uplink);
    if (!members.includes(uplink))
      throw new DetourError('NOT_A_MEMBER', { uplink, group, members: members.join(', ') });
    this.command(`force ${group} ${uplink}`, by);
    for (const view of views) {
      const path = this.uplinkList
        .flatMap(({ paths }) => paths)
        .find((p) => p.uplink === uplink && p.family === view.family);
      const active = path?.alive ? [uplink] : view.active;
      Object.assign(view, { forced: uplink, active, cause: `forced to ${uplink} by ${by}` });
    }
  }

  auto(group: string, by: string): void {
    const views = this.findGroup(group);
    this.command(`auto ${group}`, by);
    for (const view of views)
      Object.assign(view, { forced: null, active: ['fibre'], cause: `back to automatic by ${by}` });
  }

  gateways(): GatewaysStatus {
    return this.gatewaysStatus;
  }
  approveGateway(name: string, by: string): void {
    this.findGateway(name).approved = true;
    this.command(`approve ${name}`, by);
  }
  electGateway(name: string, by: string): void {
    this.findGateway(name).operator = 'elect';
    this.command(`elect ${name}`, by);
  }
  releaseGateway(name: string, by: string): void {
    this.findGateway(name).operator = 'release';
    this.command(`release ${name}`, by);
  }
  autoGateway(name: string, by: string): void {
    this.findGateway(name).operator = null;
    this.command(`auto ${name}`, by);
  }
  revokeGateway(name: string, by: string): void {
    const revoked = this.findGateway(name);
    const { gateways } = this.gatewaysStatus;
    this.gatewaysStatus = { ...this.gatewaysStatus, gateways: gateways.filter((one) => one !== revoked) };
    this.command(`revoke ${name}`, by);
  }
  reloadPairings(): void {
    if (!this.gatewaysStatus.enabled) throw new DetourError('GATEWAYS_OFF');
    this.pairingReloads++;
  }

  statistics(): Record<string, number> {
    return this.parts;
  }

  private setDrained(name: string, drained: boolean, by: string): void {
    const uplink = this.uplinkList.find((candidate) => candidate.name === name);
    if (uplink === undefined) {
      const known = this.uplinkList.map((candidate) => candidate.name).join(', ');
      throw new DetourError('UPLINK_UNKNOWN', { uplink: name, known });
    }
    this.command(`${drained ? 'drain' : 'undrain'} ${name}`, by);
    uplink.drained = drained;
    for (const path of uplink.paths) {
      Object.assign(path, { state: drained ? 'drained' : 'up', alive: !drained, sinceUs: this.clock.nowUs() });
    }
  }

  private findGateway(name: string): GatewayStatus {
    const { enabled, gateways } = this.gatewaysStatus;
    if (!enabled) throw new DetourError('GATEWAYS_OFF');
    const found = gateways.find((gateway) => gateway.name === name);
    if (found !== undefined) return found;
    throw new DetourError('GATEWAY_UNKNOWN', { gateway: name, known: gateways.map((one) => one.name).join(', ') });
  }

  private findGroup(group: string): GroupView[] {
    const views = this.groupList.filter((view) => view.group === group);
    if (views.length > 0) return views;
    throw new DetourError('GROUP_UNKNOWN', {
      group,
      known: [...new Set(this.groupList.map((view) => view.group))].join(', '),
    });
  }

  private command(what: string, by: string): void {
    this.commands.push(`${what} by ${by}`);
    this.record({ kind: 'operator', what, by, atUs: this.clock.nowUs() });
  }
}
