import { describe, expect, test } from 'vitest';
import type { Config } from '../../../src/config/types.js';
import { allFacts } from '../../../src/controller/facts.js';
import { NameIndex } from '../../../src/controller/ids.js';
import {
  fibGroup,
  fibIntent,
  forwardingIntent,
  placements,
  probeIntents,
  wantedNeighbours,
} from '../../../src/controller/intents.js';
import type { Inputs } from '../../../src/controller/intents.js';
import type { KernelLink, KernelView } from '../../../src/controller/ports.js';
import type { GroupView, PathView } from '../../../src/engine/types.js';
import { configOf } from '../../helpers/config.js';
import { link, viewOf } from '../../helpers/fake-planes.js';
import { pathView } from '../../helpers/path-view.js';

const text = (ofA = '', head = ''): string => `${head}
uplinks:
  a: {interface: eth1, gateway: 10.0.1.1, probes: [{type: icmp, targets: [192.0.2.53]}]${ofA}}
  b: {interface: eth2, gateway: 10.0.2.1, probes: [{type: icmp, targets: [gateway]}]}
interfaces: [eth3]
groups: {net: {tiers: [[{uplink: a, weight: 3}], [b]]}}
routes: [{to: 0.0.0.0/0, group: net}, {to: 192.0.2.0/24, blackhole: true}]
`;
const config = configOf(text());

function inputs(change: { config?: Config; view?: KernelView; active?: string[]; states?: PathView['state'][] } = {}) {
  const view = change.view ?? viewOf(3);
  const group: GroupView = {
    group: 'net',
    family: 4,
    order: [[{ uplink: 'a', weight: 3 }], [{ uplink: 'b', weight: 1 }]],
    active: change.active ?? ['a'],
    forced: null,
    cause: '',
  };
  const [a = 'up', b = 'up'] = change.states ?? [];
  const given: Inputs = {
    config: change.config ?? config,
    view,
    facts: allFacts(change.config ?? config, view),
    groups: [group],
    paths: [pathView('a', a), pathView('b', b)],
    uplinkIndex: new NameIndex(),
    groupIndex: new NameIndex(),
  };
  // As the controller does: in the order of the configuration.
  for (const { name } of given.config.uplinks) given.uplinkIndex.of(name);
  return given;
}

const changed = (ifindex: number, change: Partial<KernelLink>): KernelView => {
  const view = viewOf(3);
  return { ...view, links: new Map(view.links).set(ifindex, { ...link(ifindex, `eth${ifindex}`), ...change }) };
};
const without = (ifindex: number): KernelView => {
  const view = viewOf(3);
  const links = new Map(view.links);
  links.delete(ifindex);
  return { ...view, links };
};

describe('placements', () => {
  test('are of uplinks and interfaces that exist', () => {
    expect([...placements(config, viewOf(3)).keys()]).toEqual(['eth1', 'eth2', 'eth3']);
    expect([...placements(config, without(2)).keys()]).toEqual(['eth1', 'eth3']);
  });
});

