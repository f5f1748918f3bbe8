/** The controller with one uplink, a LAN, and a neighbour on it that is elected when the uplink fails. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Controller } from '../../../src/controller/controller.js';
import { LiveService } from '../../../src/controller/live-service.js';
import type { Clock } from '../../../src/controller/ports.js';
import { nextHopIdOf } from '../../../src/controller/ids.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import { systemClock } from '../../../src/system-clock.js';
import { configOf } from '../../helpers/config.js';
import { FakeEdges, FakeGatewayChannel, phone, ToldTelemetry } from '../../helpers/fake-gateway.js';
import type { FakeFib } from '../../helpers/fake-planes.js';
import { FakePlane, fakeFib, link, viewOf } from '../../helpers/fake-planes.js';
import { until } from '../../helpers/poll.js';

const config = (section = '', more = ''): ReturnType<typeof configOf> =>
  configOf(`
uplinks:
  fibre:
    interface: eth1
    gateway: 10.0.1.1
    hold_down_ms: 0
    probes: [{type: icmp, targets: [192.0.2.53], interval_ms: 20, recover_after: 1}]
interfaces: [eth2]
gateways: {interfaces: [eth2]${section}}
${more}
`);

let controller: Controller;
let channel: FakeGatewayChannel;
let edges: FakeEdges;
let plane: FakePlane;
let fib: FakeFib;
let telemetry: ToldTelemetry;

beforeEach(() => {
  channel = new FakeGatewayChannel();
  edges = new FakeEdges();
  plane = new FakePlane();
  fib = fakeFib(viewOf(2));
  telemetry = new ToldTelemetry();
});
afterEach(() => controller.close());

/** How much later than it is the controller takes it to be. */
let lateUs = 0;
/** It stands still while a test says so. */
let frozenUs: number | null = null;
const clock: Clock = {
  ...systemClock,
  nowUs: () => frozenUs ?? systemClock.nowUs() + lateUs,
  at: (atUs, callback) => systemClock.at(atUs - lateUs, () => frozenUs ?? callback()),
};

async function start(configured = config()): Promise<void> {
  lateUs = 0;
  frozenUs = null;
  controller = new Controller(configured, { plane, fib, telemetry, clock, gateways: channel, edges });
  await controller.start();
}

/** With the uplink in use. */
async function started(configured = config()): Promise<void> {
  await start(configured);
  telemetry.sample('fibre');
  expect(active()).toEqual(['fibre']);
  await passed();
}

const active = (): string[] => controller.groups().find(({ family }) => family === 4)?.active ?? [];
const names = (): string[] => controller.config.uplinks.map(({ name }) => name);
const isAlive = (uplink: string): boolean =>
  plane.liveness.get(nextHopIdOf(controller.uplinkIndex.of(uplink), 4)) ?? false;

/** Everything that was asked for so far has been programmed. */
async function passed(): Promise<void> {
  const before = plane.applied;
  controller.reconfigure(controller.configured);
  // Not the kernel's routes: those of nodes are also written ahead of a pass.
  await until(() => plane.applied !== before, { what: 'a pass' });
  await new Promise((resolve) => setImmediate(resolve));
}

const cut = (): void => {
  const view = viewOf(2);
  fib.become({ ...view, links: new Map([...view.links, [1, link(1, 'eth1', { carrier: false })]]) }, 'link');
};
const repair = (): void => fib.become(viewOf(2), 'link');

