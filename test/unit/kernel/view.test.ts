/** The view over sockets that the test plays: what is told when, and what happens while a dump runs. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KernelChange, KernelView } from '../../../src/controller/ports.js';
import type { NetlinkSocketOptions } from '../../../src/native.js';
import { Collection } from '../../../src/kernel/view/collection.js';
import { applyRouteEvent, type RouteEffect, type RouteSlot } from '../../../src/kernel/view/routes.js';
import type { RouteRecord } from '../../../src/kernel/codec/route.js';
import * as nl from '../../../src/kernel/netlink/constants.js';
import { MessageWriter, readMessages } from '../../../src/kernel/netlink/message.js';
import { KernelState } from '../../../src/kernel/view/view.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import { until } from '../../helpers/poll.js';

const IFF_UP_AND_RUNNING = 0x1_0041;
const IFF_UP_WITHOUT_CARRIER = 0x1;

function linkPayload(flags: number, operstate: number, name = 'wan0'): (writer: MessageWriter) => void {
  return (writer) => {
    const header = Buffer.alloc(16);
    header.writeUInt16LE(1, 2);
    header.writeInt32LE(3, 4);
    header.writeUInt32LE(flags, 8);
    writer.bytes(header).attributeString(3, name).attributeU8(16, operstate);
  };
}

/** Sockets whose dumps are answered with `answers` of the request's type. */
class PlayedKernel {
  readonly sockets: { options: NetlinkSocketOptions; dumps: number }[] = [];
  answers = new Map<number, ((writer: MessageWriter) => void)[]>();
  /** Errno with which every dump ends; 0: none. */
  refusal = 0;

  open = (options: NetlinkSocketOptions) => {
    const portId = 100 + this.sockets.length;
    const socket = { options, dumps: 0 };
    this.sockets.push(socket);
    return {
      portId,
      send: (bytes: Uint8Array) => {
        for (const { type, sequence } of readMessages(Buffer.from(bytes))) {
          socket.dumps++;
          const answers = (this.answers.get(type) ?? []).map((body) => message(type - 2, body, sequence, portId));
          const done = message(nl.NLMSG_DONE, (writer) => void writer.bytes(this.#result()), sequence, portId);
          setImmediate(() => options.onMessages(Buffer.concat([...answers, done])));
        }
      },
      joinGroup: () => undefined,
      close: () => undefined,
    };
  };

  /** A notification to the socket that has joined this group. */
  notify(group: number, type: number, body: (writer: MessageWriter) => void, portId = 0): void {
    this.#socketOf(group).options.onMessages(message(type, body, 0, portId));
  }

  /** Several in one datagram. */
  notifyTogether(group: number, notifications: { type: number; body: (writer: MessageWriter) => void }[]): void {
    const messages = notifications.map(({ type, body }) => message(type, body, 0, 0));
    this.#socketOf(group).options.onMessages(Buffer.concat(messages));
  }

  overrun(group: number): void {
    this.#socketOf(group).options.onError('ENOBUFS');
  }

  #result(): Buffer {
    const result = Buffer.alloc(4);
    result.writeInt32LE(-this.refusal);
    return result;
  }

  #socketOf(group: number): { options: NetlinkSocketOptions; dumps: number } {
    return this.sockets.find(({ options }) => options.groups?.includes(group))!;
  }
}

function message(type: number, body: (writer: MessageWriter) => void, sequence: number, portId: number): Buffer {
  const writer = new MessageWriter();
  writer.message({ type, flags: 0, body }, sequence);
  const bytes = writer.take();
  bytes.writeUInt32LE(portId, 12);
  return bytes;
}

