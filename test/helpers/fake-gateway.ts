/** A gateway channel with one node that does what it is asked, and edges that take as long as a test says. */
import { targetsOf } from '../../src/config/target-key.js';
import { NO_GATEWAYS } from '../../src/controller/gateway-status.js';
import type { GatewaysStatus } from '../../src/controller/gateway-status.js';
import type {
  ElectedNode,
  FibReport,
  GatewayChannel,
  GatewayEdge,
  GatewayEdges,
  GatewayIntent,
  ProbeIntent,
  ProbeSample,
  TelemetrySource,
} from '../../src/controller/ports.js';
import { IpAddress } from '../../src/net/ip-address.js';

export const phone = (change: Partial<ElectedNode> = {}): ElectedNode => ({
  name: 'phone',
  ifindex: 2,
  ifname: 'eth2',
  role: 'active',
  gateways: { 4: IpAddress.parse('10.0.2.1') },
  translated: true,
  leaving: false,
  ...change,
});

/** Elects `phone` in the call that says that it is needed, and releases it when nothing goes there any more. */
export class FakeGatewayChannel implements GatewayChannel {
  intents: GatewayIntent[] = [];
  /** Nodes are elected as soon as they are needed. */
  obliging = true;
  closed: { keep: boolean } | null = null;
  current: readonly ElectedNode[];
  /** Who is elected, and who has been heard. */
  node: ElectedNode = phone();
  heard: ReturnType<GatewayChannel['peers']> = [{ ifindex: 2, address: IpAddress.parse('10.0.2.1') }];
  offer: GatewaysStatus['gateways'] = [];
  #onElected: (elected: readonly ElectedNode[]) => void = () => undefined;
  #onRecord: Parameters<GatewayChannel['onRecord']>[0] = () => undefined;

  constructor(elected: readonly ElectedNode[] = []) {
    this.current = elected;
  }

  get intent(): GatewayIntent {
    return this.intents.at(-1)!;
  }

  apply(intent: GatewayIntent): void {
    this.intents.push(intent);
    if (this.obliging) this.#oblige(intent);
  }

  #oblige({ active, standby, idle, hindrance }: GatewayIntent): void {
    const [node] = this.current;
    if (!node && hindrance !== null) return;
    const role = active.length > 0 ? 'active' : 'standby';
    if (active.length + standby.length > 0) {
      if (!node || node.role !== role || node.leaving) this.become([{ ...this.node, role }]);
    } else if (node && !node.leaving) this.become([{ ...node, leaving: true }]);
    else if (node && idle.includes(node.name)) this.become([]);
  }

  become(elected: readonly ElectedNode[]): void {
    this.current = elected;
    this.#onElected(elected);
  }
  onElected(callback: (elected: readonly ElectedNode[]) => void): void {
    this.#onElected = callback;
  }
  elected(): readonly ElectedNode[] {
    return this.current;
  }
  tell(record: Parameters<Parameters<GatewayChannel['onRecord']>[0]>[0]): void {
    this.#onRecord(record);
  }
  onRecord(callback: Parameters<GatewayChannel['onRecord']>[0]): void {
    this.#onRecord = callback;
  }
  peers(): { ifindex: number; address: IpAddress }[] {
    return this.heard;
  }
  status(): GatewaysStatus {
    return { ...NO_GATEWAYS, enabled: true, gateways: this.offer };
  }
  approve(): void {
    // Whoever is asked for is approved.
  }
  elect(): void {
    this.become([this.node]);
  }
  release(): void {
    this.become(this.current.map((node) => ({ ...node, leaving: true })));
  }
  auto(): void {
    // As it is already.
  }
  revoke(): void {
    this.become([]);
  }
  reloadPairings(): void {
    // There are no files.
  }
  statistics(): Record<string, number> {
    return { gatewayMessages: this.intents.length };
  }
  close(options: { keep: boolean }): Promise<void> {
    this.closed = options;
    return Promise.resolve();
  }
}

export class FakeEdges implements GatewayEdges {
  /** Each call's list. */
  applied: (readonly GatewayEdge[])[] = [];
  /** Calls that have not been answered. */
  waiting: (() => void)[] = [];
  /** Answers wait for `answer`. */
  held = false;
  problems: string[] = [];
  inTheWay: string | null = null;
  /** Times that it was told to look again. */
  looks = 0;
  closed: { keep: boolean } | null = null;

  apply(edges: readonly GatewayEdge[]): Promise<FibReport> {
    this.applied.push(edges);
    const report = { writes: 1, problems: this.problems };
    return this.held ? new Promise((resolve) => this.waiting.push(() => resolve(report))) : Promise.resolve(report);
  }
  obstacle(): Promise<string | null> {
    return Promise.resolve(this.inTheWay);
  }
  lookAgain(): void {
    this.looks += 1;
  }
  answer(): void {
    for (const answer of this.waiting.splice(0)) answer();
  }
  close(options: { keep: boolean }): Promise<void> {
    this.closed = options;
    return Promise.resolve();
  }
}

/** Probes are answered, or lost, when the test says so, and by whom. */
export class ToldTelemetry implements TelemetrySource {
  intents: readonly ProbeIntent[] = [];
  #listener: (samples: readonly ProbeSample[]) => void = () => undefined;

  apply(probes: readonly ProbeIntent[]): void {
    this.intents = probes;
  }
  /** One sample of each target of the uplink. */
  sample(uplink: string, outcome: ProbeSample['outcome'] = { ok: true, rttUs: 1000 }): void {
    for (const { family, probe, ...intent } of this.intents) {
      if (intent.uplink !== uplink) continue;
      const window = { samples: 1, lossPercent: outcome.ok ? 0 : 100, latencyUs: null, jitterUs: null };
      this.#listener(
        targetsOf(probe, family).map(({ key }) => ({
          uplink,
          family,
          probe: probe.name,
          target: key,
          outcome,
          window,
        })),
      );
    }
  }
  onSamples(callback: (samples: readonly ProbeSample[]) => void): void {
    this.#listener = callback;
  }
  onBlind(): void {
    // Never.
  }
  statistics(): Record<string, number> {
    return {};
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}
