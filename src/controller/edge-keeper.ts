/**
 * What this router itself needs for elected nodes (GatewayEdges) comes before traffic and goes after it: an edge is made
 * before the engine hears that its path can be used, and taken away when no plane sends there any more.
 */
import { messageOf } from '../errors.js';
import type { Family } from '../net/ip-address.js';
import type { UplinkFacts } from './facts.js';
import type { GatewayEdge, GatewayEdges } from './ports.js';

const keyOf = ({ ifname, family, node, translated }: GatewayEdge): string =>
  `${ifname} ${family} ${node.toString()} ${translated}`;

export class EdgeKeeper {
  readonly #edges: GatewayEdges;
  /** By key: in place, as far as is known. */
  #placed = new Map<string, GatewayEdge>();
  /** By key: made at this moment. */
  readonly #making = new Map<string, { edge: GatewayEdge; work: Promise<readonly string[]> }>();
  /** Why the last one failed; null: it did not. */
  #failure: string | null = null;
  /** Not before the first time: an earlier run may have left some. */
  #known = false;
  /** Why no edge could be made; null: nothing is known to be in the way. */
  #obstacle: string | null = null;
  #tried = false;

  constructor(edges: GatewayEdges) {
    this.#edges = edges;
  }

  /** Why a node that is elected now could not be used; null: it could, as far as is known. */
  get hindrance(): string | null {
    return this.#failure ?? this.#obstacle;
  }

  /** Before the first edge is wanted, for then it would be too late: until it has gone well once. @returns problems */
  async rehearse(): Promise<readonly string[]> {
    if (this.#tried) return [];
    try {
      this.#obstacle = await this.#edges.obstacle();
    } catch (error) {
      this.#obstacle = messageOf(error);
    }
    this.#tried = this.#obstacle === null;
    return this.#obstacle === null ? [] : [this.#obstacle];
  }

  /** Makes those that are missing, beside those that are there. @returns what could not be done */
  async make(wanted: readonly GatewayEdge[]): Promise<readonly string[]> {
    if (this.#known && wanted.length + this.#placed.size === 0) {
      this.#failure = null;
      return [];
    }
    const missing = wanted.filter((edge) => !this.#placed.has(keyOf(edge)));
    const begun = missing.map((edge) => this.#making.get(keyOf(edge))?.work);
    if (begun.length > 0 && begun.every((work) => work !== undefined)) return (await Promise.all(begun)).flat();
    // Also if none is missing: what they are made of (networks behind the node) may be another.
    const all = new Map([...this.#placed.values(), ...wanted].map((edge) => [keyOf(edge), edge]));
    const work = this.#apply(all);
    for (const edge of missing) this.#making.set(keyOf(edge), { edge, work });
    return work;
  }

  /** Takes away those that are not wanted any more. */
  async prune(wanted: readonly GatewayEdge[]): Promise<readonly string[]> {
    const kept = new Set(wanted.map(keyOf));
    if ([...this.#placed.keys()].every((key) => kept.has(key))) return [];
    const making = [...this.#making].map(([key, { edge }]) => [key, edge] as const);
    return this.#apply(new Map([...this.#placed, ...making].filter(([key]) => kept.has(key))));
  }

  async #apply(edges: Map<string, GatewayEdge>): Promise<readonly string[]> {
    let problems: readonly string[];
    try {
      ({ problems } = await this.#edges.apply([...edges.values()]));
    } catch (error) {
      problems = [messageOf(error)];
    }
    for (const key of edges.keys()) this.#making.delete(key);
    this.#failure = problems[0] ?? null;
    this.#known ||= this.#failure === null;
    this.#tried &&= this.#failure === null;
    if (this.#failure === null) this.#placed = edges;
    return problems;
  }

  /**
   * The facts as the engine may hear them: nothing of the addresses of a path whose edge is being made, and that it is
   * not ready where that failed.
   */
  gate(facts: readonly UplinkFacts[], wanted: readonly GatewayEdge[]): UplinkFacts[] {
    const closed = new Set(
      wanted
        .filter((edge) => !this.#placed.has(keyOf(edge)))
        .map((edge) => pathKey(edge.ifname, edge.family, edge.node)),
    );
    if (closed.size === 0) return [...facts];
    return facts.map((fact) => ({
      ...fact,
      paths: fact.paths.flatMap((path) => {
        const { family, gateway } = path;
        if (!fact.link || !gateway || !closed.has(pathKey(fact.link.name, family, gateway))) return [path];
        if (this.#failure === null) return [];
        return [{ ...path, ready: false, detail: `this router is not set up for it: ${this.#failure}` }];
      }),
    }));
  }

  /** Netfilter's tables have changed, and ours may be gone with somebody's `nft flush ruleset`. */
  lookAgain(): void {
    this.#edges.lookAgain();
  }

  close(options: { keep: boolean }): Promise<void> {
    return this.#edges.close(options);
  }
}

const pathKey = (ifname: string, family: Family, node: { toString(): string }): string =>
  `${ifname} ${family} ${node.toString()}`;