describe('the view', () => {
  let kernel: PlayedKernel;
  let state: KernelState;
  let told: { changes: KernelChange[]; view: KernelView }[];

  beforeEach(async () => {
    kernel = new PlayedKernel();
    kernel.answers.set(nl.RTM_GETLINK, [linkPayload(IFF_UP_AND_RUNNING, 6)]);
    state = await KernelState.open({ open: kernel.open, table: 254, isOwnPort: (portId) => portId === 55 });
    told = [];
    state.onChange((changes, view) => told.push({ changes: [...changes], view }));
  });

  afterEach(() => state.close());

  test('tells a lost carrier before the netlink callback returns', () => {
    kernel.notify(nl.RTNLGRP_LINK, nl.RTM_NEWLINK, linkPayload(IFF_UP_WITHOUT_CARRIER, 2));
    expect(told).toHaveLength(1);
    expect(told[0]!.changes).toEqual(['link']);
    expect(told[0]!.view.links.get(3)!.carrier).toBe(false);
  });

  test('does not tell what is no news', () => {
    kernel.notify(nl.RTNLGRP_LINK, nl.RTM_NEWLINK, linkPayload(IFF_UP_AND_RUNNING, 6));
    expect(told).toEqual([]);
  });

  test('tells when linkwatch follows a carrier that a dump had already shown: now dependent routes are gone', () => {
    kernel.notify(nl.RTNLGRP_LINK, nl.RTM_NEWLINK, linkPayload(IFF_UP_WITHOUT_CARRIER, 6));
    kernel.notify(nl.RTNLGRP_LINK, nl.RTM_NEWLINK, linkPayload(IFF_UP_WITHOUT_CARRIER, 2));
    expect(told).toHaveLength(2);
  });

  const lost = { type: nl.RTM_NEWLINK, body: linkPayload(IFF_UP_WITHOUT_CARRIER, 2) };
  const shutDown = { type: nl.RTM_NEWLINK, body: linkPayload(0, 2) };
  const found = { type: nl.RTM_NEWLINK, body: linkPayload(IFF_UP_AND_RUNNING, 6) };
  const deleted = { type: nl.RTM_DELLINK, body: linkPayload(IFF_UP_AND_RUNNING, 6) };
  const renamed = { type: nl.RTM_NEWLINK, body: linkPayload(IFF_UP_AND_RUNNING, 6, 'other0') };

  test.each([
    { what: 'a carrier that is lost and found again', together: [lost, found], states: [false, true] },
    { what: 'each of two losses', together: [lost, found, lost, found], states: [false, false, true] },
    { what: 'an interface that is shut down and set up again', together: [shutDown, found], states: [false, true] },
    { what: 'a link that is deleted and made again', together: [deleted, found], states: [undefined, true] },
    { what: 'a name that goes and comes back', together: [renamed, found], states: [undefined, true] },
  ])('tells $what within one datagram', ({ together, states }) => {
    kernel.notifyTogether(nl.RTNLGRP_LINK, together);
    const seen = told.map(({ view }) => [...view.links.values()].find(({ name }) => name === 'wan0')?.carrier);
    expect(seen).toEqual(states);
    expect(told.every(({ changes }) => changes.includes('link'))).toBe(true);
  });

  test('tells news of a datagram that are no loss once', () => {
    const mtu = (value: number) => ({
      type: nl.RTM_NEWLINK,
      body: (writer: MessageWriter): void => {
        linkPayload(IFF_UP_AND_RUNNING, 6)(writer);
        writer.attributeU32(4, value);
      },
    });
    kernel.notifyTogether(nl.RTNLGRP_LINK, [mtu(1400), mtu(1401), mtu(1402)]);
    expect(told.map(({ view }) => view.links.get(3)!.mtu)).toEqual([1402]);
  });

  test('tells a burst of routes once, without a timer, and keeps what did not change as it was', async () => {
    const before = state.view();
    for (let i = 0; i < 100; i++) kernel.notify(nl.RTNLGRP_IPV4_ROUTE, nl.RTM_NEWROUTE, routePayload(i, 3));
    expect(told).toEqual([]);
    await new Promise(setImmediate);
    expect(told.map(({ changes }) => changes)).toEqual([['route']]);
    expect(told[0]!.view.routes).toHaveLength(100);
    expect(told[0]!.view.links).toBe(before.links);
  });

  test('tells that somebody touched routes of ours, but not the echo of what we wrote', async () => {
    kernel.notify(nl.RTNLGRP_IPV4_ROUTE, nl.RTM_NEWROUTE, routePayload(1, 68), 55);
    await new Promise(setImmediate);
    expect(told).toEqual([]);
    kernel.notify(nl.RTNLGRP_IPV4_ROUTE, nl.RTM_DELROUTE, routePayload(1, 68), 77);
    await new Promise(setImmediate);
    expect(told.map(({ changes }) => changes)).toEqual([['route']]);
    expect(state.view().routes).toEqual([]);
  });

  test('keeps its list of routes, the same one, while only other things change or an audit finds nothing', async () => {
    kernel.answers.set(nl.RTM_GETROUTE, [routePayload(1, 3)]);
    kernel.notify(nl.RTNLGRP_IPV4_ROUTE, nl.RTM_NEWROUTE, routePayload(1, 3));
    const before = state.view();
    kernel.notify(nl.RTNLGRP_IPV4_RULE, nl.RTM_NEWRULE, rulePayload);
    kernel.overrun(nl.RTNLGRP_IPV4_ROUTE);
    await until(() => told.some(({ changes }) => changes.includes('resync')), { what: 'the resync' });
    expect(state.view()).not.toBe(before);
    expect(state.view().routes).toBe(before.routes);
    expect(before.routes).toHaveLength(1);
  });

  test('tells what a rule of others is about', () => {
    kernel.notify(nl.RTNLGRP_IPV4_RULE, nl.RTM_NEWRULE, rulePayload);
    expect(state.view().foreignRules).toEqual([
      { family: 4, text: 'ipv4: 100: from all lookup 100', selects: 'addresses', allToTable: 100 },
    ]);
    kernel.notify(nl.RTNLGRP_IPV4_RULE, nl.RTM_DELRULE, rulePayload);
    expect(state.view().foreignRules).toEqual([]);
  });

  test('is made true again after an overrun, and stays full meanwhile', async () => {
    kernel.answers.set(nl.RTM_GETROUTE, [routePayload(1, 3), routePayload(2, 3)]);
    kernel.notify(nl.RTNLGRP_IPV4_ROUTE, nl.RTM_NEWROUTE, routePayload(1, 3));
    kernel.notify(nl.RTNLGRP_IPV4_ROUTE, nl.RTM_NEWROUTE, routePayload(9, 3));
    await new Promise(setImmediate);
    kernel.overrun(nl.RTNLGRP_IPV4_ROUTE);
    await until(() => told.some(({ changes }) => changes.includes('resync')), { what: 'the resync' });
    expect(told.every(({ view }) => view.routes.length === 2)).toBe(true);
    expect(state.view().routes.map((route) => route.prefix.toString())).toEqual(['10.0.1.0/24', '10.0.2.0/24']);
  });

  test.each([
    { socket: 'links', group: nl.RTNLGRP_LINK },
    { socket: 'everything else', group: nl.RTNLGRP_NEIGH },
  ])('tells of an overrun of the socket for $socket also if the dumps show nothing new', async ({ group }) => {
    kernel.overrun(group);
    await until(() => told.length > 0, { what: 'the resync' });
    expect(told.map(({ changes }) => changes)).toEqual([['resync']]);
  });

  test('tells of an overrun also if the kernel refuses every dump', async () => {
    kernel.refusal = 16;
    kernel.overrun(nl.RTNLGRP_LINK);
    await until(() => told.some(({ changes }) => changes.includes('resync')), { what: 'the resync' });
  });
});

