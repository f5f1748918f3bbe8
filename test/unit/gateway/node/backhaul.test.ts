/** The node's judgement of its own way out, with a clock that stands and probes that answer at command. */
import { describe, expect, test } from 'vitest';
import { openBackhaul, type BackhaulMonitor } from '../../../../src/gateway/node/backhaul/index.js';
import { isAnswer, rootQuery } from '../../../../src/gateway/node/backhaul/probe.js';
import type { WayOut } from '../../../../src/gateway/node/backhaul/types.js';
import { bestOf } from '../../../../src/gateway/node/backhaul/way-out.js';
import { parseIpJson, parseIpv4, parseIpv6 } from '../../../../src/gateway/node/default-routes.js';
import { IpAddress } from '../../../../src/net/ip-address.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

const SECOND_US = 1_000_000;

class World {
  readonly clock = new ManualClock();
  readonly asked: string[] = [];
  answering: (target: string) => Promise<number> = async () => 20_000;
  way: WayOut | string = { interface: 'wwan0', gateway: null };
  changes = 0;
  readonly monitor: BackhaulMonitor;

  constructor() {
    const targets = ['203.0.113.1', '203.0.113.2'].map((text) => ({
      kind: 'dns' as const,
      address: IpAddress.parse(text),
      port: 53,
    }));
    this.monitor = openBackhaul({
      interface: 'auto',
      targets,
      clock: this.clock,
      ways: () => this.way,
      probe: ({ address }, ifname) => {
        this.asked.push(`${address.toString()} ${ifname}`);
        return this.answering(address.toString());
      },
    });
    this.monitor.onChange(() => this.changes++);
  }

  async seconds(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await settled();
      this.clock.advance(SECOND_US);
    }
    await settled();
  }

  get state(): string | undefined {
    return this.monitor.paths()[0]?.state;
  }
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const silent = (): Promise<number> => Promise.reject(new Error('ETIMEDOUT'));

describe('a way out', () => {
  test('is unknown until the first answer, for which all targets are asked at once', async () => {
    const world = new World();
    expect(world.state).toBe('unknown');
    expect(world.asked).toEqual(['203.0.113.1 wwan0', '203.0.113.2 wwan0']);
    await settled();
    expect(world.state).toBe('good');
    expect(world.changes).toBe(1);
    expect(world.monitor.paths()).toEqual([{ family: 4, state: 'good', lossPermille: 0, rttUs: 20_000, ageMs: 0 }]);
  });

  test('asks its targets by turns while it is good', async () => {
    const world = new World();
    await world.seconds(3);
    expect(world.asked.slice(2)).toEqual(['203.0.113.1 wwan0', '203.0.113.2 wwan0', '203.0.113.1 wwan0']);
  });

  test('is bad after three rounds in a row without an answer, and good after one with', async () => {
    const world = new World();
    await settled();
    world.answering = silent;
    await world.seconds(2);
    expect(world.state).toBe('good');
    await world.seconds(1);
    expect(world.state).toBe('bad');
    expect(world.monitor.paths()[0]).toMatchObject({ lossPermille: 750 });
    expect(world.monitor.problems()).toEqual([{ family: 4, reason: 'no target answers by wwan0 (ETIMEDOUT)' }]);
    world.answering = async () => 30_000;
    await world.seconds(1);
    expect(world.state).toBe('good');
    expect(world.changes).toBe(3);
  });

  test('is not given up for one target that is dead', async () => {
    const world = new World();
    world.answering = (target) => (target.endsWith('.1') ? silent() : Promise.resolve(10_000));
    await world.seconds(20);
    expect(world.state).toBe('good');
    expect(world.monitor.paths()[0]!.lossPermille).toBe(500);
  });

  test('asks no more while a round has not ended', async () => {
    const world = new World();
    await settled();
    world.answering = () => new Promise(() => undefined);
    await world.seconds(5);
    expect(world.asked.slice(2)).toEqual(['203.0.113.1 wwan0']);
  });

  test('that changes is judged anew, and late answers of the old one count for nothing', async () => {
    const world = new World();
    let late: (rttUs: number) => void = () => undefined;
    await settled();
    world.answering = () => new Promise((resolve) => (late = resolve));
    await world.seconds(1);
    world.way = { interface: 'usb0', gateway: IpAddress.parse('192.0.2.1') };
    world.answering = silent;
    await world.seconds(1);
    late(1);
    await settled();
    expect(world.state).toBe('unknown');
    expect(world.monitor.interfaces()).toEqual({ 4: 'usb0' });
    expect(world.monitor.gateways().map(String)).toEqual(['192.0.2.1']);
    world.way = 'no default route';
    await world.seconds(1);
    expect(world.monitor.paths()).toEqual([]);
    expect(world.monitor.problems()).toEqual([{ family: 4, reason: 'no default route' }]);
  });

  test('is asked no more after close', async () => {
    const world = new World();
    await settled();
    world.monitor.close();
    await world.seconds(3);
    expect(world.asked).toHaveLength(2);
    expect(world.clock.pending).toBe(0);
  });
});

