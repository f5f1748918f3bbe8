/**
 * The urgent half of a link failure: a thread of the addon clears the liveness bits of the next hops on a dead link
 * before JavaScript hears of it. The controller reads the same message a little later and decides everything else.
 */
import type { InterfaceIntent, NextHopIntent } from '../controller/ports.js';
import { messageOf } from '../errors.js';
import { REALTIME_PRIORITY, RTPROT_DETOUR, type CarrierWatch, type NativeAddon } from '../native.js';

export class LinkWatch {
  readonly #native: Pick<NativeAddon, 'openCarrierWatch'>;
  readonly #livenessFd: number;
  #watch: CarrierWatch | null = null;
  /** Why the thread ended, from then until there is another. */
  #ended: string | null = null;
  /** Of the threads before this one: counters do not go back. */
  #before = { cleared: 0, messages: 0, overruns: 0 };

  /**
   * @param livenessFd stays open for as long as this is
   * @param notes gets the reason when there can be no watch: the controller then is a little slower, not wrong
   */
  constructor(native: Pick<NativeAddon, 'openCarrierWatch'>, livenessFd: number, notes: string[]) {
    this.#native = native;
    this.#livenessFd = livenessFd;
    try {
      this.#open();
    } catch (error) {
      notes.push(`links are watched by the event loop only: ${messageOf(error)}`);
    }
  }

  /** After the next hops are published. Replaces a thread that has ended, tried once a pass. @returns problems */
  publish(nextHops: readonly NextHopIntent[], interfaces: readonly InterfaceIntent[]): string[] {
    const problem = this.#revive();
    this.#watch?.watch(watchedLinks(nextHops, interfaces));
    return problem === null ? [] : [problem];
  }

  /** Nothing when there never was a watch. */
  statistics(): Record<string, number> {
    if (!this.#watch && this.#ended === null) return {};
    const { cleared, messages, overruns } = this.#totals();
    return {
      linkWatchCleared: cleared,
      linkWatchMessages: messages,
      linkWatchOverruns: overruns,
      linkWatchRealtime: Number(this.#watch?.realtime ?? false),
    };
  }

  close(): void {
    this.#watch?.close();
  }

  #open(): void {
    this.#watch = this.#native.openCarrierWatch({
      livenessFd: this.#livenessFd,
      realtimePriority: REALTIME_PRIORITY,
      routeProtocol: RTPROT_DETOUR,
    });
  }

  #revive(): string | null {
    const error = this.#watch?.statistics().error ?? null;
    if (this.#watch && error !== null) {
      this.#before = this.#totals();
      this.#watch.close();
      this.#watch = null;
      this.#ended = error;
    }
    if (this.#ended === null) return null;
    try {
      this.#open();
      this.#ended = null;
      return null;
    } catch (again) {
      const why = `the watch over links has ended (${this.#ended}) and does not open again (${messageOf(again)})`;
      return `${why}: failover of a cut link waits for the event loop; restart detour`;
    }
  }

  #totals(): { cleared: number; messages: number; overruns: number } {
    const now = this.#watch?.statistics();
    const { cleared, messages, overruns } = this.#before;
    return {
      cleared: cleared + (now?.cleared ?? 0),
      messages: messages + (now?.messages ?? 0),
      overruns: overruns + (now?.overruns ?? 0),
    };
  }
}

/** Each next hop hangs on its logical interface and on the port below: a VLAN may stay up while its port is down. */
export function watchedLinks(
  nextHops: readonly NextHopIntent[],
  interfaces: readonly InterfaceIntent[],
): { ifindex: number; nextHop: number }[] {
  const portOf = new Map(interfaces.map(({ ifindex, portIfindex }) => [ifindex, portIfindex]));
  return nextHops.flatMap(({ id, ifindex }) =>
    [...new Set([ifindex, portOf.get(ifindex) ?? ifindex])].map((link) => ({ ifindex: link, nextHop: id })),
  );
}
