/**
 * The controller's dealings with gateway nodes: tells the channel what is needed, in the same turn as the decision, and
 * makes uplinks of those that are elected. What it decides is in gateway-need.ts and gateway-uplinks.ts.
 */
import type { Config } from '../config/types.js';
import type { EngineEvent, GroupView, PathView } from '../engine/types.js';
import { messageOf } from '../errors.js';
import type { Family } from '../net/ip-address.js';
import { EdgeKeeper } from './edge-keeper.js';
import type { UplinkFacts } from './facts.js';
import { linksByName } from './facts.js';
import {
  clientNetworks,
  familiesToSave,
  gatewayNeed,
  measuredPaths,
  nodesWithoutTraffic,
  waitsForNode,
  workingFamilies,
  type NeedInputs,
} from './gateway-need.js';
import { candidateEdges, gatewayEdges, gatewayUplinkName, withElected } from './gateway-uplinks.js';
import type {
  Clock,
  ElectedNode,
  GatewayChannel,
  GatewayEdge,
  GatewayEdges,
  GatewayIntent,
  KernelView,
} from './ports.js';

/** The controller, as seen from here. */
export interface DeskHost {
  /** As in the file. */
  configured(): Config;
  view(): KernelView;
  paths(): PathView[];
  groups(): GroupView[];
  there(): NeedInputs['there'];
  dispatch(event: EngineEvent): void;
  /** The elected nodes are others: there is another configuration to go by. `cause`: for the event log. */
  onElected(cause: string): void;
  onFault(text: string): void;
  /** An edge has been made, or could not be. */
  onEdges(): void;
  /** Until then, or until it is told anew, an election needs the thread. */
  onUrgent(untilUs: number): void;
}

export interface DeskPlanes {
  channel: GatewayChannel;
  edges: GatewayEdges | null;
  clock: Clock;
}

/** Who drains an uplink whose node is to be released. */
export const RELEASE = 'gateway release';
/** What probes measure goes to the channel this often, while nothing else happens. */
const MEASURED_INTERVAL_US = 1_000_000;
/** From the start: links, leases and neighbours come in this time, and nobody is elected for their being late. */
const STARTING_US = 3_000_000;
/**
 * A pass over all planes holds the thread for 5 to 10 ms, and what it does for traffic that has nowhere to go can wait
 * until ACCEPT and the first replies have come; where they don't, for no longer than this.
 */
const URGENT_US = 50_000;
/** And so long after them the kernel's routes are still being written. */
const ROUTING_US = 10_000;
/** Each round answers something that the round before has changed; more than these would be a quarrel. */
const MAXIMUM_ROUNDS = 8;

export class GatewayDesk {
  readonly channel: GatewayChannel;
  readonly #host: DeskHost;
  readonly #clock: Clock;
  readonly #edges: EdgeKeeper | null;
  #elected: readonly ElectedNode[];
  #families = '';
  #following = false;
  #again = false;
  readonly #draining = new Set<string>();
  /** By node: the change since which nothing is sent there. */
  readonly #withoutTraffic = new Map<string, number>();
  #changes = 0;
  /** Changes up to this one are in every plane. */
  #programmed = 0;
  readonly #startedUs: number;
  readonly #worked = new Set<Family>();
  /** Why nobody is to be elected now; null: nothing. */
  #hindrance: string | null = null;
  /** Traffic waits for an election. */
  #urgent = false;
  #cancelTimer: (() => void) | null = null;
  readonly #cancelStarting: () => void;
  #closed = false;

