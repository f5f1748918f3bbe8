/**
 * The controller: facts and samples in, decisions out to the planes.
 *
 * Order is what matters here. A liveness bit is written in the same turn of the event loop in which the sign arrived,
 * before anything else; then the kernel's nexthop group is switched; everything slower is left to the programmer.
 * Runs on one thread; owns no socket, no file and no clock of its own (ports.ts).
 */
import type { Config } from '../config/types.js';
import { allDownViews, groupViews, pathViews } from '../engine/index.js';
import type { EngineAction, EngineEvent, GroupView, PathView } from '../engine/types.js';
import { messageOf } from '../errors.js';
import type { Family } from '../net/ip-address.js';
import { AheadOfPass } from './ahead-of-pass.js';
import { BypassLog } from './bypass-log.js';
import { closeAll } from './close-all.js';
import { Decider } from './decider.js';
import type { Recorder } from './decider.js';
import { describeRecord } from './describe-record.js';
import { EventLog } from './event-log.js';
import { allFacts } from './facts.js';
import { GatewayDesk } from './gateway-desk.js';
import type { UplinkFacts } from './facts.js';
import { withWhatIsFixed } from './fixed-config.js';
import { NameIndex, nextHopIdOf } from './ids.js';
import { fibGroup, fibIntent, forwardingIntent } from './intents.js';
import type { Inputs } from './intents.js';
import { enginePolicy, familiesOf } from './policy.js';
import type {
  Clock,
  ForwardingPlane,
  GatewayChannel,
  GatewayEdges,
  KernelChange,
  KernelFib,
  KernelView,
  NextHopId,
  PortStatus,
  TelemetrySource,
} from './ports.js';
import { Programmer } from './programmer.js';
import type { LoggedRecord } from './records.js';
import { routeProblems } from './routes.js';
import { rehearseLinkFailures } from './rehearsal.js';
import { eventsBetween, gatewaysDiffer } from './sensing.js';

export interface Planes {
  plane: ForwardingPlane;
  fib: KernelFib;
  telemetry: TelemetrySource;
  clock: Clock;
  /** Absent: the gateway protocol is not spoken, until the controller is made anew. */
  gateways?: GatewayChannel;
  /** Why it is absent although the configuration has `gateways`. */
  gatewaysFault?: string;
  /** Beside `gateways`; absent: elected nodes need nothing of this machine. */
  edges?: GatewayEdges;
}

export interface ControllerOptions {
  recorder?: Recorder;
  /** One line for the log: level and text. */
  log?: (level: 'debug' | 'info' | 'warn', text: string) => void;
}

/** A little longer than the data plane gives its watch over links the last word. */
const REPEAT_LIVENESS_US = 1_100_000;

const ignore = (): void => undefined;

export class Controller {
  readonly events: EventLog;
  readonly #planes: Planes;
  readonly #decider: Decider;
  readonly #programmer: Programmer;
  readonly #ahead: AheadOfPass;
  readonly #log: NonNullable<ControllerOptions['log']>;
  readonly #bypasses: BypassLog;
  readonly uplinkIndex = new NameIndex();
  readonly groupIndex = new NameIndex();
  readonly startedUs: number;
  /** As in the file. */
  #configured: Config;
  /** With the elected gateway nodes as uplinks: what everything goes by. */
  #config: Config;
  readonly #desk: GatewayDesk | null;
  #facts: UplinkFacts[] = [];
  /** Of the facts, what the engine has heard. */
  #told: readonly UplinkFacts[] = [];
  #ports: PortStatus[] = [];
  #problems: readonly string[] = [];
  #onFirstPass: (() => void) | null = null;
  /** One pass has gone through on every plane. */
  #ready = false;
  /** Of the liveness bits that the plane did not take. */
  #cancelRepeat: () => void = ignore;
  #closed = false;

