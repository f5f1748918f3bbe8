/** Steady traffic through a lab in both families, for tests of what it suffers. */
import type { Lab } from '../../src/lab/lab.js';
import { suffered, type Suffered } from '../../src/lab/measure.js';
import { LabStream } from '../../src/lab/stream.js';
import { native } from '../../src/native.js';
import { SLOWNESS, until } from './poll.js';

/**
 * A veth holds 256 packets: on a machine that is busy for longer than those last, packets would be lost that are nobody's
 * fault here. At this rate that is a quarter of a second.
 */
export const PACKETS_PER_SECOND = 1000 / SLOWNESS;
const MAX_SECONDS = 240 * SLOWNESS;

export class LabTraffic {
  readonly #streams: LabStream[] = [];
  readonly #paths: ReadonlyMap<number, number>;

  constructor(lab: Lab) {
    const { names } = lab;
    this.#paths = lab.pathByIfindex();
    for (const family of [4, 6] as const)
      this.#streams.push(
        new LabStream({ names, family, packetsPerSecond: PACKETS_PER_SECOND, maxSeconds: MAX_SECONDS }),
      );
  }

  /** Waits until what arrives, arrives by this gateway alone, in both families. */
  async arrivesBy(gateway: number): Promise<void> {
    for (const stream of this.#streams) {
      stream.takeCounts();
      const byGateway = (): boolean => {
        const counts = stream.takeCounts();
        return counts.length > 0 && counts.every(({ ifindex }) => this.#paths.get(ifindex) === gateway);
      };
      await until(byGateway, { timeoutMs: 30_000, what: `traffic arriving by gateway ${gateway}` });
    }
  }

  /** What each family suffers while `act` runs; begins and ends with traffic that arrives by `gateway`. */
  async during(gateway: number, act: () => Promise<void>): Promise<Suffered[]> {
    await this.arrivesBy(gateway);
    const fromNs = native.monotonicNs();
    await act();
    await this.arrivesBy(gateway);
    const toNs = native.monotonicNs();
    // Whatever was sent before was not overtaken: it is there, too, or lost.
    await this.arrivesBy(gateway);
    return this.stop().map((stream) => suffered(stream, fromNs, toNs));
  }

  /** Safe to call twice. */
  stop(): ReturnType<LabStream['stop']>[] {
    return this.#streams.map((stream) => stream.stop());
  }
}
