/**
 * The kernel's state as Detour sees it: followed by notifications, made true again by dumps after lost messages, after
 * changes that the kernel does not tell about, and from time to time as an audit.
 *
 * Links have a socket of their own, so that the news of a lost carrier never waits behind routes; it is told to the
 * callbacks within the same netlink callback, before the next message is applied. Everything else is told at the end
 * of the event loop's turn.
 */
import type { KernelChange, KernelView } from '../../controller/ports.js';
import { readLink, readLinkIndex, type LinkRecord } from '../codec/link.js';
import { readAddress, addressKey } from '../codec/address.js';
import { neighbourKey, readNeighbour, type NeighbourRecord } from '../codec/neighbour.js';
import { readNetconf } from '../codec/netconf.js';
import { readNexthop, type NexthopRecord } from '../codec/nexthop.js';
import { readRoute, type RouteRecord } from '../codec/route.js';
import { readRule, type RuleRecord } from '../codec/rule.js';
import * as nl from '../netlink/constants.js';
import type { OpenNetlink } from '../netlink/client.js';
import type { NetlinkMessage } from '../netlink/message.js';
import { composeLinks, mergeNetconf } from './links.js';
import { ChangeNotifier, type ChangeCallback } from './notifier.js';
import { Flattened } from './flattened.js';
import type { Collection } from './collection.js';
import { nexthopLegs } from './nexthops.js';
import { applyRouteEvent, routeSlotKey, type RouteSlot } from './routes.js';
import { ViewSources } from './sources.js';

/**
 * Linkwatch tells of one carrier change a second (all namespaces together), and of short flaps perhaps never; a dump
 * tells the carrier as it is. Some ten links cost 0.2 ms; with thousands the pause grows, so that links are being
 * dumped for at most a hundredth of the time.
 */
const LINK_AUDIT_MS = 200;
const LINK_AUDIT_PAUSE_FACTOR = 100;
const LATE_ROUTES_MS = 250;
const FULL_AUDIT_MS = 30_000;

export interface StateOptions {
  open: OpenNetlink;
  /** Network namespace file; absent: the current one. */
  netns?: string;
  /** The configured table; local and main are always looked at. */
  table: number;
  /** Port ids of our own writing sockets: the echo of our own writes is no news. */
  isOwnPort: (portId: number) => boolean;
  /** For tests: a small one overruns. */
  receiveBufferBytes?: number;
}