/** `from all lookup 100 priority 100`: FRA_TABLE, FRA_PRIORITY. */
function rulePayload(writer: MessageWriter): void {
  writer
    .bytes(Buffer.from([nl.AF_INET, 0, 0, 0, 100, 0, 0, 1, 0, 0, 0, 0]))
    .attributeU32(15, 100)
    .attributeU32(6, 100);
}

function routePayload(third: number, protocol: number): (writer: MessageWriter) => void {
  return (writer) => {
    const header = Buffer.alloc(12);
    header.set([nl.AF_INET, 24, 0, 0, 254, protocol, 0, 1]);
    writer
      .bytes(header)
      .attribute(1, Uint8Array.of(10, 0, third, 0))
      .attributeU32(4, 3);
  };
}

describe('a collection during a dump', () => {
  let collection: Collection<{ value: number }>;

  beforeEach(() => {
    collection = new Collection();
    for (const key of ['a', 'b', 'c']) collection.set(key, { value: 1 });
    collection.beginDump();
  });

  test('shows what it had until the dump ends, then what the dump said, in the old order', () => {
    collection.addDumped('d', { value: 4 });
    collection.addDumped('c', { value: 3 });
    collection.addDumped('a', { value: 1 });
    expect(collection.values().map(({ value }) => value)).toEqual([1, 1, 1]);
    expect(collection.finishDump()).toBe(true);
    expect(collection.values().map(({ value }) => value)).toEqual([1, 3, 4]);
  });

  test('lets news in between win over what the dump said before them', () => {
    collection.addDumped('a', { value: 1 });
    collection.addDumped('b', { value: 1 });
    collection.delete('a');
    collection.set('b', { value: 2 });
    collection.finishDump();
    expect(collection.get('a')).toBe(undefined);
    expect(collection.get('b')).toEqual({ value: 2 });
    expect(collection.get('c')).toBe(undefined);
  });

  test('forgets the parts of a dump that begins again', () => {
    collection.addDumped('x', { value: 9 });
    collection.beginDump();
    for (const key of ['a', 'b', 'c']) collection.addDumped(key, { value: 1 });
    expect(collection.finishDump()).toBe(false);
  });

  test('stays as it was when the dump is abandoned', () => {
    collection.abandonDump();
    expect(collection.finishDump()).toBe(false);
    expect(collection.values()).toHaveLength(3);
  });
});