describe('a neighbour with cold standby', () => {
  it('is not asked while the uplink works, nor before anything is known of it', async () => {
    await start();
    expect(channel.intent).toMatchObject({ active: [], standby: [] });
    telemetry.sample('fibre');
    expect(channel.intents.every(({ active: need, standby }) => need.length + standby.length === 0)).toBe(true);
  });

  it('is asked in the same turn in which the failure is decided, with its cause', async () => {
    await started();
    channel.obliging = false;
    cut();
    expect(channel.intent).toMatchObject({
      active: [4],
      standby: [],
      cause: 'IPv4: fibre is down (link down: interface eth1 has no carrier)',
      links: [{ ifindex: 2, ifname: 'eth2' }],
      clients: [Prefix.parse('10.0.2.2/32')],
    });
  });

  it('is asked when the probes of an uplink with a link are lost, too', async () => {
    await started();
    for (let n = 0; n < 3; n++) telemetry.sample('fibre', { ok: false, cause: 'no reply' });
    expect(channel.intent.active).toEqual([4]);
  });

  it('becomes an uplink that is probed in the turn of its election, and carries nothing before it answers', async () => {
    await started();
    cut();
    expect(names()).toEqual(['fibre', 'gw-phone']);
    expect(telemetry.intents.find(({ uplink }) => uplink === 'gw-phone')).toMatchObject({
      probe: { intervalMs: 20 },
      path: { ifname: 'eth2', source: IpAddress.parse('10.0.2.2'), gateway: IpAddress.parse('10.0.2.1') },
    });
    await passed();
    expect(isAlive('gw-phone')).toBe(false);
    expect(fib.applied.at(-1)!.groups[0]).toMatchObject({ active: [{ uplink: 'fibre' }], fallback: [] });
    telemetry.sample('gw-phone');
    expect(active()).toEqual(['gw-phone']);
    expect(isAlive('gw-phone')).toBe(true);
  });

  it('has the thread for itself until it answers: no pass over all planes begins', async () => {
    await started();
    const before = plane.applied;
    frozenUs = clock.nowUs();
    cut();
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(plane.applied).toBe(before);
    // The kernel's routes do not wait: with the last link the kernel has lost its own.
    expect(fib.applied.at(-1)!.paths.map(({ uplink }) => uplink)).toContain('gw-phone');
    telemetry.sample('gw-phone');
    frozenUs = null;
    await until(() => plane.applied !== before, { what: 'a pass' });
  });

  it('delays no pass where there is nobody to elect', async () => {
    await started();
    channel.obliging = false;
    channel.heard = [];
    const before = plane.applied;
    frozenUs = clock.nowUs();
    cut();
    controller.reconfigure(controller.configured);
    await until(() => plane.applied !== before, { what: 'a pass' });
  });

  it('is asked for its MAC beforehand, by the address that it offers', async () => {
    const families = [{ family: 4, gateway: '10.0.2.9' }];
    channel.offer = [{ name: 'phone', state: 'offered', rank: 1, interface: 'eth2', offer: { families } } as never];
    await started();
    expect(fib.neighbours.map(({ ifindex, address }) => `${ifindex} ${address.toString()}`)).toContain('2 10.0.2.9');
  });

  it('is left when the uplink has come back, told so only when no plane sends to it, and then no uplink any more', async () => {
    await started();
    cut();
    await passed();
    telemetry.sample('gw-phone');
    await passed();
    expect(channel.intent).toMatchObject({ active: [4], idle: [] });
    repair();
    telemetry.sample('fibre');
    expect(active()).toEqual(['fibre']);
    expect(channel.current).toEqual([phone({ leaving: true })]);
    expect(channel.intents.some(({ idle }) => idle.includes('phone') && channel.current[0]?.leaving)).toBe(true);
    await until(() => channel.current.length === 0, { what: 'the node released' });
    expect(names()).toEqual(['fibre']);
    const told = controller.events.read(0, 100).entries.map(({ record }) => record);
    expect(told).toContainEqual(
      expect.objectContaining({ kind: 'operator', what: 'drain gw-phone', by: 'gateway release' }),
    );
  });

  it('stays needed while traffic waits on it for the revert delay', async () => {
    const waiting = config(
      '',
      'groups: {default: {tiers: [[fibre]], revert_delay_ms: 3600000}}\nroutes: [{to: 0.0.0.0/0, group: default}]',
    );
    await started(waiting);
    cut();
    await passed();
    telemetry.sample('gw-phone');
    repair();
    telemetry.sample('fibre');
    expect(active()).toEqual(['gw-phone']);
    expect(channel.intent).toMatchObject({ active: [4], idle: [] });
    expect(channel.intent.cause).toMatch(/^IPv4: traffic is on phone, fibre is up/);
  });

  it('is neither asked for a family that the site does not have, nor used for it', async () => {
    channel.obliging = false;
    await start(
      configOf(`
uplinks:
  fibre:
    interface: eth1
    gateway: {ipv4: 10.0.1.1, ipv6: auto}
    probes: [{type: icmp, targets: [192.0.2.53, "2001:db8::53"]}]
interfaces: [eth2]
gateways: {interfaces: [eth2], standby: warm}
`),
    );
    telemetry.sample('fibre');
    cut();
    expect(channel.intent).toMatchObject({ active: [4], standby: [4] });
    channel.become([phone({ gateways: { 4: IpAddress.parse('10.0.2.1'), 6: IpAddress.parse('fe80::1') } })]);
    expect(controller.config.uplinks.at(-1)?.gateways).toEqual({ 4: IpAddress.parse('10.0.2.1') });
  });

  it('is asked after a start while the line is cut, when addresses were to be learned', async () => {
    cut();
    await start(
      configOf(`
uplinks: {fibre: {interface: eth1, probes: [{type: icmp, targets: [192.0.2.53, "2001:db8::53"]}]}}
interfaces: [eth2]
gateways: {interfaces: [eth2]}
`),
    );
    expect(channel.intent.active).toEqual([]);
    // Links and leases have had time to come.
    lateUs = 3_000_000;
    controller.reconfigure(controller.configured);
    expect(channel.intent.active).toEqual([4, 6]);
    expect(names()).toEqual(['fibre', 'gw-phone']);
  });

  it('is not elected where Detour only observes', async () => {
    await started(
      configOf(`mode: observe\n${'uplinks: {fibre: {interface: eth1, gateway: 10.0.1.1, probes: [{type: icmp, targets: [192.0.2.53]}]}}'}
interfaces: [eth2]
gateways: {interfaces: [eth2], standby: warm}
`),
    );
    cut();
    expect(channel.intents.every(({ active: need, standby }) => need.length + standby.length === 0)).toBe(true);
  });

  it('does not end "all down" before it works, and is never the last good path', async () => {
    await started();
    cut();
    const kinds = (): string[] => controller.events.read(0, 100).entries.map(({ record }) => record.kind);
    expect(kinds()).toContain('all-down');
    expect(kinds()).not.toContain('all-down-ended');
    expect(controller.allDown()).toMatchObject([{ family: 4, believed: true, lastGood: 'fibre' }]);
    await passed();
    telemetry.sample('gw-phone');
    expect(kinds()).toContain('all-down-ended');
    for (let n = 0; n < 3; n++) telemetry.sample('gw-phone', { ok: false, cause: 'no reply' });
    expect(controller.allDown()).toMatchObject([{ suspected: true, lastGood: 'fibre' }]);
  });
});

