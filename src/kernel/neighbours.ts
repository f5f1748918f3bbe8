/**
 * Keeps gateways resolved: entries that the kernel itself probes (NTF_EXT_MANAGED, 5.16+; Detour needs 6.1), marked
 * with Detour's protocol number, so that a later run knows which ones to release.
 */
import type { KernelView } from '../controller/ports.js';
import type { IpAddress } from '../net/ip-address.js';
import {
  manageNeighbourRequest,
  neighbourKey,
  releaseNeighbourRequest,
  type NeighbourRecord,
} from './codec/neighbour.js';
import type { NetlinkClient } from './netlink/client.js';
import { RTPROT_DETOUR } from './netlink/constants.js';
import type { NetlinkRequest } from './netlink/message.js';

export interface WantedNeighbour {
  ifindex: number;
  address: IpAddress;
}

export interface NeighbourSource {
  neighbour(key: string): NeighbourRecord | undefined;
  neighbours(): readonly NeighbourRecord[];
  view(): KernelView;
}

export class NeighbourKeeper {
  readonly #writer: NetlinkClient;
  readonly #source: NeighbourSource;
  /** null until somebody has said what is wanted. */
  #wanted: Map<string, WantedNeighbour> | null = null;
  readonly #asked = new Set<string>();

  constructor(writer: NetlinkClient, source: NeighbourSource) {
    this.#writer = writer;
    this.#source = source;
  }

  want(wanted: readonly WantedNeighbour[]): void {
    this.#wanted = new Map(wanted.map((one) => [neighbourKey(one), one]));
    this.reconcile();
  }

  /**
   * Asks for what is missing (entries go with the carrier and with the interface's address, managed or not) and
   * releases what is not wanted, also what an earlier run wanted.
   */
  reconcile(): void {
    if (!this.#wanted) return;
    const { links } = this.#source.view();
    for (const [key, { ifindex, address }] of this.#wanted) {
      const link = links.get(ifindex);
      const entry = this.#source.neighbour(key);
      // A managed entry would stop to be permanent, and somebody wanted it to be.
      if (entry && (entry.managed || entry.state === 'permanent' || entry.state === 'noarp')) continue;
      if (link?.adminUp && link.carrier) void this.#ask(key, manageNeighbourRequest(ifindex, address));
    }
    void this.#release(this.#wanted);
  }

  /** Makes all of ours ordinary entries again. */
  async releaseAll(): Promise<void> {
    this.#wanted = null;
    await this.#release(new Map());
  }

  async #release(except: ReadonlyMap<string, WantedNeighbour>): Promise<void> {
    const requests: Promise<void>[] = [];
    for (const entry of this.#source.neighbours()) {
      if (!entry.managed || entry.protocol !== RTPROT_DETOUR) continue;
      const key = neighbourKey(entry);
      if (!except.has(key)) requests.push(this.#ask(key, releaseNeighbourRequest(entry.ifindex, entry.address)));
    }
    await Promise.all(requests);
  }

  /** Not twice at a time. If it is refused (the interface vanished, the table is full), the next change asks again. */
  async #ask(key: string, request: NetlinkRequest): Promise<void> {
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    await this.#writer.execute([request]);
    this.#asked.delete(key);
  }
}
