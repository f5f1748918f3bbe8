/**
 * The router's channel and a node's machine over real sockets; arming takes no time here.
 *
 *     router [lan0] 192.0.2.1/24 ------ 192.0.2.2/24 [lan0] node
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { GatewayChannel, GatewayIntent } from '../../../src/controller/ports.js';
import type { GatewayTransition } from '../../../src/controller/records.js';
import { newKey, openPairings } from '../../../src/gateway/pairing/index.js';
import { openGatewayChannel } from '../../../src/gateway/router/index.js';
import { native } from '../../../src/native.js';
import { IpAddress, type Family } from '../../../src/net/ip-address.js';
import { systemClock } from '../../../src/system-clock.js';
import { pairingWith } from '../../helpers/gateway/link-rig.js';
import { testId } from '../../helpers/gateway/messages.js';
import { PlayedNode } from '../../helpers/gateway/played-node.js';
import { connectNetns, NamedNetns } from '../../helpers/named-netns.js';
import { until } from '../../helpers/poll.js';
import { gatewaysConfig } from '../../helpers/gateway/channel-world.js';

const KEY = newKey(0);

let router: NamedNetns;
let node: NamedNetns;
let directory: string;
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  router = new NamedNetns('gwch-router');
  node = new NamedNetns('gwch-node');
  connectNetns(router, 'lan0', ['192.0.2.1/24'], node, 'lan0', ['192.0.2.2/24']);
  for (const netns of [router, node]) await until(() => !netns.ip('-6 address show').includes('tentative'));
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  rmSync(directory, { recursive: true, force: true });
});
afterAll(() => {
  for (const netns of [router, node]) netns?.remove();
});

function openNode(options: { epoch?: number; prefer?: Family } = {}): PlayedNode {
  const where = { netns: node.path, ifname: 'lan0', ifindex: node.ifindexOf('lan0') };
  const phone = new PlayedNode(pairingWith('home', [KEY]), where, { self: testId('node'), ...options });
  closers.push(() => phone.close());
  const families = [{ family: 4 as const, translation: 'masquerade' as const, gateway: IpAddress.parse('192.0.2.2') }];
  phone.say({ offer: { families, backhaul: [], path: [] }, obstacle: null, upstream: [] });
  return phone;
}

interface Router {
  channel: GatewayChannel;
  records: GatewayTransition[];
  apply(active: Family[], change?: Partial<GatewayIntent>): void;
}

function openRouter(): Router {
  const config = gatewaysConfig(directory, { leaseMs: 2000, restMs: 500 });
  const records: GatewayTransition[] = [];
  const channel = openGatewayChannel({ config, native, clock: systemClock, log: () => undefined, netns: router.path });
  channel.onRecord((record) => record.kind === 'gateway' && records.push(record));
  closers.push(() => channel.close({ keep: true }));
  const links = [{ ifname: 'lan0', ifindex: router.ifindexOf('lan0') }];
  const rest = {
    config,
    standby: [],
    cause: 'fibre down',
    hindrance: null,
    links,
    clients: [],
    measured: [],
    idle: [],
  };
  return { channel, records, apply: (active, change = {}) => channel.apply({ ...rest, active, ...change }) };
}

function pair(): void {
  directory = mkdtempSync(join(tmpdir(), `detour-gwch-${process.pid}-`));
  const store = openPairings({ stateDirectory: directory, side: 'nodes' });
  store.add({ name: 'phone', peer: null, keys: [KEY], approved: true });
  store.close();
}

const stateOf = ({ channel }: Router): string | undefined => channel.status().gateways[0]?.state;

async function electedPhone(options: { prefer?: Family } = {}): Promise<{ one: Router; phone: PlayedNode }> {
  pair();
  const one = openRouter();
  one.apply([]);
  const phone = openNode({ epoch: 1_800_000_000, ...options });
  await until(() => stateOf(one) === 'offered', { what: 'an offer' });
  one.apply([4]);
  await until(() => stateOf(one) === 'elected', { what: 'an election' });
  return { one, phone };
}

describe('a router and a node on a link', () => {
  it('elect, renew, release', async () => {
    const { one, phone } = await electedPhone();
    expect(phone.armed).toBe(1);
    expect(one.channel.elected()).toMatchObject([{ name: 'phone', ifname: 'lan0', role: 'active' }]);
    const renewed = one.channel.statistics()['gatewaySent']! + 2;
    await until(() => one.channel.statistics()['gatewaySent']! >= renewed, { what: 'two renewals' });
    expect(stateOf(one)).toBe('elected');
    one.apply([], { idle: ['phone'] });
    await until(() => stateOf(one) === 'offered', { what: 'a release' });
    expect(phone.armed).toBe(0);
    expect(one.records.map(({ to }) => to)).toEqual([
      'offered',
      'electing',
      'elected',
      'leaving',
      'releasing',
      'offered',
    ]);
  });

  it('are not parted by a router that is killed and starts again within the lease', async () => {
    const { one, phone } = await electedPhone();
    await one.channel.close({ keep: true });
    const two = openRouter();
    expect(two.channel.elected()).toMatchObject([{ name: 'phone' }]);
    two.apply([4]);
    const received = two.channel.statistics()['gatewayAccepted']! + 3;
    await until(() => two.channel.statistics()['gatewayAccepted']! >= received, { what: 'answers to the new run' });
    expect(two.channel.elected()).toMatchObject([{ name: 'phone', leaving: false }]);
    expect(phone.armed).toBe(1);
    expect(two.records.map(({ to, cause }) => [to, cause])).toEqual([['elected', 'kept from an earlier run']]);
  });

  it('find each other again when the node was killed and starts again', async () => {
    const { one, phone } = await electedPhone();
    phone.close();
    const second = openNode({ epoch: 1_800_000_001 });
    await until(() => second.armed === 1, { what: 'the new run to be armed' });
    await until(() => stateOf(one) === 'elected', { what: 'another election' });
  });

  it('part when the router stops', async () => {
    const { one, phone } = await electedPhone();
    await one.channel.close({ keep: false });
    expect(phone.armed).toBe(0);
  });
});

describe('IPv6 that is turned off', () => {
  const hasLinkLocal = (netns: NamedNetns): boolean => /inet6 fe80/.test(netns.ip('-6 address show dev lan0'));
  function turn(netns: NamedNetns, on: boolean): void {
    netns.exec('sysctl', ['-qw', `net.ipv6.conf.lan0.disable_ipv6=${on ? 0 : 1}`]);
  }
  afterEach(async () => {
    for (const netns of [router, node]) turn(netns, true);
    for (const netns of [router, node])
      await until(() => hasLinkLocal(netns) && !netns.ip('-6 address show').includes('tentative'), {
        what: 'IPv6 again',
      });
  });

  it.each([
    ['on both', () => [router, node], {}],
    ['on the node', () => [node], {}],
    // Which the node cannot know: its owner says so (advertise_family).
    ['on the router', () => [router], { prefer: 4 as const }],
  ])('%s hinders no election, renewal and release', async (_, where, options) => {
    for (const netns of where()) turn(netns, false);
    expect([router, node].filter((netns) => !hasLinkLocal(netns))).toEqual(where());
    const { one, phone } = await electedPhone(options);
    expect(phone.armed).toBe(1);
    expect(one.channel.status().gateways[0]!.address).toBe('192.0.2.2');
    const renewed = one.channel.statistics()['gatewayAccepted']! + 4;
    await until(() => one.channel.statistics()['gatewayAccepted']! >= renewed, { what: 'answers to renewals' });
    expect(stateOf(one)).toBe('elected');
    one.apply([], { idle: ['phone'] });
    await until(() => phone.armed === 0, { what: 'the release' });
    await until(() => stateOf(one) === 'offered', { what: 'RELEASED' });
  });
});
