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
    void this.#release((key) => !this.#wanted?.has(key));
    this.reconcile();
  }

  /** Asks for what is missing: entries go with the carrier and with the interface's address, managed or not. */
  reconcile(): void {
    const { links } = this.#source.view();
    for (const [key, { ifindex, address }] of this.#wanted ?? []) {
      const link = links.get(ifindex);
      if (!link?.adminUp || !link.carrier || this.#asked.has(key)) continue;
      const entry = this.#source.neighbour(key);
      // A managed entry would stop to be permanent, and somebody wanted it to be.
      if (entry && (entry.managed || entry.state === 'permanent' || entry.state === 'noarp')) continue;
      this.#asked.add(key);
      // Refused (the interface vanished, a full table): the next change asks again.
      void this.#writer.execute([manageNeighbourRequest(ifindex, address)]).finally(() => this.#asked.delete(key));
    }
  }

  /** Makes all of ours ordinary entries again. */
  async releaseAll(): Promise<void> {
    this.#wanted = null;
    await this.#release(() => true);
  }

  async #release(unwanted: (key: string) => boolean): Promise<void> {
    const entries = this.#source
      .neighbours()
      .filter((one) => one.managed && one.protocol === RTPROT_DETOUR && unwanted(neighbourKey(one)));
    await this.#writer.execute(entries.map((one) => releaseNeighbourRequest(one.ifindex, one.address)));
  }
}