  constructor(config: Config, planes: Planes, options: ControllerOptions = {}) {
    this.#configured = config;
    this.#config = config;
    this.#planes = planes;
    this.#log = options.log ?? (() => undefined);
    this.#bypasses = new BypassLog(this.#log);
    this.events = new EventLog(() => planes.clock.wallMs());
    this.startedUs = planes.clock.nowUs();
    this.#decider = new Decider(planes.clock, (actions) => this.#execute(actions), options.recorder ?? null);
    this.#programmer = new Programmer({
      clock: planes.clock,
      reconcile: () => this.#reconcile(),
      onProblems: (problems) => this.#noteProblems(problems),
    });
    this.#ahead = new AheadOfPass(planes, {
      config: () => this.#config,
      inputs: () => this.#inputs(),
      ports: () => this.#ports,
      candidates: () => this.#desk?.candidates() ?? [],
      makeEdges: (wanted) => this.#makeEdges(wanted),
      onFault: (text) => this.#log('debug', text),
    });
    this.#desk = this.#openDesk();
    this.#config = this.#desk?.effective(config) ?? config;
  }

  #openDesk(): GatewayDesk | null {
    const { gateways: channel, edges = null, clock } = this.#planes;
    if (!channel) return null;
    channel.onRecord((record) => {
      this.#record(record);
      // Who may be heard is in the data plane, too, and a candidate's MAC is asked for beforehand.
      if (record.kind === 'gateway') this.#programmer.request('soon');
    });
    return new GatewayDesk(
      { channel, edges, clock },
      {
        configured: () => this.#configured,
        view: () => this.view(),
        paths: () => this.paths(),
        groups: () => this.groups(),
        there: () => this.allDown(),
        dispatch: (event) => this.#decider.dispatch(event),
        onElected: (cause) => this.#follow(`gateway nodes: ${cause}`),
        onFault: (text) => this.#log('warn', text),
        onEdges: () => this.#sense(),
        onUrgent: (untilUs) => this.#programmer.hold(untilUs),
      },
    );
  }

  /** As it is in force: with elected gateway nodes among the uplinks. */
  get config(): Config {
    return this.#config;
  }
  /** As it is in the file. */
  get configured(): Config {
    return this.#configured;
  }
  get facts(): readonly UplinkFacts[] {
    return this.#facts;
  }
  get ports(): readonly PortStatus[] {
    return this.#ports;
  }
  get problems(): readonly string[] {
    return this.#problems;
  }
  get ready(): boolean {
    return this.#ready;
  }
  get planes(): Planes {
    return this.#planes;
  }
  /** null: the configuration has no `gateways`. */
  get gatewayChannel(): GatewayChannel | null {
    return this.#desk?.channel ?? null;
  }
  view(): KernelView {
    return this.#planes.fib.view();
  }
  paths(): PathView[] {
    return pathViews(this.#decider.state, this.#planes.clock.nowUs());
  }
  groups(): GroupView[] {
    return groupViews(this.#decider.state);
  }
  allDown(): ReturnType<typeof allDownViews> {
    return allDownViews(this.#decider.state);
  }
  routeProblems(): Map<string, string> {
    return routeProblems(this.#inputs());
  }

  /** Resolves after the first pass; `ready` tells whether every plane took the configuration, `problems` what did not. */
  async start(): Promise<void> {
    const { fib, telemetry } = this.#planes;
    fib.onChange((changes) => this.#onKernelChange(changes));
    telemetry.onSamples((samples) => {
      for (const sample of samples) this.#decider.dispatch({ type: 'sample', ...sample });
    });
    telemetry.onBlind((blind) => this.#decider.dispatch({ type: 'blind', ...blind }));
    this.#decider.dispatch({ type: 'configure', policy: enginePolicy(this.#config) });
    this.#writeLiveness();
    rehearseLinkFailures(this.#config, this.view(), this.#planes.clock.nowUs());
    this.#sense();
    this.#desk?.follow();
    const firstPass = new Promise<void>((resolve) => (this.#onFirstPass = resolve));
    this.#programmer.request();
    await firstPass;
  }

  /** A new configuration; paths that stay keep their state, and nothing flaps. */
  reconfigure(wanted: Config): void {
    this.#configured = withWhatIsFixed(wanted, this.#configured);
    this.#follow();
    this.#desk?.follow();
  }

  /** Another configuration is in force, by the file or because gateway nodes were elected or released. */
  #follow(cause?: string): void {
    const before = this.#nextHopIds(this.#config);
    const config = this.#desk?.effective(this.#configured) ?? this.#configured;
    this.#config = config;
    this.uplinkIndex.retain(config.uplinks.map((uplink) => uplink.name));
    this.groupIndex.retain(config.groups.map((group) => group.name));
    const isConfigured = (fact: UplinkFacts): boolean => config.uplinks.some(({ name }) => name === fact.uplink);
    this.#facts = this.#facts.filter(isConfigured);
    this.#told = this.#told.filter(isConfigured);
    this.#decider.dispatch({ type: 'configure', policy: enginePolicy(config), ...(cause !== undefined && { cause }) });
    // The engine says nothing of paths that vanished, and a new path may get the id of an old one.
    this.#writeLiveness(before);
    this.#sense();
    if (this.#ready) this.#ahead.elected();
    this.#programmer.request();
  }

  dispatch(event: EngineEvent): void {
    this.#decider.dispatch(event);
  }

  /** Stops deciding, then lets the planes withdraw or keep what they wrote. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#decider.close();
    this.#desk?.stop();
    await this.#programmer.close();
    this.#cancelRepeat();
    const keep = this.#config.kernel.keepOnExit;
    const { telemetry, fib, plane } = this.#planes;
    const planes = [() => telemetry.close(), () => fib.close({ keep }), () => plane.close({ keep })];
    // Nodes are released when nothing leads to them any more.
    await closeAll([...planes, ...(this.#desk?.closers(keep) ?? [])]);
  }

  #inputs(): Inputs {
    const { uplinkIndex, groupIndex } = this;
    return {
      config: this.#config,
      view: this.view(),
      facts: this.#facts,
      groups: this.groups(),
      paths: this.paths(),
      uplinkIndex,
      groupIndex,
      peers: this.#planes.gateways?.peers() ?? [],
    };
  }

  #nextHopIds(config: Config): NextHopId[] {
    return config.uplinks.flatMap((uplink) =>
      familiesOf(uplink).map((family) => nextHopIdOf(this.uplinkIndex.of(uplink.name), family)),
    );
  }

  /**
   * A pinned liveness map may hold the bits of an earlier run: whatever is not decided yet is not alive. The plane keeps
   * to itself for a moment what its watch over links has cleared; where that was not followed by news of a dead link
   * (one that was back at once), the bit is written again later.
   */
  #writeLiveness(former: readonly NextHopId[] = []): void {
    const bits = new Map(former.map((nextHop) => [nextHop, false]));
    for (const nextHop of this.#nextHopIds(this.#config)) bits.set(nextHop, false);
    for (const { uplink, family, alive } of this.paths()) {
      bits.set(nextHopIdOf(this.uplinkIndex.of(uplink), family), alive);
    }
    const { plane, clock } = this.#planes;
    plane.setLiveness([...bits].map(([nextHop, alive]) => ({ nextHop, alive })));
    const withheld = [...bits].some(([nextHop, alive]) => alive && !plane.readLiveness(nextHop));
    this.#cancelRepeat();
    this.#cancelRepeat = withheld ? clock.at(clock.nowUs() + REPEAT_LIVENESS_US, () => this.#writeLiveness()) : ignore;
  }

  #onKernelChange(changes: ReadonlySet<KernelChange>): void {
    if (this.#closed) return;
    if (changes.has('netfilter')) this.#desk?.netfilterChanged();
    const gatewaysChanged = this.#sense();
    // Of neighbours, only gateways are programmed; a busy LAN has news of the others all the time.
    const concerned = [...changes].some((change) => change !== 'neighbour') || gatewaysChanged;
    if (concerned) this.#programmer.request('soon');
  }

  /** @returns whether a gateway's MAC or neighbour state is another */
  #sense(): boolean {
    const facts = allFacts(this.#config, this.view());
    const told = this.#desk?.gate(facts, this.#config) ?? facts;
    const events = eventsBetween(this.#told, told);
    const gatewaysChanged = gatewaysDiffer(this.#facts, facts);
    this.#facts = facts;
    this.#told = told;
    for (const event of events) this.#decider.dispatch(event);
    if (gatewaysChanged && this.#ready) this.#ahead.gatewaysChanged();
    return gatewaysChanged;
  }

  /** Liveness first, for all of the step; then the kernel's groups and gateway nodes; then the rest, in a later turn. */
  #execute(actions: readonly EngineAction[]): void {
    const bits = actions.flatMap((action) =>
      action.type === 'liveness'
        ? [{ nextHop: nextHopIdOf(this.uplinkIndex.of(action.uplink), action.family), alive: action.alive }]
        : [],
    );
    if (bits.length > 0) this.#planes.plane.setLiveness(bits);
    let changed = bits.length > 0;
    for (const action of actions) {
      if (action.type === 'group') changed = true;
      if (action.type === 'record') {
        if (action.record.kind === 'group') this.#switchGroup(action.record.group, action.record.family);
        this.#record(action.record);
      }
    }
    if (changed) this.#programmer.request();
    this.#desk?.follow();
  }

  #switchGroup(name: string, family: Family): void {
    if (this.#config.mode === 'observe' || !this.#ready) return;
    const group = this.groups().find((entry) => entry.group === name && entry.family === family);
    if (!group || group.active.length === 0) return;
    // What it cannot do (a nexthop that the kernel deleted with its link) the reconciliation that follows repairs.
    void this.#planes.fib.switchGroup(fibGroup(group, this.groupIndex)).catch((error: unknown) => {
      this.#log('debug', `switching group ${name}: ${messageOf(error)}`);
    });
    this.#ahead.switched(group.active);
  }

  #record(record: LoggedRecord): void {
    const entry = this.events.append(record);
    this.#log('info', `event ${entry.sequence}: ${describeRecord(record)}`);
  }

  /** @returns problems */
  async #makeEdges(config: Config): Promise<readonly string[]> {
    return (await this.#desk?.makeEdges(config)) ?? [];
  }

  /** Each plane by itself: one that fails must not keep the others from what is due. */
  async #reconcile(): Promise<readonly string[]> {
    const { fib, plane } = this.#planes;
    const faults: string[] = [];
    const attempt = async <T>(what: string, work: () => T | Promise<T>): Promise<T | null> => {
      try {
        return await work();
      } catch (error) {
        faults.push(`${what}: ${messageOf(error)}`);
        return null;
      }
    };
    const resting = [this.uplinkIndex.resting(), this.groupIndex.resting()] as const;
    const config = this.#config;
    const begun = this.#desk?.passBegins() ?? 0;
    await attempt('neighbours', () => this.#ahead.keepNeighbours());
    const edges = attempt('gateway edges', () => this.#makeEdges(config));
    const forwarding = await attempt('data plane', () => plane.apply(forwardingIntent(this.#inputs())));
    // A pass that began before an uplink came back may have retired its next hop, and the bit with it.
    await attempt('liveness', () => this.#writeLiveness());
    if (forwarding) this.#ports = forwarding.ports;
    const made = await edges;
    await this.#ahead.routed();
    await attempt('probes', () => this.#ahead.probe());
    const report = await attempt('kernel routes', () => fib.applyFib(fibIntent(this.#inputs())));
    const pruned = await attempt('gateway edges', () => this.#desk?.pruneEdges(config, this.#config) ?? []);
    if (faults.length === 0) this.#desk?.passEnded(begun);
    const problems = [
      ...faults,
      ...(forwarding?.problems ?? []),
      ...(report?.problems ?? []),
      ...new Set([...(made ?? []), ...(pruned ?? [])]),
    ];
    if (problems.length === 0) {
      this.uplinkIndex.wake(resting[0]);
      this.groupIndex.wake(resting[1]);
    }
    this.#ready ||= faults.length === 0;
    return problems;
  }

  #noteProblems(problems: readonly string[]): void {
    for (const problem of problems) if (!this.#problems.includes(problem)) this.#log('warn', problem);
    this.#problems = problems;
    this.#bypasses.note(this.#config, this.view());
    this.#onFirstPass?.();
    this.#onFirstPass = null;
  }
}
