/**
 * Packets a second through the router, XDP against the kernel's own forwarding: the same namespaces, hundred routes,
 * core and run, alternating.
 *
 *   CPU 0: generator (live frames out of the client) --> lan0 | CPU 1: router's NAPI thread --> wan0/wan1 --> gateways' sink
 *
 * The sink's NAPI is scheduled by the router's transmission and runs on CPU 1, too, for both contenders alike; a sink on the
 * generator's core would lose packets while the generator runs. The generator always offers more than is forwarded.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { sh, ipBatch, tryStart } from '../lab/shell.js';
import { CLIENT_IPV4, CLIENT_IPV6, LAN_INTERFACE, gatewayIpv4, gatewayIpv6 } from '../lab/topology.js';
import { detourRoutes, kernelRoutes } from './forward-routes.js';
import { Generator } from './generator.js';
import { LabRig } from './lab-rig.js';
import { assertPinned, receiveInThread } from './napi.js';
import { ratio, row } from './result.js';
import type { Bench, BenchContext, Measured, Row } from './result.js';
import { Sink } from './sink.js';
import { pairedRatios } from './statistics.js';

const GENERATOR_CPU = 0;
const ROUTER_CPU = 1;
const PAIRS = 5;
const RUN_SECONDS = 1.5;
const WARM_UP_PACKETS = 300_000;
/** What is in the rings when the generator ends; both rings hold 256 frames. */
const DRAIN_MS = 50;
/** Below this, the generator and not the router might have been the limit. */
const MIN_OFFERED_RATIO = 1.02;
const PPS = { name: 'pps', unit: 'packets/s' };
const OFFERED = { name: 'offered_pps', unit: 'packets/s' };
const FAMILIES = [4, 6] as const;

type Contender = 'detour' | 'kernel';
type Family = (typeof FAMILIES)[number];

interface Sample {
  contender: Contender;
  family: Family;
  forwardedPps: number;
  offeredPps: number;
  /** Packets that the router's stack forwarded meanwhile, as its SNMP counters say. */
  byStack: number;
  forwarded: number;
}

class ForwardBench {
  readonly #rig: LabRig;
  readonly #generator: Generator;
  readonly #sink: Sink;
  readonly #thread: number;

