/**
 * "The kernel agrees": random routes of Detour's and of others', and for random destinations XDP's choice (the loaded
 * program, by BPF_PROG_TEST_RUN) against the kernel's (`ip route get`). Seeded: a failure comes back with its seed.
 *
 *   in0 (client side)     [this namespace]     up0 .. up3 (uplinks)     other0 (not in the configuration)
 *
 * Every neighbour is permanent and has a MAC of its own, so a frame's destination MAC names interface and gateway.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Controller } from '../../src/controller/controller.js';
import { openDataplane, type DataPlane } from '../../src/dataplane/index.js';
import { createKernelFib } from '../../src/kernel/index.js';
import { native } from '../../src/native.js';
import { IpAddress, type Family } from '../../src/net/ip-address.js';
import { MacAddress } from '../../src/net/mac-address.js';
import { systemClock } from '../../src/system-clock.js';
import { mountBpffs } from '../helpers/bpffs.js';
import { configOf } from '../helpers/config.js';
import {
  CLIENT,
  NOT_OURS,
  UPLINKS,
  addForeignRoutes,
  buildRouter,
  configText,
  gatewayByMac,
  neighbourAddress,
  randomDestinations,
  randomForeignRoutes,
  randomPrefixes,
} from '../helpers/differential-router.js';
import { GoodTelemetry } from '../helpers/good-telemetry.js';
import { enterOwnNetns, ifindexOf, ip } from '../helpers/own-netns.js';
import { Random } from '../helpers/bpf/random.js';
import { until } from '../helpers/poll.js';
import { routeGet, type KernelChoice } from '../helpers/route-get.js';
import { udpFrame } from '../helpers/udp-frame.js';

const SEED = Number(process.env['DETOUR_TEST_SEED'] ?? 20_261);
const DESTINATIONS = 1200;
const XDP_DROP = 1;
const XDP_PASS = 2;
const XDP_REDIRECT = 4;

const random = new Random(SEED);
let bpffs: ReturnType<typeof mountBpffs>;
let plane: DataPlane;
let controller: Controller;
let inMac: MacAddress;
let neighbours: Map<string, string>;

beforeAll(async () => {
  enterOwnNetns();
  buildRouter();
  for (const key of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) writeFileSync(`/proc/sys/net/${key}`, '1');
  bpffs = mountBpffs();
  const configured = { 4: randomPrefixes(random, 4, 150), 6: randomPrefixes(random, 6, 150) };
  for (const family of [4, 6] as const)
    addForeignRoutes(family, randomForeignRoutes(random, family, configured[family]));
  const config = configOf(configText(random, [...configured[4], ...configured[6]], join(bpffs.path, 'detour')));
  const [link] = JSON.parse(ip('-json link show dev in0')) as [{ address: string }];
  inMac = MacAddress.parse(link.address);
  neighbours = gatewayByMac();
  plane = openDataplane(config.dataplane);
  const telemetry = new GoodTelemetry();
  const fib = await createKernelFib(config.kernel);
  controller = new Controller(config, { plane, fib, telemetry, clock: systemClock });
  await controller.start();
  await until(() => controller.paths().every((path) => path.state === 'up'), { timeoutMs: 30_000, what: 'paths up' });
});

afterAll(async () => {
  await controller?.close();
  bpffs?.unmount();
});

/** "up1 192.168.1.254", "pass reason", "drop" */
function xdpChoice(family: Family, to: string, from = CLIENT[family]): string {
  const frame = udpFrame({ to: inMac, source: IpAddress.parse(from), destination: IpAddress.parse(to) });
  const context = { ingressIfindex: ifindex, rxQueueIndex: 0 };
  const before = passReasons();
  const result = native.programTestRun(plane.programFd, frame, context, 1);
  if (result.verdict === XDP_DROP) return 'drop';
  if (result.verdict === XDP_PASS) {
    const after = passReasons();
    const reason = Object.keys(after).find((name) => after[name] !== before[name]);
    // Of the packets to a neighbour, one in a while: the next one is forwarded.
    return reason === 'neighbour-refresh' ? xdpChoice(family, to, from) : `pass ${reason}`;
  }
  if (result.verdict !== XDP_REDIRECT) return `verdict ${result.verdict}`;
  const mac = MacAddress.fromBytes(result.frame.subarray(0, 6)).toString();
  return neighbours.get(mac) ?? `to an unknown MAC ${mac}`;
}

let ifindex = 0;
const passReasons = (): Record<string, bigint> => plane.readReasonCounters().get(ifindex) ?? {};

/** Destinations that the configuration drops: whatever policy rules of others say (README, limits). */
let blackholes: ReadonlySet<string> = new Set();