export class KernelState {
  readonly #options: StateOptions;
  readonly #sources: ViewSources;
  readonly #notifier = new ChangeNotifier(() => this.view());
  #fullAudit: NodeJS.Timeout | undefined;
  #linkAudit: NodeJS.Timeout | undefined;
  #lateRouteResync: NodeJS.Timeout | undefined;
  #closed = false;
  #links: KernelView['links'] | null = null;
  #view: KernelView | null = null;
  /** Of the array it was made of: most views find the nexthops unchanged. */
  #nexthops: { of: readonly NexthopRecord[]; legs: KernelView['nexthops'] } | null = null;
  /** The news of a lost carrier must not wait for thousands of routes that have not changed. */
  readonly #routes = new Flattened((slot: RouteSlot) => slot.routes);
  readonly #rules = new Flattened(({ family, text, selects, allToTable }: RuleRecord) => [
    { family, text, selects, allToTable },
  ]);
  #routeResync: NodeJS.Immediate | null = null;

  private constructor(options: StateOptions) {
    this.#options = options;
    this.#sources = new ViewSources(options, {
      onLinkMessage: (message) => this.#onLinkMessage(message),
      // Whatever a link message changed is told before anything else is read.
      onLinkDatagramEnd: () => this.#notifier.flush(),
      onMessage: (message) => this.#onMessage(message),
      onXdpFeatures: () => this.#linkViewChanged(),
      onBypass: (change) => this.#changed(change),
      onLost: () => this.#resyncAll('resync'),
    });
  }

  /** Subscribes and dumps. @throws NetlinkError or NativeError if the kernel does not let us */
  static async open(options: StateOptions): Promise<KernelState> {
    const state = new KernelState(options);
    try {
      await state.#sources.start();
    } catch (error) {
      state.close();
      throw error;
    }
    state.#fullAudit = setInterval(() => state.#resyncAll(null), FULL_AUDIT_MS);
    state.#auditLinksIn(LINK_AUDIT_MS);
    return state;
  }

  onChange(callback: ChangeCallback): void {
    this.#notifier.add(callback);
  }

  /** As it is now; the same object until something changes. */
  view(): KernelView {
    if (this.#view) return this.#view;
    const { collections } = this.#sources;
    return (this.#view = {
      links: (this.#links ??= composeLinks(collections)),
      addresses: collections.addresses.values(),
      neighbours: collections.neighbours.values(),
      routes: this.#routes.of(collections.routes.map(({ collection }) => collection.values())),
      nexthops: this.#nexthopLegs(collections.nexthops.values()),
      foreignRules: this.#rules.of([collections.rules[4].values(), collections.rules[6].values()]),
      ...this.#sources.bypasses.view(),
    });
  }

  #nexthopLegs(records: readonly NexthopRecord[]): KernelView['nexthops'] {
    if (this.#nexthops?.of !== records) this.#nexthops = { of: records, legs: nexthopLegs(records) };
    return this.#nexthops.legs;
  }

  neighbour(key: string): NeighbourRecord | undefined {
    return this.#sources.collections.neighbours.get(key);
  }

  neighbours(): readonly NeighbourRecord[] {
    return this.#sources.collections.neighbours.values();
  }

  /** Somebody else's route for the same prefix, metric and table (and no TOS), if there is one. */
  foreignRoute({ prefix, table, metric }: Pick<RouteRecord, 'prefix' | 'table' | 'metric'>): RouteRecord | undefined {
    const found = this.#sources.collections.routes.find((one) => one.family === prefix.family && one.table === table);
    return found?.collection.get(routeSlotKey({ prefix, source: null, metric, tos: 0 }))?.routes[0];
  }

  /** Starts a full audit now, as after lost messages. */
  audit(): void {
    this.#resyncAll(null);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#fullAudit);
    clearTimeout(this.#linkAudit);
    clearTimeout(this.#lateRouteResync);
    if (this.#routeResync) clearImmediate(this.#routeResync);
    this.#notifier.close();
    this.#sources.close();
  }

  #auditLinksIn(pauseMs: number): void {
    if (this.#closed) return;
    this.#linkAudit = setTimeout(() => {
      const start = performance.now();
      void this.#sources.links
        .resync()
        .then(
          (changed) => this.#auditedLinks(changed),
          // Interrupted or overrun: the next one is not far.
          () => undefined,
        )
        .finally(() => {
          const tookMs = performance.now() - start;
          this.#auditLinksIn(Math.max(LINK_AUDIT_MS, tookMs * LINK_AUDIT_PAUSE_FACTOR));
        });
    }, pauseMs);
  }

  #auditedLinks(changed: boolean): void {
    if (!changed || this.#closed) return;
    this.#linksChanged();
    this.#notifier.flush();
  }

  #changed(change: KernelChange): void {
    this.#view = null;
    this.#notifier.mark(change);
  }

  #linksChanged(): void {
    this.#linkViewChanged();
    // What goes with a link (dead next hops, nexthop objects on it, routes by those) is taken away without a message; when an
    // interface is shut down, only after the message about that.
    this.#resyncRoutes();
    clearTimeout(this.#lateRouteResync);
    this.#lateRouteResync = setTimeout(() => this.#resyncRoutes(), LATE_ROUTES_MS);
  }

  #linkViewChanged(): void {
    this.#links = null;
    this.#changed('link');
  }

  /** At the end of the turn: the news that made it necessary goes first, and a burst of them costs one dump. */
  #resyncRoutes(): void {
    this.#routeResync ??= setImmediate(() => {
      this.#routeResync = null;
      for (const tracker of [this.#sources.nexthops, ...this.#sources.routes])
        tracker.resyncSoon(() => this.#changed('route'));
    });
  }

  /** @param because told once all dumps are through; null: only what turns out to be different is told */
  #resyncAll(because: 'resync' | null): void {
    void this.#sources
      .resyncAll((change) => {
        if (change === 'link') this.#linksChanged();
        else this.#changed(change);
      })
      .then(() => {
        if (because) this.#changed(because);
      });
  }

  #onLinkMessage({ type, payload }: NetlinkMessage): void {
    const { links } = this.#sources.collections;
    const ifindex = readLinkIndex(payload);
    if (ifindex === null || (type !== nl.RTM_NEWLINK && type !== nl.RTM_DELLINK)) return;
    const key = String(ifindex);
    const before = links.get(key);
    const after = type === nl.RTM_NEWLINK ? readLink(payload) : null;
    if (!(after ? links.set(key, after) : links.delete(key))) return;
    this.#linksChanged();
    // The next message of the datagram may take it back; then nobody would know that it was gone, and somebody who
    // reads the same messages elsewhere may have acted on it already.
    if (before && isLoss(before, after)) this.#notifier.flush();
  }

  #onMessage(message: NetlinkMessage): void {
    switch (message.type) {
      case nl.RTM_NEWADDR:
      case nl.RTM_DELADDR:
        return this.#onAddress(message);
      case nl.RTM_NEWNEIGH:
      case nl.RTM_DELNEIGH:
        return this.#onNeighbour(message);
      case nl.RTM_NEWROUTE:
      case nl.RTM_DELROUTE:
        return this.#onRoute(message);
      case nl.RTM_NEWRULE:
      case nl.RTM_DELRULE:
        return this.#onRule(message);
      case nl.RTM_NEWNETCONF:
      case nl.RTM_DELNETCONF:
        return this.#onNetconf(message);
      case nl.RTM_NEWNEXTHOP:
      case nl.RTM_DELNEXTHOP:
        return this.#onNexthop(message);
    }
  }

  #onAddress({ type, payload }: NetlinkMessage): void {
    const { addresses } = this.#sources.collections;
    const record = readAddress(payload);
    if (!record) return;
    if (type === nl.RTM_NEWADDR) {
      if (addresses.set(addressKey(record), record)) this.#changed('address');
      return;
    }
    if (addresses.delete(addressKey(record))) this.#changed('address');
    // IPv4 routes with this preferred source go without a message.
    this.#resyncRoutes();
  }

  #onNeighbour({ type, payload }: NetlinkMessage): void {
    const { neighbours } = this.#sources.collections;
    const record = readNeighbour(payload);
    if (!record) return;
    const key = neighbourKey(record);
    const changed = type === nl.RTM_NEWNEIGH ? neighbours.set(key, record) : neighbours.delete(key);
    if (changed) this.#changed('neighbour');
  }

  #onRoute(message: NetlinkMessage): void {
    const route = readRoute(message.payload);
    if (!route) return;
    if (route.protocol === nl.RTPROT_DETOUR) {
      // Not in the view; but if somebody else touched what is ours, it wants to be reconciled.
      if (!this.#options.isOwnPort(message.portId)) this.#changed('route');
      return;
    }
    const { family } = route.prefix;
    const found = this.#sources.collections.routes.findIndex(
      (one) => one.family === family && one.table === route.table,
    );
    if (found < 0) return;
    const effect = applyRouteEvent(this.#sources.collections.routes[found]!.collection, message, route);
    if (effect === 'changed') this.#changed('route');
    if (effect === 'ambiguous') this.#sources.routes[found]!.resyncSoon(() => this.#changed('route'));
  }

  #onRule(message: NetlinkMessage): void {
    const rule = readRule(message.payload);
    if (!rule) return;
    if (rule.protocol === nl.RTPROT_DETOUR) {
      if (!this.#options.isOwnPort(message.portId)) this.#changed('rule');
      return;
    }
    if (rule.isDefault) return;
    const rules = this.#sources.collections.rules[rule.family];
    const changed = message.type === nl.RTM_NEWRULE ? rules.set(rule.text, rule) : rules.delete(rule.text);
    if (changed) this.#changed('rule');
  }

  #onNetconf({ type, payload }: NetlinkMessage): void {
    const record = readNetconf(payload);
    if (!record) return;
    const netconf = this.#sources.collections.netconf[record.family];
    const key = String(record.ifindex);
    const changed =
      type === nl.RTM_NEWNETCONF ? netconf.set(key, mergeNetconf(netconf.get(key), record)) : netconf.delete(key);
    if (changed) this.#linkViewChanged();
  }

  #onNexthop(message: NetlinkMessage): void {
    const nexthop = readNexthop(message.payload);
    if (!nexthop || this.#options.isOwnPort(message.portId)) return;
    const { nexthops } = this.#sources.collections;
    const key = String(nexthop.id);
    const changed = message.type === nl.RTM_DELNEXTHOP ? nexthops.delete(key) : setForeign(nexthops, key, nexthop);
    if (changed || nexthop.protocol === nl.RTPROT_DETOUR) this.#changed('route');
    // Routes that used it go without a message.
    if (message.type === nl.RTM_DELNEXTHOP) this.#resyncRoutes();
  }
}

/** @returns whether that is news */
function setForeign(nexthops: Collection<NexthopRecord>, key: string, nexthop: NexthopRecord): boolean {
  return nexthop.protocol === nl.RTPROT_DETOUR ? nexthops.delete(key) : nexthops.set(key, nexthop);
}

/** The link was there under this name and could send, and now it is not or cannot. */
function isLoss(before: LinkRecord, after: LinkRecord | null): boolean {
  if (!after || before.name !== after.name) return true;
  return (before.adminUp && !after.adminUp) || (before.carrier && !after.carrier);
}
