/** What the watch over links is told, and what becomes of its refusal. */
import { expect, test } from 'vitest';
import type { InterfaceIntent, NextHopIntent } from '../../../src/controller/ports.js';
import { LinkWatch, watchedLinks } from '../../../src/dataplane/link-watch.js';
import { RTPROT_DETOUR } from '../../../src/kernel/netlink/constants.js';
import type { CarrierWatch, CarrierWatchOptions } from '../../../src/native.js';
import { MacAddress } from '../../../src/net/mac-address.js';
import { REALTIME_PRIORITY } from '../../../src/privileges.js';

const hop = (id: number, ifindex: number): NextHopIntent => ({ id, ifindex, gatewayMac: null, redirectOk: true });
const iface = (ifindex: number, portIfindex: number): InterfaceIntent => ({
  ifindex,
  name: `if${ifindex}`,
  portIfindex,
  vlanId: 0,
  innerVlanId: 0,
  mac: MacAddress.parse('02:00:00:00:00:01'),
  mtu: 1500,
  forward: { 4: true, 6: true },
  egress: true,
  rpFilter: 0,
});

test('a next hop hangs on its interface and on the port below it, each named once', () => {
  const interfaces = [iface(2, 2), iface(7, 2)];
  expect(watchedLinks([hop(1, 2), hop(2, 2), hop(3, 7), hop(4, 9)], interfaces)).toEqual([
    { ifindex: 2, nextHop: 1 },
    { ifindex: 2, nextHop: 2 },
    { ifindex: 7, nextHop: 3 },
    { ifindex: 2, nextHop: 3 },
    { ifindex: 9, nextHop: 4 },
  ]);
});

test('it asks for the priority whose limit is looked at before the start, and knows our routes', () => {
  const asked: CarrierWatchOptions[] = [];
  const { openCarrierWatch } = opening(null);
  const noted = (options: CarrierWatchOptions): CarrierWatch => {
    asked.push(options);
    return openCarrierWatch();
  };
  new LinkWatch({ openCarrierWatch: noted }, 3, []).close();
  expect(asked).toEqual([{ livenessFd: 3, realtimePriority: REALTIME_PRIORITY, routeProtocol: RTPROT_DETOUR }]);
});

test('a watch that cannot be opened is a note, and everything else goes on', () => {
  const notes: string[] = [];
  const openCarrierWatch = (): never => {
    throw new Error('EPERM: Operation not permitted, bind(AF_NETLINK)');
  };
  const links = new LinkWatch({ openCarrierWatch }, 3, notes);
  expect(notes).toEqual(['links are watched by the event loop only: EPERM: Operation not permitted, bind(AF_NETLINK)']);
  expect(links.publish([hop(1, 2)], [])).toEqual([]);
  expect(links.statistics()).toEqual({});
  links.close();
});

/** Watches as the addon would open them, one for each errno it ends with (null: it runs); then it refuses. */
function opening(...errors: (string | null)[]) {
  const opened: { tables: { ifindex: number; nextHop: number }[][]; closed: number }[] = [];
  const openCarrierWatch = (): CarrierWatch => {
    const error = errors[opened.length];
    if (error === undefined) throw new Error('EMFILE: Too many open files, eventfd');
    const one = { tables: [] as { ifindex: number; nextHop: number }[][], closed: 0 };
    opened.push(one);
    return {
      realtime: true,
      watch: (entries) => void one.tables.push([...entries]),
      statistics: () => ({ cleared: 1, messages: 2, overruns: 3, error }),
      close: () => void one.closed++,
    };
  };
  return { openCarrierWatch, opened };
}

test('a watch whose thread has ended is replaced in the next pass, and its counts are kept', () => {
  const { openCarrierWatch, opened } = opening('EBADF', null);
  const links = new LinkWatch({ openCarrierWatch }, 3, []);
  expect(links.publish([hop(1, 2)], [])).toEqual([]);
  expect(opened).toEqual([
    { tables: [], closed: 1 },
    { tables: [[{ ifindex: 2, nextHop: 1 }]], closed: 0 },
  ]);
  expect(links.publish([hop(1, 2)], [])).toEqual([]);
  expect(opened).toHaveLength(2);
  expect(links.statistics()).toEqual({
    linkWatchCleared: 2,
    linkWatchMessages: 4,
    linkWatchOverruns: 6,
    linkWatchRealtime: 1,
  });
  links.close();
  expect(opened[1]!.closed).toBe(1);
});

test('a watch that cannot be replaced is a problem that every pass tells and tries to solve', () => {
  const ending = opening('EBADF');
  const working = opening(null);
  let attempts = 0;
  const openCarrierWatch = (): CarrierWatch => (++attempts < 4 ? ending : working).openCarrierWatch();
  const links = new LinkWatch({ openCarrierWatch }, 3, []);
  const problem =
    'the watch over links has ended (EBADF) and does not open again (EMFILE: Too many open files, eventfd): ' +
    'failover of a cut link waits for the event loop; restart detour';
  expect(links.publish([], [])).toEqual([problem]);
  expect(links.publish([], [])).toEqual([problem]);
  expect(attempts).toBe(3);
  expect(links.statistics()).toMatchObject({ linkWatchCleared: 1, linkWatchRealtime: 0 });
  expect(links.publish([], [])).toEqual([]);
  expect(links.statistics()).toMatchObject({ linkWatchCleared: 2, linkWatchRealtime: 1 });
  links.close();
});
