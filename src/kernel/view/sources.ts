/** The sockets, collections and trackers behind the view. */
import type { KernelChange } from '../../controller/ports.js';
import type { Family } from '../../net/ip-address.js';
import { addressKey, dumpAddressesRequest, readAddress, type AddressRecord } from '../codec/address.js';
import { dumpLinksRequest, readLink, type LinkRecord } from '../codec/link.js';
import { dumpNeighboursRequest, neighbourKey, readNeighbour, type NeighbourRecord } from '../codec/neighbour.js';
import { dumpNetconfRequest, readNetconf, type NetconfRecord } from '../codec/netconf.js';
import type { XdpFeatures } from '../codec/netdev.js';
import { dumpNexthopsRequest, readNexthop, type NexthopRecord } from '../codec/nexthop.js';
import { dumpRoutesRequest } from '../codec/route.js';
import { dumpRulesRequest, readRule, type RuleRecord } from '../codec/rule.js';
import { NetlinkClient, type OpenNetlink } from '../netlink/client.js';
import * as nl from '../netlink/constants.js';
import type { NetlinkMessage, NetlinkRequest } from '../netlink/message.js';
import { BypassSources } from './bypasses.js';
import { Collection } from './collection.js';
import { gatherRoute, type RouteSlot } from './routes.js';
import { Tracker } from './tracker.js';
import { XdpFeatureSource } from './xdp-features.js';

const FAMILIES: readonly Family[] = [4, 6];

const STATE_GROUPS: readonly number[] = [
  nl.RTNLGRP_IPV4_IFADDR,
  nl.RTNLGRP_IPV6_IFADDR,
  nl.RTNLGRP_NEIGH,
  nl.RTNLGRP_IPV4_ROUTE,
  nl.RTNLGRP_IPV6_ROUTE,
  nl.RTNLGRP_IPV4_RULE,
  nl.RTNLGRP_IPV6_RULE,
  nl.RTNLGRP_NEXTHOP,
  nl.RTNLGRP_IPV4_NETCONF,
  nl.RTNLGRP_IPV6_NETCONF,
];

export interface SourceEvents {
  onLinkMessage: (message: NetlinkMessage) => void;
  onLinkDatagramEnd: () => void;
  onMessage: (message: NetlinkMessage) => void;
  onXdpFeatures: () => void;
  onBypass: (change: KernelChange) => void;
  onLost: () => void;
}

interface OtherTracker {
  change: KernelChange;
  tracker: Tracker<AddressRecord> | Tracker<NeighbourRecord> | Tracker<NetconfRecord> | Tracker<RuleRecord>;
}

interface RouteTable {
  family: Family;
  table: number;
  collection: Collection<RouteSlot>;
}

export interface Collections {
  links: Collection<LinkRecord>;
  addresses: Collection<AddressRecord>;
  neighbours: Collection<NeighbourRecord>;
  netconf: Record<Family, Collection<NetconfRecord>>;
  xdpFeatures: Collection<XdpFeatures>;
  /** Foreign ones, without the kernel's three. */
  rules: Record<Family, Collection<RuleRecord>>;
  /** Foreign ones. */
  nexthops: Collection<NexthopRecord>;
  /** Foreign ones of the tables looked at. */
  routes: RouteTable[];
}

export class ViewSources {
  readonly collections: Collections;
  readonly links: Tracker<LinkRecord>;
  readonly nexthops: Tracker<NexthopRecord>;
  readonly bypasses: BypassSources;
  /** In the order of `collections.routes`. */
  readonly routes: Tracker<RouteSlot>[];
  readonly #linkClient: NetlinkClient;
  readonly #stateClient: NetlinkClient;
  readonly #xdp: XdpFeatureSource;
  readonly #others: OtherTracker[];