  constructor({ channel, edges, clock }: DeskPlanes, host: DeskHost) {
    this.channel = channel;
    this.#host = host;
    this.#clock = clock;
    this.#edges = edges && new EdgeKeeper(edges);
    this.#elected = channel.elected();
    this.#startedUs = clock.nowUs();
    this.#cancelStarting = clock.at(this.#startedUs + STARTING_US, () => this.follow());
    channel.onElected((elected) => this.#onElected(elected));
  }

  /** The configuration with the elected nodes in it. */
  effective(configured: Config): Config {
    const families = this.#familiesNow(configured);
    this.#families = families.join();
    return withElected(configured, this.#elected, families);
  }

  #familiesNow(configured: Config): ReturnType<typeof familiesToSave> {
    const paths = this.#host.paths();
    // Before the first policy nothing is known of any: what an earlier run elected must be there from the beginning.
    if (paths.length === 0) return [4, 6];
    return familiesToSave({ configured, paths, there: this.#host.there() });
  }

  #onElected(elected: readonly ElectedNode[]): void {
    if (this.#closed || JSON.stringify(elected) === JSON.stringify(this.#elected)) return;
    const cause = describeChange(this.#elected, elected);
    this.#elected = [...elected];
    const names = new Set(elected.map(({ name }) => name));
    for (const name of [...this.#draining]) if (!names.has(name)) this.#draining.delete(name);
    for (const name of [...this.#withoutTraffic.keys()]) if (!names.has(name)) this.#withoutTraffic.delete(name);
    this.#host.onElected(cause);
    this.follow();
  }

  /** After whatever may have changed the need: an ELECT that is due leaves in this call. */
  follow(): void {
    this.#again = true;
    if (this.#following || this.#closed) return;
    this.#following = true;
    try {
      for (let round = 0; this.#again && round < MAXIMUM_ROUNDS; round++) {
        this.#again = false;
        this.#followOnce();
      }
    } finally {
      this.#following = false;
    }
    this.#measureLater();
  }

  #followOnce(): void {
    const configured = this.#host.configured();
    if (this.#elected.length > 0 && this.#familiesNow(configured).join() !== this.#families) {
      this.#host.onElected('other families are to be carried');
    }
    const paths = this.#host.paths();
    for (const family of workingFamilies({ configured, paths })) this.#worked.add(family);
    this.#drainLeaving();
    this.#noteTraffic();
    const intent = this.#intent(configured);
    if (!intent) return;
    this.#tellUrgent(intent);
    try {
      this.channel.apply(intent);
    } catch (error) {
      // Deciding about uplinks must go on without neighbours.
      this.#host.onFault(`gateway nodes: ${messageOf(error)}`);
    }
  }

  #inputs(): NeedInputs {
    const host = this.#host;
    return {
      configured: host.configured(),
      elected: this.#elected,
      paths: host.paths(),
      groups: host.groups(),
      there: host.there(),
      worked: this.#worked,
      starting: this.#clock.nowUs() < this.#startedUs + STARTING_US,
    };
  }

  #intent(configured: Config): GatewayIntent | null {
    const { gateways } = configured;
    if (!gateways) return null;
    const view = this.#host.view();
    const links = linksByName(view);
    const inputs = this.#inputs();
    return {
      config: gateways,
      ...gatewayNeed(inputs),
      hindrance: this.#hindrance,
      links: gateways.interfaces.flatMap((ifname) => {
        const link = links.get(ifname);
        return link ? [{ ifindex: link.ifindex, ifname }] : [];
      }),
      clients: clientNetworks(configured, view),
      measured: measuredPaths(inputs),
      idle: [...this.#withoutTraffic].filter(([, change]) => change <= this.#programmed).map(([name]) => name),
    };
  }

  #tellUrgent({ active, hindrance }: GatewayIntent): void {
    const urgent = hindrance === null && waitsForNode(active, this.#inputs()) && this.channel.peers().length > 0;
    if (urgent === this.#urgent) return;
    this.#urgent = urgent;
    this.#host.onUrgent(this.#clock.nowUs() + (urgent ? URGENT_US : ROUTING_US));
  }

  /** Traffic leaves a node that is not wanted any more as it leaves any uplink: not before another one works. */
  #drainLeaving(): void {
    for (const { name, leaving } of this.#elected) {
      if (leaving === this.#draining.has(name)) continue;
      if (leaving) this.#draining.add(name);
      else this.#draining.delete(name);
      this.#host.dispatch({ type: leaving ? 'drain' : 'undrain', uplink: gatewayUplinkName(name), by: RELEASE });
    }
  }

  #noteTraffic(): void {
    const without = new Set(nodesWithoutTraffic(this.#inputs()));
    for (const { name } of this.#elected) {
      if (!without.has(name)) this.#withoutTraffic.delete(name);
      else if (!this.#withoutTraffic.has(name)) this.#withoutTraffic.set(name, ++this.#changes);
    }
  }

  /** While a node is elected, the channel is told again and again what the probes measure. */
  #measureLater(): void {
    if (this.#cancelTimer || this.#closed || this.#elected.length === 0) return;
    this.#cancelTimer = this.#clock.at(this.#clock.nowUs() + MEASURED_INTERVAL_US, () => {
      this.#cancelTimer = null;
      this.follow();
    });
  }

  // ---------------------------------------------------------------- passes

  /** @returns what to hand to `passEnded` when this pass has gone through on every plane */
  passBegins(): number {
    return this.#changes;
  }

  passEnded(begun: number): void {
    this.#programmed = Math.max(this.#programmed, begun);
    this.follow();
  }

  /** Before anything is sent to the nodes of `config`. @returns problems */
  async makeEdges(config: Config): Promise<readonly string[]> {
    const edges = this.#edges;
    if (!edges) return [];
    const problems = await Promise.all([
      this.#needsRules() ? edges.rehearse() : [],
      edges.make([...gatewayEdges(config), ...this.candidates()]),
    ]);
    if (!this.#closed) {
      this.#host.onEdges();
      this.#noteHindrance(edges.hindrance);
    }
    return problems.flat();
  }

  #needsRules(): boolean {
    const { gateways, mode } = this.#host.configured();
    return mode === 'active' && gateways?.wayBack === 'router';
  }

  #noteHindrance(hindrance: string | null): void {
    if (hindrance === this.#hindrance) return;
    this.#hindrance = hindrance;
    this.follow();
  }

  /** Of nodes that may be elected next: made before they are needed. */
  candidates(): GatewayEdge[] {
    const { gateways, mode } = this.#host.configured();
    return gateways && mode === 'active' ? candidateEdges(gateways, this.channel.status()) : [];
  }

  /** After a pass: the planes have dropped what was in none of these configurations. */
  async pruneEdges(...configs: Config[]): Promise<readonly string[]> {
    return (await this.#edges?.prune([...configs.flatMap(gatewayEdges), ...this.candidates()])) ?? [];
  }

  /** The pass that follows puts back what it misses. */
  netfilterChanged(): void {
    this.#edges?.lookAgain();
  }

  /** What the engine may be told. */
  gate(facts: readonly UplinkFacts[], config: Config): readonly UplinkFacts[] {
    if (!this.#edges) return facts;
    const edges: GatewayEdge[] = gatewayEdges(config);
    return edges.length === 0 ? facts : this.#edges.gate(facts, edges);
  }

  /** Decides nothing any more; `close` follows when the planes are closed. */
  stop(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelStarting();
  }

  closers(keep: boolean): (() => Promise<void>)[] {
    return [() => this.#edges?.close({ keep }) ?? Promise.resolve(), () => this.channel.close({ keep })];
  }
}

function describeChange(before: readonly ElectedNode[], after: readonly ElectedNode[]): string {
  const names = (nodes: readonly ElectedNode[]): Set<string> => new Set(nodes.map(({ name }) => name));
  const [old, now] = [names(before), names(after)];
  const gone = [...old].filter((name) => !now.has(name));
  const come = [...now].filter((name) => !old.has(name));
  const verb = (list: readonly string[]): string => (list.length === 1 ? 'is' : 'are');
  return (
    [
      ...(come.length > 0 ? [`${come.join(' and ')} ${verb(come)} elected`] : []),
      ...(gone.length > 0 ? [`${gone.join(' and ')} ${verb(gone)} not elected any more`] : []),
    ].join(', ') || 'the role of a gateway node has changed'
  );
}