describe('what the data plane should hold', () => {
  test('of everything that is there', () => {
    const intent = forwardingIntent(inputs());
    expect(intent.forward).toBe(true);
    expect(intent.ports.map(({ name, redirectOk }) => [name, redirectOk])).toEqual([
      ['eth1', true],
      ['eth2', true],
      ['eth3', true],
    ]);
    expect(
      intent.nextHops.map(({ id, ifindex, gatewayMac, redirectOk }) => [id, ifindex, !!gatewayMac, redirectOk]),
    ).toEqual([
      [1, 1, true, true],
      [3, 2, true, true],
    ]);
    expect(intent.groups).toEqual([{ id: 1, tiers: [[{ nextHop: 1, weight: 3 }], [{ nextHop: 3, weight: 1 }]] }]);
  });

  test('in observe mode is all there, but nothing is forwarded', () => {
    const intent = forwardingIntent(inputs({ config: configOf(text('', 'mode: observe')) }));
    expect([intent.forward, intent.nextHops.length, intent.ports.length]).toEqual([false, 2, 3]);
  });

  test.each<[string, Config, KernelView, { forward4: (boolean | undefined)[]; redirect: boolean[] }]>([
    ['everything is right', config, viewOf(3), { forward4: [true, true, true], redirect: [true, true] }],
    [
      'the stack is configured to forward for a',
      configOf(text(', forwarding: stack')),
      viewOf(3),
      { forward4: [false, true, true], redirect: [false, true] },
    ],
    [
      'eth1 takes no redirected frames: it can still receive',
      config,
      changed(1, { xdpRedirectTarget: false }),
      { forward4: [true, true, true], redirect: [false, true] },
    ],
    [
      'the kernel does not forward what comes in by eth3',
      config,
      changed(3, { forwarding: { 4: false, 6: true } }),
      { forward4: [true, true, false], redirect: [true, true] },
    ],
    ['eth1 is gone', config, without(1), { forward4: [true, true], redirect: [true] }],
    [
      'eth1 has no Ethernet header',
      config,
      changed(1, { ethernet: false, kind: 'wireguard', mac: null }),
      { forward4: [true, true], redirect: [false, true] },
    ],
  ])('%s', (_what, given, view, expected) => {
    const { interfaces, nextHops } = forwardingIntent(inputs({ config: given, view }));
    expect({
      forward4: interfaces.map(({ forward }) => forward[4]),
      redirect: nextHops.map(({ redirectOk }) => redirectOk),
    }).toEqual(expected);
  });

  test('of two VLANs on one port is one port', () => {
    const vlan = (ifindex: number, id: number): KernelLink => ({
      ...link(ifindex, `eth9.${id}`),
      kind: 'vlan',
      vlan: { parentIfindex: 9, id, protocol: '802.1Q' },
    });
    const given = configOf(
      'uplinks: {a: {interface: eth9.5, gateway: 10.0.1.1}, b: {interface: eth9.6, gateway: 10.0.2.1}}\n',
    );
    const links = new Map([link(9, 'eth9'), vlan(1, 5), vlan(2, 6)].map((one) => [one.ifindex, one]));
    const { ports, interfaces } = forwardingIntent({
      ...inputs({ config: given, view: { ...viewOf(2), links } }),
      groups: [],
    });
    expect(ports.map(({ name }) => name)).toEqual(['eth9']);
    expect(interfaces.map(({ portIfindex, vlanId }) => [portIfindex, vlanId])).toEqual([
      [9, 5],
      [9, 6],
    ]);
  });
});

describe('what the kernel should hold', () => {
  test('of everything that is there', () => {
    const { paths, groups, routes } = fibIntent(inputs());
    expect(
      paths.map(({ uplink, uplinkIndex, ifindex, gateway, source, usable }) => [
        uplink,
        uplinkIndex,
        ifindex,
        String(gateway),
        String(source),
        usable,
      ]),
    ).toEqual([
      ['a', 0, 1, '10.0.1.1', '10.0.1.2', true],
      ['b', 1, 2, '10.0.2.1', '10.0.2.2', true],
    ]);
    expect(groups).toEqual([
      {
        groupIndex: 0,
        group: 'net',
        family: 4,
        active: [{ uplink: 'a', weight: 3 }],
        fallback: ['b'],
        undecided: false,
      },
    ]);
    expect(routes.map(({ prefix, target }) => `${prefix.toString()} ${target.kind}`)).toEqual([
      '0.0.0.0/0 group',
      '192.0.2.0/24 blackhole',
    ]);
  });

  test('in observe mode is nothing', () => {
    const given = inputs({ config: configOf(text('', 'mode: observe')) });
    expect(fibIntent(given)).toEqual({ paths: [], groups: [], routes: [] });
  });

  test('of a link that is down is a path that cannot be used, and of one that is gone none', () => {
    const usable = (view: KernelView) => fibIntent(inputs({ view })).paths.map((one) => [one.uplink, one.usable]);
    expect(usable(changed(1, { carrier: false }))).toEqual([
      ['a', false],
      ['b', true],
    ]);
    expect(usable(without(1))).toEqual([['b', true]]);
  });

  test.each<[string, string[], PathView['state'][], undecided: boolean]>([
    ['nobody is judged', [], ['init', 'init'], true],
    ['one is judged down, the other may still come', [], ['down', 'init'], true],
    ['all are down', [], ['down', 'down'], false],
    ['one carries', ['a'], ['up', 'init'], false],
  ])('a group is undecided or not: %s', (_what, active, states, undecided) => {
    expect(fibIntent(inputs({ active, states })).groups[0]?.undecided).toBe(undecided);
  });

  test('a group lists who carries with weights, and the others in order', () => {
    const group = { ...inputs().groups[0]!, active: ['b'] };
    expect(fibGroup(group, new NameIndex())).toMatchObject({ active: [{ uplink: 'b', weight: 1 }], fallback: ['a'] });
    expect(fibGroup({ ...group, active: [] }, new NameIndex())).toMatchObject({ active: [], fallback: ['a', 'b'] });
  });
});