  constructor(
    options: { open: OpenNetlink; netns?: string; table: number; receiveBufferBytes?: number },
    events: SourceEvents,
  ) {
    const socket = {
      protocol: nl.NETLINK_ROUTE,
      onLost: events.onLost,
      ...(options.netns === undefined ? {} : { netns: options.netns }),
      ...(options.receiveBufferBytes === undefined ? {} : { receiveBufferBytes: options.receiveBufferBytes }),
    };
    this.#linkClient = new NetlinkClient(options.open, {
      ...socket,
      groups: [nl.RTNLGRP_LINK],
      onNotification: events.onLinkMessage,
      onDatagramEnd: events.onLinkDatagramEnd,
    });
    this.#stateClient = new NetlinkClient(options.open, {
      ...socket,
      groups: STATE_GROUPS,
      onNotification: events.onMessage,
    });
    this.#xdp = new XdpFeatureSource(options.open, options.netns, events.onXdpFeatures);
    this.bypasses = new BypassSources({
      open: options.open,
      ...(options.netns === undefined ? {} : { netns: options.netns }),
      onChange: events.onBypass,
    });
    const tables = [...new Set([nl.RT_TABLE_LOCAL, nl.RT_TABLE_MAIN, options.table])];
    this.collections = {
      links: new Collection(),
      addresses: new Collection(),
      neighbours: new Collection(),
      netconf: { 4: new Collection(), 6: new Collection() },
      xdpFeatures: this.#xdp.collection,
      rules: { 4: new Collection(), 6: new Collection() },
      nexthops: new Collection(),
      routes: FAMILIES.flatMap((family) => tables.map((table) => ({ family, table, collection: new Collection() }))),
    };
    this.links = track(this.#linkClient, dumpLinksRequest(), this.collections.links, readLink, (link) =>
      String(link.ifindex),
    );
    this.nexthops = track(
      this.#stateClient,
      dumpNexthopsRequest(),
      this.collections.nexthops,
      readNexthop,
      (nexthop) => String(nexthop.id),
      (nexthop) => nexthop.protocol !== nl.RTPROT_DETOUR,
    );
    this.routes = this.collections.routes.map(
      ({ family, table, collection }) =>
        new Tracker({
          client: this.#stateClient,
          request: dumpRoutesRequest(family, { table }),
          collection,
          gather: (message) => gatherRoute(message, collection, family, table),
        }),
    );
    this.#others = this.#trackOthers();
  }

  /** The first full dump. */
  async start(): Promise<void> {
    await Promise.all([
      this.links.resync(),
      this.nexthops.resync(),
      this.#xdp.start(),
      this.bypasses.start(),
      ...this.routes.map((tracker) => tracker.resync()),
      ...this.#others.map(({ tracker }) => tracker.resync()),
    ]);
  }

  /** Dumps everything, tells which kinds differed, and resolves when all dumps are through (or have been put off). */
  async resyncAll(onChange: (change: KernelChange) => void): Promise<void> {
    const all: {
      change: KernelChange;
      tracker: { resync(): Promise<boolean>; resyncSoon(again: () => void): void };
    }[] = [
      { change: 'link', tracker: this.links },
      { change: 'link', tracker: this.#xdp },
      ...this.bypasses.trackers(),
      ...this.#others,
      { change: 'route', tracker: this.nexthops },
      ...this.routes.map((tracker) => ({ change: 'route' as const, tracker })),
    ];
    await Promise.all(
      all.map(async ({ change, tracker }) => {
        try {
          if (await tracker.resync()) onChange(change);
        } catch {
          tracker.resyncSoon(() => onChange(change));
        }
      }),
    );
  }

  close(): void {
    for (const tracker of [this.links, this.nexthops, ...this.routes, ...this.#others.map((other) => other.tracker)])
      tracker.close();
    this.#linkClient.close();
    this.#stateClient.close();
    this.#xdp.close();
    this.bypasses.close();
  }

  #trackOthers(): OtherTracker[] {
    const client = this.#stateClient;
    const { addresses, neighbours, netconf, rules } = this.collections;
    const foreign = (rule: RuleRecord): boolean => rule.protocol !== nl.RTPROT_DETOUR && !rule.isDefault;
    return [
      { change: 'address', tracker: track(client, dumpAddressesRequest(), addresses, readAddress, addressKey) },
      { change: 'neighbour', tracker: track(client, dumpNeighboursRequest(), neighbours, readNeighbour, neighbourKey) },
      ...FAMILIES.flatMap((family) => [
        {
          change: 'link' as const,
          tracker: track(client, dumpNetconfRequest(family), netconf[family], readNetconf, (one) =>
            String(one.ifindex),
          ),
        },
        {
          change: 'rule' as const,
          tracker: track(client, dumpRulesRequest(family), rules[family], readRule, (one) => one.text, foreign),
        },
      ]),
    ];
  }
}

function track<T extends object>(
  client: NetlinkClient,
  request: NetlinkRequest,
  collection: Collection<T>,
  read: (payload: Buffer) => T | null,
  key: (record: T) => string,
  wanted: (record: T) => boolean = () => true,
): Tracker<T> {
  return new Tracker({
    client,
    request,
    collection,
    gather: (message) => {
      const record = read(message.payload);
      if (record && wanted(record)) collection.addDumped(key(record), record);
    },
  });
}