/** null: they agree. What XDP may leave to the stack although the kernel forwards is spelled out here, and only that. */
function disagreement(to: string, kernel: KernelChoice, xdp: string): string | null {
  const differs = `${to}: the kernel ${JSON.stringify(kernel)}, XDP ${xdp}`;
  if (xdp === 'drop' && blackholes.has(to)) return null;
  if (kernel.kind === 'taken') return xdp === 'pass local' ? null : differs;
  if (kernel.kind === 'refused') {
    if (xdp === 'drop') return kernel.error === 'Invalid argument' ? null : differs;
    return xdp.startsWith('pass ') ? null : differs;
  }
  const known = [...neighbours.values()].includes(`${kernel.device} ${kernel.gateway}`);
  if (!known) return xdp === 'pass neighbour-unresolved' ? null : differs;
  if (kernel.device === NOT_OURS) return xdp === 'pass egress-not-xdp' ? null : differs;
  return xdp === `${kernel.device} ${kernel.gateway}` ? null : differs;
}

/** @param allowed what XDP may leave to the stack besides, "pass rp-filter-strict" */
function compare(
  family: Family,
  destinations: readonly string[],
  { from = CLIENT[family], allowed = '' }: { from?: string; allowed?: string } = {},
): { wrong: string[]; kinds: Map<string, number> } {
  ifindex = ifindexOf('in0');
  const kernel = routeGet(family, destinations, { from, iif: 'in0' });
  const kinds = new Map<string, number>();
  const wrong = destinations.flatMap((to, index) => {
    const xdp = xdpChoice(family, to, from);
    const kind = xdp.startsWith('up') ? 'forwarded' : xdp;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    if (xdp === allowed) return [];
    return disagreement(to, kernel[index]!, xdp) ?? [];
  });
  return { wrong, kinds };
}

const routesOf = (family: Family): string[] =>
  controller.config.routes.filter(({ prefix }) => prefix.family === family).map(({ prefix }) => prefix.toString());

