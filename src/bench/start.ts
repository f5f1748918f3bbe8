/** From spawning `detour run` until it says that it is ready, and until the first packet gets through. */
import { setTimeout as sleep } from 'node:timers/promises';
import { native } from '../native.js';
import { LabStream } from '../lab/stream.js';
import { LabRig } from './lab-rig.js';
import { row } from './result.js';
import type { Bench, BenchContext, Measured } from './result.js';

const RUNS = 5;
/** One packet a millisecond: the resolution of the second number. */
const PACKETS_PER_SECOND = 1000;
const MAX_SECONDS = 60;
const TIMEOUT_MS = 20_000;
const FAMILIES = [4, 6] as const;
const NS_PER_MS = 1e6;

interface Sample {
  readyMs: number;
  firstPacketMs: Record<(typeof FAMILIES)[number], number>;
}

/** Before the controller starts, the router has no route to the far server: what arrives, the start made possible. */
async function measure(context: BenchContext, rig: LabRig): Promise<Sample> {
  const { names } = rig.lab;
  const streams = FAMILIES.map(
    (family) => new LabStream({ names, family, packetsPerSecond: PACKETS_PER_SECOND, maxSeconds: MAX_SECONDS }),
  );
  try {
    const fromNs = native.monotonicNs();
    await rig.startController();
    const readyMs = Number(native.monotonicNs() - fromNs) / NS_PER_MS;
    const deadline = performance.now() + TIMEOUT_MS;
    while (streams.some(({ received }) => received === 0)) {
      if (performance.now() > deadline) throw new Error('no packet was forwarded');
      await sleep(10, undefined, context);
    }
    const [ipv4, ipv6] = streams.map((stream) => {
      const first = stream.stop().receiveNs.find((ns) => ns > 0n);
      if (first === undefined) throw new Error('no packet was forwarded');
      return Number(first - fromNs) / NS_PER_MS;
    });
    return { readyMs, firstPacketMs: { 4: ipv4 ?? Number.NaN, 6: ipv6 ?? Number.NaN } };
  } finally {
    for (const stream of streams) stream.stop();
    await rig.stopController();
  }
}

async function run(context: BenchContext): Promise<Measured> {
  const rig = new LabRig(context);
  const samples: Sample[] = [];
  for (let index = 0; index < RUNS; index++) {
    context.signal.throwIfAborted();
    const sample = await measure(context, rig);
    context.say(`ready after ${Math.round(sample.readyMs)} ms`);
    samples.push(sample);
  }
  const ms = { name: 'ms', unit: 'ms' };
  return {
    ratios: [],
    rows: [
      row(
        'detour',
        'ready',
        ms,
        samples.map(({ readyMs }) => readyMs),
      ),
      ...FAMILIES.map((family) =>
        row(
          'detour',
          `first packet ipv${family}`,
          ms,
          samples.map(({ firstPacketMs }) => firstPacketMs[family]),
        ),
      ),
    ],
    notes: [
      'ready: /readyz answers 200, asked every 20 ms. First packet: of one a millisecond from the client to the far server.',
      'The first packet may be forwarded by the kernel, whose routes Detour installs, too.',
    ],
  };
}

export const start: Bench = { name: 'start', run };
