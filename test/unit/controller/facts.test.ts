import { describe, expect, test } from 'vitest';
import { allFacts } from '../../../src/controller/facts.js';
import type { KernelView } from '../../../src/controller/ports.js';
import { eventsBetween } from '../../../src/controller/sensing.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import { configOf } from '../../helpers/config.js';
import { route, viewOf } from '../../helpers/fake-planes.js';

const fixed = configOf('uplinks: {a: {interface: eth1, gateway: 10.0.1.1}}\n');
const learning = configOf('uplinks: {a: {interface: eth1}}\n');

const path = (view: KernelView, config = fixed) =>
  allFacts(config, view)[0]!.paths.find((entry) => entry.family === 4)!;
const via = (gateway: string, metric: number) =>
  route('0.0.0.0/0', { gateway: IpAddress.parse(gateway), metric, ifindex: 1 });

describe('facts of an uplink', () => {
  test('are source, gateway and MAC where everything is there', () => {
    const facts = path(viewOf(1));
    expect(facts).toMatchObject({ ready: true, neighbour: 'resolved', detail: 'from 10.0.1.2 through 10.0.1.1' });
    expect(facts.gatewayMac?.toString()).toBe('02:00:00:00:00:01');
  });

  test('say which part of the link is missing', () => {
    const view = viewOf(1);
    const detail = (change: object): string => {
      const links = new Map([...view.links].map(([ifindex, link]) => [ifindex, { ...link, ...change }]));
      return allFacts(fixed, { ...view, links })[0]!.linkDetail;
    };
    expect(detail({ adminUp: false })).toBe('interface eth1 is administratively down');
    expect(detail({ carrier: false })).toBe('interface eth1 has no carrier');
    expect(detail({ name: 'eth7' })).toBe('interface eth1 does not exist');
  });

  test('have no source while the address is tentative', () => {
    const view = viewOf(1);
    const addresses = view.addresses.map((address) => ({ ...address, usable: false }));
    expect(path({ ...view, addresses })).toMatchObject({ ready: false, detail: 'no usable IPv4 address on eth1' });
  });

  test('learn the gateway from the best default route on the interface', () => {
    const view = viewOf(1, [via('10.0.1.9', 200), via('10.0.1.1', 100)]);
    expect(path(view, learning).gateway?.toString()).toBe('10.0.1.1');
    expect(path(viewOf(1), learning)).toMatchObject({ ready: false, gateway: null });
  });

  test('learn the gateway from the leg of a multipath route, or of a nexthop object, that is on the interface', () => {
    const leg = (ifindex: number) => ({ ifindex, gateway: IpAddress.parse(`10.0.${ifindex}.1`) });
    const legs = [leg(2), leg(1)];
    expect(path(viewOf(1, [route('0.0.0.0/0', { ifindex: null, legs })]), learning).gateway?.toString()).toBe(
      '10.0.1.1',
    );
    const byObject = viewOf(1, [route('0.0.0.0/0', { ifindex: null, nexthopId: 7 })]);
    expect(path({ ...byObject, nexthops: new Map([[7, legs]]) }, learning).gateway?.toString()).toBe('10.0.1.1');
    expect(path(byObject, learning).gateway).toBe(null);
  });

  test('learn the gateway from a source-specific default route only if there is no other', () => {
    const specific = { ...via('10.0.1.9', 1), source: Prefix.parse('10.7.0.0/16') };
    expect(path(viewOf(1, [specific, via('10.0.1.1', 100)]), learning).gateway?.toString()).toBe('10.0.1.1');
    expect(path(viewOf(1, [specific]), learning).gateway?.toString()).toBe('10.0.1.9');
  });

  test.each([
    ['failed', 'failed'],
    ['incomplete', 'unknown'],
    ['stale', 'resolved'],
    ['probe', 'resolved'],
  ] as const)('take a neighbour that is %s for %s', (state, neighbour) => {
    const view = viewOf(1);
    const neighbours = view.neighbours.map((entry) => ({ ...entry, state }));
    const facts = path({ ...view, neighbours });
    expect(facts.neighbour).toBe(neighbour);
    expect(facts.gatewayMac === null).toBe(neighbour !== 'resolved');
  });
});

describe('events between two readings', () => {
  const view = viewOf(2);
  const config = configOf(
    'uplinks: {a: {interface: eth1, gateway: 10.0.1.1}, b: {interface: eth2, gateway: 10.0.2.1}}\n',
  );
  const before = allFacts(config, view);

  test('are none when nothing changed', () => {
    expect(eventsBetween(before, allFacts(config, view))).toEqual([]);
  });

  test('tell of every link before anything else', () => {
    const links = new Map([...view.links].map(([ifindex, link]) => [ifindex, { ...link, carrier: false }]));
    const after = allFacts(config, { ...view, links, neighbours: [] });
    expect(eventsBetween(before, after).map((event) => event.type)).toEqual(['link', 'link', 'neighbour', 'neighbour']);
  });

  test('tell everything of an uplink that is new', () => {
    const types = eventsBetween([], before).map((event) => event.type);
    expect(types).toEqual(['link', 'link', 'addressing', 'neighbour', 'addressing', 'neighbour']);
  });
});
