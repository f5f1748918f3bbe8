/** Where the gateway protocol is spoken, and by whom, as the program finds it in its maps. */
import { describe, expect, test } from 'vitest';
import { InterfaceFlag } from '../../src/abi/index.js';
import type { GatewayProtocolIntent } from '../../src/controller/ports.js';
import { native } from '../../src/native.js';
import { IpAddress } from '../../src/net/ip-address.js';
import { iface, intent, openPlane, reading, useDataplaneWorld } from '../helpers/dataplane.js';
import { ifindexOf } from '../helpers/own-netns.js';

useDataplaneWorld();

const FLAG = InterfaceFlag.GATEWAY_PROTOCOL;

interface PeerKey {
  ifindex: number;
  family: number;
  address: Uint8Array;
}

const peersPublished = (): string[] =>
  reading<PeerKey, unknown, string[]>('gateway_peers', (map) =>
    [...map.keys()]
      .map(({ ifindex, family, address }) => `${ifindex} ${family} ${Buffer.from(address).toString('hex')}`)
      .sort(),
  );

/** Their number alone: listing thousands takes a system call for each. */
const peerCount = (): number =>
  reading(
    'gateway_peers',
    ({ fd, keySize, valueSize, maxEntries }) => native.mapReadAll(fd, keySize, valueSize, maxEntries).count,
  );

const speaks = (name: string, vlanId = 0): boolean =>
  reading<unknown, { flags: number }, boolean>('interfaces', (map) => {
    const key = { port_ifindex: ifindexOf(name), vlan_id: vlanId, inner_vlan_id: 0 };
    return ((map.get(key)?.flags ?? 0) & FLAG) !== 0;
  });

const peer = (name: string, address: string): GatewayProtocolIntent['peers'][number] => ({
  ifindex: ifindexOf(name),
  address: IpAddress.parse(address),
});

const on = (names: string[], peers: GatewayProtocolIntent['peers'] = []): GatewayProtocolIntent => ({
  ifindexes: names.map(ifindexOf),
  peers,
});

describe('where the gateway protocol is spoken', () => {
  test('is nowhere unless somebody says so', async () => {
    await openPlane().apply(intent());
    expect([speaks('dt0'), speaks('dt2'), peersPublished()]).toEqual([false, false, []]);
  });

  test('is a flag of that interface alone, written once and taken back', async () => {
    const plane = openPlane();
    const vlan = iface('dt0', 7);
    const interfaces = [iface('dt0'), vlan, iface('dt2')];
    const wanted = intent({ interfaces, gatewayProtocol: { ifindexes: [vlan.ifindex], peers: [] } });
    await plane.apply(wanted);
    expect([speaks('dt0'), speaks('dt0', 7), speaks('dt2')]).toEqual([false, true, false]);
    expect((await plane.apply(wanted)).writes).toBe(0);
    expect((await plane.apply(intent({ interfaces }))).writes).toBe(1);
    expect(speaks('dt0', 7)).toBe(false);
  });

  test('is a problem where there is no program', async () => {
    const { problems } = await openPlane().apply(intent({ gatewayProtocol: { ifindexes: [4711], peers: [] } }));
    expect(problems).toEqual([
      'gateway messages on ifindex 4711 are not looked at in XDP: it carries no program of ours',
    ]);
  });
});

describe('peers', () => {
  const two = () => [peer('dt0', '192.0.2.9'), peer('dt0', 'fe80::9')];

  test('are written by interface, family and address, once, and removed', async () => {
    const plane = openPlane();
    await plane.apply(intent({ gatewayProtocol: on(['dt0'], two()) }));
    const dt0 = ifindexOf('dt0');
    expect(peersPublished()).toEqual([
      `${dt0} 4 c0000209000000000000000000000000`,
      `${dt0} 6 fe800000000000000000000000000009`,
    ]);
    expect((await plane.apply(intent({ gatewayProtocol: on(['dt0'], two()) }))).writes).toBe(0);
    const fewer = await plane.apply(intent({ gatewayProtocol: on(['dt0'], two().slice(1)) }));
    expect([fewer.writes, peersPublished()]).toEqual([1, [`${dt0} 6 fe800000000000000000000000000009`]]);
    await plane.apply(intent());
    expect(peersPublished()).toEqual([]);
  });

  test('keep what they have used up when they are published again', async () => {
    const plane = openPlane();
    await plane.apply(intent({ gatewayProtocol: on(['dt0'], two()) }));
    const used = reading<PeerKey, { paid_until_ns: bigint }, bigint | undefined>('gateway_peers', (map) => {
      const [key] = [...map.keys()];
      map.set(key!, { paid_until_ns: 77n });
      return map.get(key!)?.paid_until_ns;
    });
    expect(used).toBe(77n);
    const report = await plane.apply(intent({ gatewayProtocol: on(['dt0'], [...two(), peer('dt2', '192.0.2.10')]) }));
    expect([report.problems, report.writes]).toEqual([[], 1]);
    const left = reading<PeerKey, { paid_until_ns: bigint }, bigint[]>('gateway_peers', (map) =>
      [...map.keys()].map((key) => map.get(key)!.paid_until_ns),
    );
    expect(left.map(String).sort()).toEqual(['0', '0', '77']);
  });

  test('beyond the room there is share with strangers, and that is said', async () => {
    const peers = (name: string, network: number, count: number): GatewayProtocolIntent['peers'] => {
      const ifindex = ifindexOf(name);
      const address = (i: number): IpAddress => IpAddress.parse(`10.${network}.${i >> 8}.${i & 255}`);
      return Array.from({ length: count }, (_, i) => ({ ifindex, address: address(i) }));
    };
    const plane = openPlane();
    const report = await plane.apply(intent({ gatewayProtocol: on(['dt0'], peers('dt0', 1, 2050)) }));
    expect(report.problems).toEqual([
      'gateway_peers: 2 peers more than its 2048: they share the rate of unknown senders',
    ]);
    expect(peerCount()).toBe(2048);
    // Others altogether find room at once.
    expect((await plane.apply(intent({ gatewayProtocol: on(['dt0'], peers('dt2', 2, 2040)) }))).problems).toEqual([]);
    expect(peerCount()).toBe(2040);
  });
});
