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
import { initialNode, nextDeadlineUs, step, type NodeState } from '../../../src/gateway/node/machine.js';
import type { NodeEvent } from '../../../src/gateway/node/types.js';
import { openGatewayLink, type OpenGatewayLink } from '../../../src/gateway/link/index.js';
import { newKey, openPairings } from '../../../src/gateway/pairing/index.js';
import { openGatewayChannel } from '../../../src/gateway/router/index.js';
import { native } from '../../../src/native.js';
import { IpAddress, type Family } from '../../../src/net/ip-address.js';
import { systemClock } from '../../../src/system-clock.js';
import { pairingWith } from '../../helpers/gateway/link-rig.js';
import { testId } from '../../helpers/gateway/messages.js';
import { connectNetns, NamedNetns } from '../../helpers/named-netns.js';
import { until } from '../../helpers/poll.js';
import { gatewaysConfig } from '../../unit/gateway/channel-world.js';

const KEY = newKey(0);
const SECOND = 1_000_000;

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

/** The pure machine on a socket. */
class Node {
  readonly link: OpenGatewayLink;
  armed = 0;
  #state: NodeState;
  #cancel: (() => void) | null = null;

  constructor(epoch: number) {
    const self = testId('node');
    const policy = { self, slots: 1, advertiseIntervalUs: 200_000, maximumLeaseUs: 60 * SECOND };
    this.#state = initialNode({ policy, epoch, seed: 1 });
    this.link = openGatewayLink({
      role: 'node',
      self,
      pairings: () => pairings,
      native,
      clock: systemClock,
      onMessage: (received) => this.tell({ type: 'message', received }),
      onBurst: () => undefined,
      onPeer: () => undefined,
      netns: node.path,
    });
    const pairings = [pairingWith('home', [KEY])];
    closers.push(() => this.kill());
    this.link.setInterfaces([{ ifname: 'lan0', ifindex: node.ifindexOf('lan0') }]);
    this.link.setUrgent(true);
    this.tell({ type: 'pairings', names: ['home'] });
    const families = [
      { family: 4 as const, translation: 'masquerade' as const, gateway: IpAddress.parse('192.0.2.2') },
    ];
    const condition = { offer: { families, backhaul: [], path: [] }, obstacle: null, upstream: [] };
    this.tell({ type: 'condition', condition });
  }

  tell(event: NodeEvent): void {
    const { state, actions } = step(this.#state, event, systemClock.nowUs());
    this.#state = state;
    for (const action of actions) {
      if (action.type === 'send') this.link.send(action.outgoing);
      if (action.type !== 'apply') continue;
      this.armed = action.leases.length;
      queueMicrotask(() => this.tell({ type: 'applied', version: action.version, problem: null }));
    }
    this.#cancel?.();
    const atUs = nextDeadlineUs(this.#state);
    this.#cancel = atUs === null ? null : systemClock.at(atUs, () => this.tell({ type: 'tick' }));
  }

  /** Without a word. */
  kill(): void {
    this.#cancel?.();
    this.link.close();
  }
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
  const rest = { config, standby: [], cause: 'fibre down', links, clients: [], measured: [], idle: [] };
  return { channel, records, apply: (active, change = {}) => channel.apply({ ...rest, active, ...change }) };
}

function pair(): void {
  directory = mkdtempSync(join(tmpdir(), `detour-gwch-${process.pid}-`));
  const store = openPairings({ stateDirectory: directory, side: 'nodes' });
  store.add({ name: 'phone', peer: null, keys: [KEY], approved: true });
  store.close();
}

const stateOf = ({ channel }: Router): string | undefined => channel.status().gateways[0]?.state;

async function electedPhone(): Promise<{ one: Router; phone: Node }> {
  pair();
  const one = openRouter();
  one.apply([]);
  const phone = new Node(1_800_000_000);
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
    phone.kill();
    const second = new Node(1_800_000_001);
    await until(() => second.armed === 1, { what: 'the new run to be armed' });
    await until(() => stateOf(one) === 'elected', { what: 'another election' });
  });

  it('part when the router stops', async () => {
    const { one, phone } = await electedPhone();
    await one.channel.close({ keep: false });
    expect(phone.armed).toBe(0);
  });
});