describe('neighbours to keep resolved', () => {
  const wanted = (view: KernelView): string[] =>
    wantedNeighbours(allFacts(config, view)).map(({ ifindex, address }) => `${ifindex} ${address.toString()}`);

  test('are the gateways of every path, in use or not, on Ethernet', () => {
    expect(wanted(viewOf(3))).toEqual(['1 10.0.1.1', '2 10.0.2.1']);
    expect(wanted(changed(1, { ethernet: false }))).toEqual(['2 10.0.2.1']);
    expect(wanted(without(2))).toEqual(['1 10.0.1.1']);
  });
});

describe('probes', () => {
  const lines = (given: Inputs, xdpPorts: number[] = [1, 2]): string[] =>
    probeIntents(given, new Set(xdpPorts)).map(({ uplink, family, path: by, reason }) =>
      by
        ? `${uplink} ${family} ${by.ifname} ${by.gateway.toString()} mark ${by.mark} ${by.xdp ? 'xdp' : 'socket'}`
        : `${uplink} ${family} not sent: ${reason}`,
    );
  const { markBase } = config.kernel;
  const a = `a 4 eth1 10.0.1.1 mark ${markBase} xdp`;
  const b = `b 4 eth2 10.0.2.1 mark ${markBase + 1} xdp`;

  test('leave by their uplink, with its mark', () => {
    expect(lines(inputs())).toEqual([a, b]);
  });

  test('are heard by a socket where no program is attached', () => {
    expect(lines(inputs(), [2])).toEqual([a.replace('xdp', 'socket'), b]);
  });

  test('carry no mark in observe mode, which installs no rules', () => {
    const observing = inputs({ config: configOf(text('', 'mode: observe')) });
    expect(lines(observing).every((line) => line.includes('mark 0 '))).toBe(true);
  });

  test.each<[string, KernelView, string]>([
    ['without carrier', changed(1, { carrier: false }), 'interface eth1 has no carrier'],
    ['without an interface', without(1), 'interface eth1 does not exist'],
    ['without an address', { ...viewOf(3), addresses: [] }, 'no usable IPv4 address on eth1'],
    ['without a MAC of the gateway', { ...viewOf(3), neighbours: [] }, 'gateway 10.0.1.1 does not answer ARP'],
  ])('%s are not sent, with the reason', (_what, view, reason) => {
    expect(lines(inputs({ view }))[0]).toBe(`a 4 not sent: ${reason}`);
  });

  test('without an Ethernet header need no MAC', () => {
    const view = { ...changed(1, { ethernet: false, mac: null, kind: 'ppp' }), neighbours: [] };
    expect(lines(inputs({ view }), [])[0]).toBe(a.replace('xdp', 'socket'));
  });
});
