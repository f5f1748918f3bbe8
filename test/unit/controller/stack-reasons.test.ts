import { describe, expect, test } from 'vitest';
import { hooksInTheWay, netfilterNotes, stackReasons } from '../../../src/controller/stack-reasons.js';
import { NameIndex } from '../../../src/controller/ids.js';
import { forwardingIntent } from '../../../src/controller/intents.js';
import type { KernelLink, NetfilterHook } from '../../../src/controller/ports.js';
import { configOf } from '../../helpers/config.js';
import { link, viewOf } from '../../helpers/fake-planes.js';

const config = configOf(`
uplinks:
  a: {interface: eth1, gateway: 10.0.1.1}
  b: {interface: eth2, gateway: 10.0.2.1, forwarding: xdp}
  c: {interface: eth3, gateway: 10.0.3.1, forwarding: stack}
interfaces: [eth4, {name: eth5, forwarding: xdp}]
`);
const hook = (change: Partial<NetfilterHook> = {}): NetfilterHook => ({
  family: 4,
  text: 'nft table ip nat, chain post (nat, postrouting)',
  translates: true,
  devices: null,
  ...change,
});
const links = (list: KernelLink[]): ReadonlyMap<number, KernelLink> => new Map(list.map((one) => [one.ifindex, one]));
const FIVE = links([1, 2, 3, 4, 5].map((index) => link(index, `eth${index}`)));
const byStack = (netfilter: NetfilterHook[]): string[] => [...stackReasons(config, { netfilter, links: FIVE }).keys()];

describe('interfaces that the stack forwards for', () => {
  test('are those configured so, while there are no rules', () => {
    expect(byStack([])).toEqual(['eth3']);
  });

  test('are all on auto with them', () => {
    expect(byStack([hook()])).toEqual(['eth4', 'eth1', 'eth3']);
  });

  test('are not more because of rules for other devices', () => {
    expect(byStack([hook({ devices: ['eth9'] })])).toEqual(['eth3']);
    expect(byStack([hook({ devices: ['eth9', 'eth2'] })])).toContain('eth1');
  });

  test('have the reason with what to do', () => {
    const second = hook({ text: 'nft table inet fw, chain f (policy drop)' });
    const third = hook({ text: 'nft table inet fw, chain g (policy drop)' });
    const looked = { netfilter: [hook(), second, { ...second, family: 6 as const }, third], links: FIVE };
    const reason =
      'nft table ip nat, chain post (nat, postrouting), nft table inet fw, chain f (policy drop) and 1 more, which XDP ' +
      'would bypass; "forwarding: xdp" for uplinks and interfaces if forwarded packets need not go through it';
    expect(stackReasons(config, looked).get('eth1')).toBe(reason);
    expect(stackReasons(config, looked).get('eth3')).toBe('configured: forwarding is stack');
    expect(netfilterNotes(config, looked)).toEqual([`the stack forwards for eth4, eth1: ${reason}`]);
  });

  test('are all of them while this machine is an armed gateway node, whatever is configured', () => {
    const node = hook({ text: 'nft table inet detour-gateway, chain postrouting (nat, postrouting)', leased: true });
    const looked = { netfilter: [node], links: FIVE };
    expect(byStack([node])).toEqual(['eth4', 'eth5', 'eth1', 'eth2', 'eth3']);
    expect(stackReasons(config, looked).get('eth3')).toBe('configured: forwarding is stack');
    const [note, ...more] = netfilterNotes(config, looked);
    expect(note).toMatch(
      /^the stack forwards for eth4, eth5, eth1, eth2: this machine is a gateway node of another router/,
    );
    expect(more).toEqual([]);
    // The reason that somebody can do something about comes first.
    expect(stackReasons(config, { ...looked, netfilter: [node, hook()] }).get('eth1')).toContain('nft table ip nat');
    expect(stackReasons(config, { ...looked, netfilter: [node, hook()] }).get('eth2')).toContain('gateway node');
  });

  test('are not told of where nothing is on auto', () => {
    const all = configOf('uplinks: {a: {interface: eth1, forwarding: xdp}}');
    expect(netfilterNotes(all, { netfilter: [hook()], links: FIVE })).toEqual([]);
  });
});

test('rules for the port below a VLAN interface concern it', () => {
  const vlan = { ...link(2, 'eth1.7'), vlan: { parentIfindex: 1, id: 7, protocol: '802.1Q' as const } };
  const onVlan = configOf('uplinks: {a: {interface: eth1.7}}');
  const looked = { netfilter: [hook({ devices: ['eth1'] })], links: links([link(1, 'eth1'), vlan]) };
  expect(hooksInTheWay(onVlan, looked)).toHaveLength(1);
});

test('what the stack forwards for is neither looked at by XDP nor sent to by it', () => {
  const names = { uplinkIndex: new NameIndex(), groupIndex: new NameIndex() };
  const view = { ...viewOf(1), links: FIVE, netfilter: [hook()] };
  const paths = [
    { family: 4, gateway: null, gatewayMac: null, source: null, neighbour: 'unknown', ready: false, detail: '' },
  ];
  const facts = ['a', 'b', 'c'].map((uplink) => ({ uplink, link: null, linkUp: true, linkDetail: '', paths }));
  const intent = forwardingIntent({ config, view, facts: facts as never, groups: [], paths: [], ...names });
  expect(intent.interfaces.map(({ name, forward, egress }) => [name, forward[4], forward[6], egress])).toEqual([
    ['eth1', false, false, false],
    ['eth2', true, true, true],
    ['eth3', false, false, false],
    ['eth4', false, false, false],
    ['eth5', true, true, true],
  ]);
  expect(intent.nextHops.map(({ ifindex, redirectOk }) => [ifindex, redirectOk])).toEqual([
    [1, false],
    [2, true],
    [3, false],
  ]);
});