describe('a route notification', () => {
  const route = (prefix: string, changed: Partial<RouteRecord> = {}): RouteRecord => ({
    prefix: Prefix.parse(prefix),
    table: 254,
    type: 'unicast',
    protocol: 3,
    metric: 0,
    scope: 0,
    tos: 0,
    source: null,
    legs: [],
    ifindex: 1,
    gateway: null,
    nexthopId: null,
    preferredSource: null,
    multipath: false,
    ...changed,
  });
  const [one, two, three] = [1, 2, 3].map((ifindex) => route('203.0.113.0/24', { ifindex })) as [
    RouteRecord,
    RouteRecord,
    RouteRecord,
  ];
  const six = (changed: Partial<RouteRecord>): RouteRecord => route('2001:db8::/32', changed);
  const gateway = IpAddress.parse('fe80::1');

  test.each<{
    name: string;
    before: RouteRecord[];
    type?: number;
    flags?: number;
    event: RouteRecord;
    effect: RouteEffect;
    after: RouteRecord[];
  }>([
    { name: 'adds', before: [], event: one, effect: 'changed', after: [one] },
    { name: 'prepends by default', before: [one], event: two, effect: 'changed', after: [two, one] },
    { name: 'appends', before: [one], flags: nl.NLM_F_APPEND, event: two, effect: 'changed', after: [one, two] },
    {
      name: 'replaces the first',
      before: [one, two],
      flags: nl.NLM_F_REPLACE,
      event: three,
      effect: 'changed',
      after: [three, two],
    },
    { name: 'of what is there says nothing', before: [one], event: one, effect: 'none', after: [one] },
    {
      name: 'deletes the one it means',
      before: [one, two],
      type: nl.RTM_DELROUTE,
      event: two,
      effect: 'changed',
      after: [one],
    },
    {
      name: 'about an unknown one needs a dump',
      before: [one],
      type: nl.RTM_DELROUTE,
      event: two,
      effect: 'ambiguous',
      after: [one],
    },
    {
      name: 'that adds a gateway to an IPv6 route needs a dump: the kernel merges them',
      before: [six({ gateway, ifindex: 1 })],
      event: six({ gateway, ifindex: 2 }),
      effect: 'ambiguous',
      after: [six({ gateway, ifindex: 1 })],
    },
  ])('$name', ({ before, type = nl.RTM_NEWROUTE, flags = 0, event, effect, after }) => {
    const collection = new Collection<RouteSlot>();
    const key = `${event.prefix.toString()} 0 0`;
    if (before.length > 0) collection.set(key, { routes: before });
    expect(applyRouteEvent(collection, { type, flags }, event)).toBe(effect);
    expect(collection.get(key)?.routes ?? []).toEqual(after);
  });
});