describe('a neighbour with warm standby', () => {
  it('is elected from the start, probed slowly, and takes over with the decision', async () => {
    await started(config(', standby: warm'));
    expect(channel.current).toEqual([phone({ role: 'standby' })]);
    expect(telemetry.intents.find(({ uplink }) => uplink === 'gw-phone')?.probe.intervalMs).toBe(1000);
    telemetry.sample('gw-phone');
    expect(active()).toEqual(['fibre']);
    cut();
    expect(active()).toEqual(['gw-phone']);
    expect(channel.current).toEqual([phone({ role: 'active' })]);
    expect(telemetry.intents.find(({ uplink }) => uplink === 'gw-phone')?.probe.intervalMs).toBe(20);
    repair();
    telemetry.sample('fibre');
    expect(active()).toEqual(['fibre']);
    await until(() => channel.current[0]?.role === 'standby', { what: 'the node on standby again' });
    expect(names()).toEqual(['fibre', 'gw-phone']);
  });
});

describe('what the router needs for a node', () => {
  it('is there before the engine hears that the path can be used, and goes after the routes', async () => {
    await started();
    edges.held = true;
    cut();
    expect(edges.applied.at(-1)).toEqual([
      { ifname: 'eth2', family: 4, node: IpAddress.parse('10.0.2.1'), translated: true },
    ]);
    telemetry.sample('gw-phone');
    expect(isAlive('gw-phone')).toBe(false);
    edges.held = false;
    edges.answer();
    await until(() => isAlive('gw-phone'), { what: 'traffic on the node' });
    repair();
    telemetry.sample('fibre');
    await until(() => channel.current.length === 0 && edges.applied.at(-1)!.length === 0, { what: 'no edge left' });
    const lastIntent = fib.applied.at(-1)!;
    expect(lastIntent.paths.map(({ uplink }) => uplink)).toEqual(['fibre']);
  });

  it('is tried before anybody is elected: nobody is while it cannot be had, and the reason is told', async () => {
    edges.inTheWay = 'nft is missing';
    await started();
    expect(controller.problems).toEqual(['nft is missing']);
    cut();
    expect(channel.intent).toMatchObject({ active: [4], hindrance: 'nft is missing' });
    expect(names()).toEqual(['fibre']);
    edges.inTheWay = null;
    await until(() => names().includes('gw-phone'), { what: 'the election, once nft is there' });
    await until(() => controller.problems.length === 0, { what: 'no problem any more' });
    expect(channel.intent.hindrance).toBeNull();
  });

  it('is not tried where nodes answer clients straight', async () => {
    edges.inTheWay = 'nft is missing';
    await started(config(', way_back: direct'));
    cut();
    expect(channel.intent).toMatchObject({ active: [4], hindrance: null });
    expect(names()).toContain('gw-phone');
  });

  it('is looked for again when rules have changed: somebody may have flushed them all', async () => {
    await started();
    cut();
    telemetry.sample('gw-phone');
    await passed();
    const [looks, applied] = [edges.looks, edges.applied.length];
    fib.become(fib.current, 'address');
    expect(edges.looks).toBe(looks);
    fib.become(fib.current, 'netfilter');
    expect(edges.looks).toBe(looks + 1);
    await until(() => edges.applied.length > applied, { what: 'a pass that looks' });
  });

  it('keeps the path out of use where it cannot be had, and says so', async () => {
    await started();
    edges.problems = ['nft: Operation not supported'];
    cut();
    await until(() => controller.problems.length > 0, { what: 'the problem told' });
    telemetry.sample('gw-phone');
    const view = controller.paths().find(({ uplink }) => uplink === 'gw-phone');
    expect(view).toMatchObject({
      state: 'down',
      cause: 'addressing is not ready: this router is not set up for it: nft: Operation not supported',
    });
    expect(controller.problems).toEqual(['nft: Operation not supported']);
    expect(isAlive('gw-phone')).toBe(false);
  });
});