describe('the default routes', () => {
  test('of IPv4 are read from /proc/net/route, best first', () => {
    const hex = (text: string): string =>
      new Uint32Array(IpAddress.parse(text).bytes.slice().buffer)[0]!.toString(16).toUpperCase().padStart(8, '0');
    const line = (
      name: string,
      destination: string,
      gateway: string,
      flags: string,
      metric: number,
      mask = '0.0.0.0',
    ): string => `${name}\t${hex(destination)}\t${hex(gateway)}\t${flags}\t0\t0\t${metric}\t${hex(mask)}\t0\t0\t0`;
    const text = [
      'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
      line('wwan0', '0.0.0.0', '0.0.0.0', '0001', 700),
      line('wlan0', '0.0.0.0', '192.0.2.1', '0003', 600),
      line('wlan0', '192.0.2.0', '0.0.0.0', '0001', 600, '255.255.255.0'),
      line('lo', '0.0.0.0', '0.0.0.0', '0201', 1),
      line('tun0', '0.0.0.0', '10.0.0.1', '0003', 1, '128.0.0.0'),
    ].join('\n');
    expect(parseIpv4(text)).toEqual([
      { interface: 'wlan0', gateway: IpAddress.parse('192.0.2.1'), metric: 600 },
      { interface: 'wwan0', gateway: null, metric: 700 },
    ]);
  });

  test('of IPv6 are read from /proc/net/ipv6_route, without the one that refuses', () => {
    const zero = '0'.repeat(32);
    const via = 'fe80000000000000021122fffe334455';
    const text = [
      `${zero} 00 ${zero} 00 ${via} 00000400 00000001 00000000 00450003    wlan0`,
      `20010db8000000000000000000000000 40 ${zero} 00 ${zero} 00000100 00000001 00000000 00000001    wlan0`,
      `${zero} 00 20010db8000000000000000000000000 40 ${via} 00000100 00000001 00000000 00000003    wlan1`,
      `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo`,
    ].join('\n');
    expect(parseIpv6(text)).toEqual([
      { interface: 'wlan0', gateway: IpAddress.parse('fe80::211:22ff:fe33:4455'), metric: 1024 },
    ]);
  });

  test('of several tables are those that ip shows', () => {
    const text =
      '[{"dst":"default","gateway":"fe80::1","dev":"b","metric":20},{"dst":"default","metric":10,"nexthops":[{"dev":"a"}]}]';
    expect(parseIpJson(text).map((route) => route.interface)).toEqual(['a', 'b']);
    expect(parseIpJson('')).toEqual([]);
  });

  test('by a link where routers are served are no way out', () => {
    const route = (name: string, metric: number) => ({ interface: name, gateway: null, metric });
    expect(bestOf([route('lan0', 1), route('wwan0', 2)], ['lan0'])).toEqual({ interface: 'wwan0', gateway: null });
    expect(bestOf([route('lan0', 1)], ['lan0'])).toBe('the only default route is by lan0, where routers are served');
    expect(bestOf([], [])).toBe('no default route');
  });
});

test('an answer has the id of the question and says that it is one', () => {
  const query = rootQuery(0x1234);
  expect(Buffer.from(query).toString('hex')).toBe('1234010000010000000000000000020001');
  const answer = Uint8Array.from(query);
  expect(isAnswer(query, answer)).toBe(false);
  answer[2] = 0x81;
  expect(isAnswer(query, answer)).toBe(true);
  expect(isAnswer(query, answer.subarray(0, 11))).toBe(false);
  answer[1] = 0x35;
  expect(isAnswer(query, answer)).toBe(false);
});
