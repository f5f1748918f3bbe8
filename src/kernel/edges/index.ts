/** The way from this router to elected nodes, in the stack: implements GatewayEdges of controller/ports.ts. */
import { join } from 'node:path';
import type { FibReport, GatewayEdge, GatewayEdges } from '../../controller/ports.js';
import { messageOf } from '../../errors.js';
import { NftError, runNft } from '../../nft.js';
import { Inside, type LookedAt } from './inside.js';
import { installedMarks } from './installed.js';
import { Redirects } from './redirects.js';
import { edgeRuleset, REMOVAL, TRIAL, type Ruleset } from './ruleset.js';

export { EDGE_TABLE } from './ruleset.js';

export interface GatewayEdgesOptions {
  /** Where what was found is written down; see GatewaysConfig. */
  stateDirectory: string;
  /** Asked in each `apply`: networks behind the nodes' interfaces. */
  view: () => LookedAt;
  /** Monotonic milliseconds. */
  nowMs?: () => number;
}

/** A table that should be as it was written is looked at again after so long: nft is a process each time. */
const AUDIT_INTERVAL_MS = 10_000;

/**
 * Works in the network namespace of this process. What an earlier run left stays until the first `apply`, which takes
 * away what is not wanted any more.
 */
export function createGatewayEdges(options: GatewayEdgesOptions): GatewayEdges {
  return new Edges(options);
}

class Edges implements GatewayEdges {
  readonly #inside: Inside;
  readonly #redirects: Redirects;
  readonly #nowMs: () => number;
  /** Mark of the table that was seen or written last ('': none); null: not known. */
  #known: string | null = null;
  #seenAtMs = 0;
  /** One after the other: a listing must not be overtaken by another's writes. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: GatewayEdgesOptions) {
    this.#inside = new Inside(options.view);
    this.#redirects = new Redirects(join(options.stateDirectory, 'edges.json'));
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  apply(edges: readonly GatewayEdge[]): Promise<FibReport> {
    const done = this.#last.then(() => this.#apply(edges));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async obstacle(): Promise<string | null> {
    try {
      await runNft(TRIAL);
      return null;
    } catch (error) {
      return failureText(error);
    }
  }

  lookAgain(): void {
    this.#seenAtMs = Number.NEGATIVE_INFINITY;
  }

  /** `keep`: rules and settings stay for the next run, and with them what clients have under way. */
  async close({ keep }: { keep: boolean }): Promise<void> {
    if (!keep) await this.apply([]);
    await this.#last;
  }

  async #apply(all: readonly GatewayEdge[]): Promise<FibReport> {
    const edges = all.filter(({ ifname }) => isPlainName(ifname));
    const links = edges.filter(({ family }) => family === 4).map(({ ifname }) => ifname);
    const { writes, problems } = this.#redirects.apply([...new Set(links)]);
    const unnamed = new Set(all.map(({ ifname }) => ifname).filter((ifname) => !isPlainName(ifname)));
    for (const ifname of unnamed) problems.push(`${ifname}: nft cannot be told of an interface with this name`);
    try {
      return { writes: writes + (await this.#applyTable(edges)), problems };
    } catch (error) {
      this.#known = null;
      problems.push(failureText(error));
      return { writes, problems };
    }
  }

  /** @returns 1: the table was replaced or removed */
  async #applyTable(edges: readonly GatewayEdge[]): Promise<number> {
    const wanted = edgeRuleset(edges, (ifname, family) => this.#inside.behind(ifname, family));
    if (await this.#isThere(wanted)) return 0;
    await runNft(wanted?.script ?? REMOVAL);
    this.#remember(wanted?.mark ?? '');
    return 1;
  }

  async #isThere(wanted: Ruleset | null): Promise<boolean> {
    const mark = wanted?.mark ?? '';
    // Known to be another: replaced without a look, for somebody waits for it.
    if (this.#known !== null && this.#known !== mark) return false;
    // Nobody else makes a table of this name: once it has gone it needs no audit.
    const isFresh = mark === '' || this.#nowMs() - this.#seenAtMs < AUDIT_INTERVAL_MS;
    if (this.#known === mark && isFresh) return true;
    let found: string[] | null;
    try {
      found = await installedMarks();
    } catch (error) {
      // Without nft there is no table of ours, either.
      if (wanted === null && error instanceof NftError) found = null;
      else throw error;
    }
    const isSame = wanted
      ? found?.length === wanted.rules && found.every((each) => each === wanted.mark)
      : found === null;
    if (isSame) this.#remember(mark);
    return isSame;
  }

  #remember(mark: string): void {
    this.#known = mark;
    this.#seenAtMs = this.#nowMs();
  }
}

const failureText = (error: unknown): string => `nft table of gateway nodes: ${messageOf(error)}`;

/** Within quotes nft takes a quote, a backslash and an asterisk for something else. */
const isPlainName = (ifname: string): boolean => !/["\\*]/.test(ifname);