describe('an elected node', () => {
  it('stays what it is through a reload', async () => {
    await started();
    cut();
    await passed();
    telemetry.sample('gw-phone');
    const id = controller.uplinkIndex.of('gw-phone');
    controller.reconfigure(config(', lease_ms: 20000'));
    expect(active()).toEqual(['gw-phone']);
    expect(controller.uplinkIndex.of('gw-phone')).toBe(id);
    expect(channel.intent.config.leaseMs).toBe(20_000);
  });

  it('of an earlier run is there from the beginning, with its number, and stays until it is known whether it is needed', async () => {
    channel = new FakeGatewayChannel([phone()]);
    await start();
    expect(controller.uplinkIndex.of('gw-phone')).toBe(1);
    expect(channel.current).toEqual([phone()]);
    expect(channel.intent).toMatchObject({ active: [4], idle: [] });
    expect(fib.applied[0]!.paths.map(({ uplink }) => uplink)).toEqual(['fibre', 'gw-phone']);
    expect(fib.applied[0]!.groups[0]).toMatchObject({ undecided: true, fallback: ['fibre', 'gw-phone'] });
    telemetry.sample('gw-phone');
    expect(active()).toEqual(['gw-phone']);
    telemetry.sample('fibre');
    await until(() => channel.current.length === 0, { what: 'the node released' });
  });

  it('that is to be released keeps the traffic until something else works', async () => {
    await started();
    channel.obliging = false;
    cut();
    channel.become([phone()]);
    await passed();
    telemetry.sample('gw-phone');
    channel.become([phone({ leaving: true })]);
    await passed();
    expect(active()).toEqual(['gw-phone']);
    expect(channel.intent.idle).toEqual([]);
    repair();
    telemetry.sample('fibre');
    expect(active()).toEqual(['fibre']);
    await until(() => channel.intent.idle.includes('phone'), { what: 'idle' });
  });

  it('that is wanted again is undrained', async () => {
    await started();
    channel.obliging = false;
    cut();
    channel.become([phone()]);
    await passed();
    telemetry.sample('gw-phone');
    channel.become([phone({ leaving: true })]);
    channel.become([phone()]);
    expect(controller.paths().find(({ uplink }) => uplink === 'gw-phone')?.state).toBe('up');
  });

  it('can be drained by an operator like any uplink', async () => {
    await started(config(', standby: warm'));
    await passed();
    telemetry.sample('gw-phone');
    new LiveService(controller).drain('gw-phone', 'me');
    expect(controller.paths().find(({ uplink }) => uplink === 'gw-phone')?.state).toBe('drained');
  });

  it('that vanishes leaves nothing, and the cause is told', async () => {
    await started();
    cut();
    await passed();
    telemetry.sample('gw-phone');
    channel.obliging = false;
    channel.become([]);
    expect(names()).toEqual(['fibre']);
    expect(active()).toEqual(['fibre']);
    const groups = controller.events
      .read(0, 100)
      .entries.flatMap(({ record }) => (record.kind === 'group' ? record : []));
    expect(groups.at(-1)).toMatchObject({ from: ['gw-phone'], cause: 'gateway nodes: phone is not elected any more' });
  });

  it('is told of what the probes through it measure', async () => {
    await started();
    cut();
    await passed();
    telemetry.sample('gw-phone');
    expect(channel.intent.measured).toMatchObject([{ node: 'phone', path: { uplink: 'gw-phone', state: 'up' } }]);
  });

  it('is a note in the health while it carries the traffic', async () => {
    channel.offer = [{ name: 'phone', offer: { metered: true } } as never];
    await started();
    cut();
    await passed();
    telemetry.sample('gw-phone');
    const service = new LiveService(controller);
    expect(service.health().problems).toContain('IPv4 goes through gateway node phone (metered)');
    expect(service.uplinks().at(-1)).toMatchObject({
      name: 'gw-phone',
      forwarding: { by: 'stack', reason: "translated to this router's address: forwarded by the stack" },
    });
    expect(service.lookup(IpAddress.parse('198.51.100.7'), null)).toMatchObject({
      uplink: 'gw-phone',
      interface: 'eth2',
      forwardedBy: 'stack',
    });
    expect(service.interfaces().find(({ name }) => name === 'eth2')?.role).toBe('interface');
    expect(plane.applied?.nextHops.map(({ redirectOk }) => redirectOk)).toEqual([true, false]);
  });
});

describe('the channel', () => {
  it("'s records are events, and a new candidate is told to the data plane", async () => {
    await started();
    channel.tell({ kind: 'gateway', gateway: 'phone', from: 'absent', to: 'offered', cause: 'advertised', atUs: 1 });
    expect(controller.events.read(0, 100).entries.at(-1)?.record).toMatchObject({ kind: 'gateway', to: 'offered' });
    await passed();
    expect(plane.applied?.gatewayProtocol).toEqual({ ifindexes: [2], peers: channel.peers() });
  });

  it('may fail without harm to the decision', async () => {
    await started(config('', ''));
    channel.apply = () => {
      throw new Error('no memory');
    };
    cut();
    expect(controller.paths()[0]?.state).toBe('down');
  });

  it('is closed after the planes, as they are', async () => {
    await started();
    await controller.close();
    expect([channel.closed, edges.closed]).toEqual([{ keep: false }, { keep: false }]);
  });
});