describe.each([4, 6] as const)(`IPv%i, seed ${SEED}`, (family) => {
  const anywhere = (): string[] => randomDestinations(random, family, routesOf(family), DESTINATIONS);
  const agreed = async (
    destinations = anywhere(),
    options: Parameters<typeof compare>[2] = {},
  ): Promise<Map<string, number>> => {
    let result = compare(family, destinations, options);
    // Netlink and the programmer need a moment; what is still wrong then is wrong.
    await until(
      () =>
        result.wrong.length > 0 ? ((result = compare(family, destinations, options)), result.wrong.length === 0) : true,
      {
        timeoutMs: 15_000,
        everyMs: 500,
        what: 'agreement',
      },
    ).catch(() => undefined);
    expect(result.wrong).toEqual([]);
    return result.kinds;
  };

  it('XDP chooses the interface and the gateway that the kernel chooses', async () => {
    const kinds = await agreed();
    // Otherwise the comparison proves nothing: every kind of answer must have been there.
    for (const kind of ['forwarded', 'drop', 'pass local', 'pass stack-route', 'pass egress-not-xdp']) {
      expect([kind, (kinds.get(kind) ?? 0) > 0]).toEqual([kind, true]);
    }
  });

  it('follows foreign routes that come and go while it runs', async () => {
    const changes = randomForeignRoutes(random, family, routesOf(family));
    addForeignRoutes(family, changes);
    await agreed();
    for (const line of ip(`-${family} route show proto 99`)
      .split('\n')
      .filter((_, index) => index % 2 === 0)) {
      const words = line.trim().split(/ +proto/)[0];
      if (words) ip(`-${family} route del ${words} ${/metric \d+/.exec(line)?.[0] ?? ''}`.trim());
    }
    await agreed();
  });

  describe('while a policy rule of others leads packets elsewhere', () => {
    let destinations: string[];
    let before: KernelChoice[];
    const ask = (mark = 0): KernelChoice[] =>
      routeGet(family, destinations, { from: CLIENT[family], iif: 'in0', mark });
    const withRule = async (selector: string, check: () => Promise<void>): Promise<void> => {
      const rule = `priority 100 ${selector} lookup 100`;
      ip(`-${family} rule add ${rule}`);
      await check().finally(() => ip(`-${family} rule del ${rule}`));
    };
    const differing = (choices: KernelChoice[]): number =>
      choices.filter((choice, index) => JSON.stringify(choice) !== JSON.stringify(before[index])).length;

    beforeAll(() => {
      ip(`-${family} route add default via ${neighbourAddress(family, 'up2', 1)} dev up2 table 100`);
      ip(`-${family} route add unreachable ${family === 4 ? '10.128.0.0/9' : '2001:db8:80::/41'} table 100`);
      destinations = randomDestinations(random, family, routesOf(family), DESTINATIONS);
      before = ask();
      const dropped = (choice?: KernelChoice) => choice?.kind === 'refused' && choice.error === 'Invalid argument';
      blackholes = new Set(destinations.filter((_, index) => dropped(before[index])));
    });
    afterAll(() => {
      ip(`-${family} route flush table 100`);
      blackholes = new Set();
    });

    it.each([`from ${CLIENT[family]}`, 'iif in0', 'not from 192.0.2.0/24'])('%s: XDP follows it', async (selector) => {
      const own = family === 6 ? selector.replace('192.0.2.0/24', '2001:db8:aaaa::/48') : selector;
      await withRule(own, async () => {
        // Otherwise there would be nothing to follow.
        expect(differing(ask())).toBeGreaterThan(100);
        expect((await agreed(destinations)).get('forwarded') ?? 0).toBeGreaterThan(100);
      });
      await agreed(destinations);
    });

    it('fwmark 7, which XDP cannot know: the stack forwards everything', async () => {
      await withRule('fwmark 7', async () => {
        expect(differing(ask(7))).toBeGreaterThan(100);
        let kinds = new Map<string, number>();
        const left = (): boolean => !(kinds = compare(family, destinations).kinds).has('forwarded');
        await until(left, { timeoutMs: 15_000, everyMs: 500, what: 'the stack forwarding' });
        expect([...kinds.keys()].sort()).toEqual(['drop', 'pass local', 'pass stack-route']);
      });
      expect((await agreed(destinations)).get('forwarded') ?? 0).toBeGreaterThan(100);
    });
  });

  describe('with sources that the kernel may refuse', () => {
    const UNREACHABLE = { 4: '172.20.0.0/16', 6: '2001:db8:dead::/48' };
    const SOURCES = {
      4: ['192.168.4.1', '192.168.0.1', '10.3.64.9', '192.168.0.255', '192.168.4.0', '192.168.0.254', '10.77.7.7'],
      6: ['2001:db8:f004::1', '2001:db8:f000::1', '2001:db8:3:40::9', '2001:db8:f000::fe', '2001:db8:4d::7'],
    };
    const UNREACHABLE_SOURCE = { 4: '172.20.0.9', 6: '2001:db8:dead::9' };
    let destinations: string[];
    const filter = (mode: number): void => writeFileSync('/proc/sys/net/ipv4/conf/in0/rp_filter', `${mode}`);
    const isForwarded = (kinds: Map<string, number>): boolean => (kinds.get('forwarded') ?? 0) > 0;

    beforeAll(() => {
      ip(`-${family} route add unreachable ${UNREACHABLE[family]}`);
      destinations = randomDestinations(random, family, routesOf(family), 150);
    });
    afterAll(() => {
      filter(0);
      ip(`-${family} route del unreachable ${UNREACHABLE[family]}`);
    });

    it.each([0, 2])('and rp_filter %i: XDP forwards what the kernel forwards', async (mode) => {
      filter(mode);
      expect(isForwarded(await agreed(destinations))).toBe(true);
      for (const from of SOURCES[family]) await agreed(destinations, { from });
      // Without rp_filter the kernel forwards from there; XDP does not know the type of the route and leaves it.
      const allowed = mode === 0 ? 'pass martian-source' : '';
      await agreed(destinations, { from: UNREACHABLE_SOURCE[family], allowed });
      const own = compare(family, destinations, { from: SOURCES[family][0] });
      expect(isForwarded(own.kinds)).toBe(family === 6);
    });

    it('and rp_filter 1: the stack forwards IPv4, IPv6 is none of its business', async () => {
      filter(1);
      const sources = [CLIENT[family], UNREACHABLE_SOURCE[family], ...SOURCES[family]];
      for (const from of sources) {
        const kinds = await agreed(destinations, { from, allowed: 'pass rp-filter-strict' });
        if (family === 6) expect(isForwarded(kinds)).toBe(true);
        else await until(() => !isForwarded(compare(family, destinations, { from }).kinds), { what: 'the stack' });
      }
    });
  });

  it('goes on agreeing when uplinks are drained and come back', async () => {
    for (const uplink of UPLINKS.slice(0, 2)) {
      controller.dispatch({ type: 'drain', uplink, by: 'test' });
      await agreed();
      controller.dispatch({ type: 'undrain', uplink, by: 'test' });
      await agreed();
    }
  });
});
