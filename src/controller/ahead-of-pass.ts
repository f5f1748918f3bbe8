/**
 * What a pass would do for elected gateway nodes, ahead of it. A neighbour is elected when nothing else works: its MAC,
 * its edges, its probes and its routes wait for no pass that is under way. The pass that follows finds them done.
 * What goes wrong here the pass meets again, reports and repeats.
 */
import type { Config } from '../config/types.js';
import { messageOf } from '../errors.js';
import { linksByName } from './facts.js';
import { fibIntent, probeIntents, wantedNeighbours } from './intents.js';
import type { Inputs } from './intents.js';
import type { GatewayEdge, KernelFib, PortStatus, ProbeIntent, TelemetrySource } from './ports.js';

/** The controller, as seen from here. */
export interface AheadHost {
  /** As it is in force: with the elected nodes among the uplinks. */
  config(): Config;
  inputs(): Inputs;
  /** As the last pass found them. */
  ports(): readonly PortStatus[];
  /** Gateways that nodes offer which may be elected next. */
  candidates(): readonly GatewayEdge[];
  /** What this router needs on its own side for the nodes of `config`. */
  makeEdges(config: Config): Promise<unknown>;
  /** What could not be done, for the debug log. */
  onFault(text: string): void;
}

export class AheadOfPass {
  readonly #fib: KernelFib;
  readonly #telemetry: TelemetrySource;
  readonly #host: AheadHost;
  /** What telemetry was asked for last. */
  #probed: readonly ProbeIntent[] = [];
  #routing: Promise<unknown> = Promise.resolve();

  constructor({ fib, telemetry }: { fib: KernelFib; telemetry: TelemetrySource }, host: AheadHost) {
    this.#fib = fib;
    this.#telemetry = telemetry;
    this.#host = host;
  }

  // ---------------------------------------------------------------- ahead

  /** Other nodes than before are elected. */
  elected(): void {
    if (this.#nodes().size === 0) return;
    const failed = (error: unknown): void => this.#host.onFault(`gateway nodes: ${messageOf(error)}`);
    try {
      this.keepNeighbours();
      this.#probeNodes();
    } catch (error) {
      failed(error);
    }
    void this.#host.makeEdges(this.#host.config()).catch(failed);
    this.#route();
  }

  /** The first probe to a node that was just elected waits for nothing but its MAC. */
  gatewaysChanged(): void {
    if (this.#nodes().size > 0) this.#probeNodes();
  }

  /** Where the last link was lost the kernel has no route any more that the switch of a group could change. */
  switched(active: readonly string[]): void {
    const nodes = this.#nodes();
    if (active.some((uplink) => nodes.has(uplink))) this.#route();
  }

  #route(): void {
    this.#routing = this.#fib.applyFib(fibIntent(this.#host.inputs())).catch((error: unknown) => {
      this.#host.onFault(`kernel routes: ${messageOf(error)}`);
    });
  }

  /**
   * Those of elected nodes as they are to be, the others as they are: to end one closes a packet socket, for which the
   * kernel waits out a grace period (some 7 ms), and it is the one that has just failed that would be ended.
   */
  #probeNodes(): void {
    const nodes = this.#nodes();
    const others = this.#probed.filter(({ uplink }) => !nodes.has(uplink));
    this.#probe([...this.#probes().filter(({ uplink }) => nodes.has(uplink)), ...others]);
  }

  #nodes(): Set<string> {
    const { uplinks } = this.#host.config();
    return new Set(uplinks.filter(({ gatewayNode }) => gatewayNode).map(({ name }) => name));
  }

  // ---------------------------------------------------------------- steps of the pass itself

  keepNeighbours(): void {
    const { facts, peers, view } = this.#host.inputs();
    const links = linksByName(view);
    const offered = this.#host.candidates().flatMap(({ ifname, node }) => {
      const link = links.get(ifname);
      return link?.ethernet ? [{ ifindex: link.ifindex, address: node }] : [];
    });
    this.#fib.keepNeighbours(wantedNeighbours(facts, peers, offered));
  }

  /** All of them as they are to be. */
  probe(): void {
    this.#probe(this.#probes());
  }

  /** Until routes that were asked for ahead are written. */
  routed(): Promise<unknown> {
    return this.#routing;
  }

  #probe(intents: readonly ProbeIntent[]): void {
    this.#probed = intents;
    this.#telemetry.apply(intents);
  }

  #probes(): ProbeIntent[] {
    const xdp = this.#host.ports().filter((port) => port.xdp !== 'none');
    return probeIntents(this.#host.inputs(), new Set(xdp.map(({ ifindex }) => ifindex)));
  }
}
