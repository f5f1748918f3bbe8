/**
 * The urgent half of a link failure: a thread of the addon clears the liveness bits of the next hops on a dead link
 * before JavaScript hears of it. The controller reads the same message a little later and decides everything else.
 */
import type { InterfaceIntent, NextHopIntent } from '../controller/ports.js';
import type { CarrierWatch, NativeAddon } from '../native.js';

/** As the probes' transmitter: below interrupt threads (50), above everything ordinary. */
const REALTIME_PRIORITY = 40;
/** rtm_protocol of the routes that Detour puts into the kernel (kernel/fib). */
const ROUTE_PROTOCOL = 68;

export class LinkWatch {
  readonly #watch: CarrierWatch | null = null;

  /** @param notes gets the reason when there can be no watch: the controller then is a little slower, not wrong */
  constructor(native: Pick<NativeAddon, 'openCarrierWatch'>, livenessFd: number, notes: string[]) {
    try {
      this.#watch = native.openCarrierWatch({
        livenessFd,
        realtimePriority: REALTIME_PRIORITY,
        routeProtocol: ROUTE_PROTOCOL,
      });
    } catch (error) {
      notes.push(`links are watched by the event loop only: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** After the next hops are published. @returns problems */
  publish(nextHops: readonly NextHopIntent[], interfaces: readonly InterfaceIntent[]): string[] {
    if (!this.#watch) return [];
    this.#watch.watch(watchedLinks(nextHops, interfaces));
    const { error } = this.#watch.statistics();
    return error === null ? [] : [`the watch over links has ended: ${error}`];
  }

  /** Nothing when there is no watch. */
  statistics(): Record<string, number> {
    if (!this.#watch) return {};
    const { cleared, messages, overruns } = this.#watch.statistics();
    return {
      linkWatchCleared: cleared,
      linkWatchMessages: messages,
      linkWatchOverruns: overruns,
      linkWatchRealtime: Number(this.#watch.realtime),
    };
  }

  close(): void {
    this.#watch?.close();
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