  constructor(context: BenchContext) {
    this.#rig = new LabRig(context, { extra: detourRoutes() });
    const { lab } = this.#rig;
    this.#sink = new Sink(lab);
    context.defer(() => this.#sink.close());
    this.#generator = new Generator(lab.names);
    context.defer(() => this.#generator.close());
    this.#thread = receiveInThread(lab.names.router, LAN_INTERFACE, ROUTER_CPU);
  }

  /** Both families with one contender. */
  async measure(contender: Contender): Promise<Sample[]> {
    await this.#arm(contender);
    try {
      const samples: Sample[] = [];
      for (const family of FAMILIES) samples.push(await this.#sample(contender, family));
      return samples;
    } finally {
      await this.#disarm(contender);
    }
  }

  async #arm(contender: Contender): Promise<void> {
    const { router } = this.#rig.lab.names;
    if (contender === 'kernel') {
      ipBatch(router, kernelRoutes('add'));
      this.#resolveNeighbours();
      return;
    }
    const { pid } = await this.#rig.startController();
    // Its event loop is no part of the path; the prober's thread is realtime wherever it runs.
    sh('taskset', '-a', '-p', '-c', String(GENERATOR_CPU), String(pid));
  }

  async #disarm(contender: Contender): Promise<void> {
    if (contender === 'kernel') ipBatch(this.#rig.lab.names.router, kernelRoutes('del'));
    else await this.#rig.stopController();
  }

  #resolveNeighbours(): void {
    const { router } = this.#rig.lab.names;
    const addresses = [
      CLIENT_IPV4,
      CLIENT_IPV6,
      ...[0, 1].flatMap((index) => [gatewayIpv4(index), gatewayIpv6(index)]),
    ];
    for (const address of addresses) {
      // Until the first reply: what the kernel asked for in vain a moment ago it asks again only after a second.
      if (!tryStart('ip', 'netns', 'exec', router, 'ping', '-c1', '-w10', address))
        throw new Error(`the router does not reach ${address}`);
    }
  }

  async #sample(contender: Contender, family: Family): Promise<Sample> {
    const warmUp = await this.#generator.send(family, WARM_UP_PACKETS, GENERATOR_CPU);
    await sleep(DRAIN_MS);
    const packets = Math.round((WARM_UP_PACKETS / warmUp.elapsedS) * RUN_SECONDS);
    const before = { sink: this.#sink.packets(), stack: this.#forwardedByStack(family) };
    const { elapsedS } = await this.#generator.send(family, packets, GENERATOR_CPU);
    await sleep(DRAIN_MS);
    assertPinned(this.#thread, ROUTER_CPU);
    const forwarded = this.#sink.packets() - before.sink;
    return {
      contender,
      family,
      forwarded,
      forwardedPps: forwarded / elapsedS,
      offeredPps: packets / elapsedS,
      byStack: this.#forwardedByStack(family) - before.stack,
    };
  }

  #forwardedByStack(family: Family): number {
    const name = family === 4 ? 'IpForwDatagrams' : 'Ip6OutForwDatagrams';
    const text = sh('ip', 'netns', 'exec', this.#rig.lab.names.router, 'nstat', '-asz', name);
    return Number(new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  }
}

/** A run that measured something else than it says is no result. @throws Error */
function assertMeant({ contender, family, forwarded, forwardedPps, offeredPps, byStack }: Sample): void {
  const what = `${contender}, IPv${family}`;
  if (forwarded === 0) throw new Error(`${what}: nothing was forwarded`);
  if (offeredPps < forwardedPps * MIN_OFFERED_RATIO)
    throw new Error(`${what}: the generator was the limit (${Math.round(offeredPps)} packets/s offered)`);
  const stackShare = byStack / forwarded;
  if (contender === 'detour' ? stackShare > 0.01 : stackShare < 0.99)
    throw new Error(`${what}: the stack forwarded ${byStack} of ${forwarded} packets`);
}

function rowsOf(samples: readonly Sample[]): Row[] {
  return FAMILIES.flatMap((family) =>
    (['detour', 'kernel'] as const).flatMap((contender) => {
      const own = samples.filter((sample) => sample.family === family && sample.contender === contender);
      return [
        row(
          contender,
          `ipv${family}`,
          PPS,
          own.map(({ forwardedPps }) => forwardedPps),
        ),
        row(
          contender,
          `ipv${family}`,
          OFFERED,
          own.map(({ offeredPps }) => offeredPps),
        ),
      ];
    }),
  );
}

async function run(context: BenchContext): Promise<Measured> {
  const bench = new ForwardBench(context);
  const samples: Sample[] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    for (const contender of ['detour', 'kernel'] as const) {
      context.signal.throwIfAborted();
      for (const sample of await bench.measure(contender)) {
        assertMeant(sample);
        samples.push(sample);
        context.say(
          `${contender} IPv${sample.family}: ${Math.round(sample.forwardedPps)} of ${Math.round(sample.offeredPps)} packets/s`,
        );
      }
    }
  }
  const pps = (contender: Contender, family: Family): number[] =>
    samples.filter((s) => s.contender === contender && s.family === family).map(({ forwardedPps }) => forwardedPps);
  return {
    ratios: FAMILIES.map((family) =>
      ratio('detour / kernel', `ipv${family}`, pairedRatios(pps('detour', family), pps('kernel', family))),
    ),
    rows: rowsOf(samples),
    notes: [
      'CPU 0: generator and controller. CPU 1: the router (NAPI thread of lan0) and, behind it, the counting sink.',
      'A veth is no NIC: the ratio carries over, the absolute rates do not.',
    ],
  };
}

export const forward: Bench = { name: 'forward', run };
