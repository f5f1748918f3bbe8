/** What the watch over links is told, and what becomes of its refusal. */
import { expect, test } from 'vitest';
import type { InterfaceIntent, NextHopIntent } from '../../../src/controller/ports.js';
import { LinkWatch, watchedLinks } from '../../../src/dataplane/link-watch.js';
import type { CarrierWatch } from '../../../src/native.js';
import { MacAddress } from '../../../src/net/mac-address.js';

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

test('a watch whose thread has ended is a problem that every pass tells again', () => {
  let closed = 0;
  const openCarrierWatch = (): CarrierWatch => ({
    realtime: false,
    watch: () => undefined,
    statistics: () => ({ cleared: 1, messages: 2, overruns: 3, error: 'EBADF' }),
    close: () => void closed++,
  });
  const links = new LinkWatch({ openCarrierWatch }, 3, []);
  expect(links.publish([], [])).toEqual(['the watch over links has ended: EBADF']);
  expect(links.statistics()).toEqual({
    linkWatchCleared: 1,
    linkWatchMessages: 2,
    linkWatchOverruns: 3,
    linkWatchRealtime: 0,
  });
  links.close();
  expect(closed).toBe(1);
});
