/**
 * Elections, cold and warm, beside a failover to a configured uplink, in one lab: two lines and a phone on the LAN. In every run a
 * fault of each kind is made while numbered packets flow, so that what slows the machine for a while slows all of them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { native } from '../native.js';
import type { PacketCapture } from '../lab/packet-capture.js';
import { watchProtocol } from '../lab/protocol-watch.js';
import type { SeenMessage } from '../lab/protocol-watch.js';
import { disarmMs, firstThrough, waitForGateway, waitForWarmPath } from '../lab/rescue.js';
import { lineName } from '../lab/rescue-config.js';
import { RescueRig, gatewayUplink, nodeName } from '../lab/rescue-rig.js';
import { judge, newestEvent, waitForActive, waitForEvent } from '../lab/story-parts.js';
import type { LoggedEvent, StoryContext, Window } from '../lab/story-parts.js';
import { LabStream } from '../lab/stream.js';
import { NODE_LAN_INTERFACE } from '../lab/topology.js';
import { rowOfAny } from './parts.js';
import type { Keep } from './parts.js';
import type { BenchContext, Row } from './result.js';

const RUNS = 10;
const PACKETS_PER_SECOND = 10_000;
const MAX_SECONDS = 120;
const SETTLE_MS = 600;
/** What is still on its way when the source stops would count as lost. */
const TAIL_MS = 200;
const FAMILIES = [4, 6] as const;
const [FIRST, SECOND] = [lineName(0), lineName(1)];
const PATHS = [FIRST, SECOND, nodeName(0)];
const NODE = gatewayUplink(0);

type Fault = 'configured' | 'cold' | 'cold-return' | 'warm' | 'warm-return';

interface Sample {
  fault: Fault;
  lost: number;
  /** From the decision to the first packet through the node, ms; null: nobody was elected. */
  electMs: number | null;
  /** From RELEASE to RELEASED, ms. */
  disarmMs: number | null;
}

interface Run {
  rig: RescueRig;
  story: StoryContext;
  windows: { fault: Fault; window: Window }[];
}

const down = (uplink: string) => (record: LoggedEvent['record']) =>
  record.kind === 'path' && record.uplink === uplink && record.to === 'down';
const movedTo = (uplink: string) => (record: LoggedEvent['record']) =>
  record.kind === 'group' && Array.isArray(record.to) && record.to.join() === uplink;

/** One fault, until the traffic has moved and settled. */
async function fault(
  { story, windows }: Run,
  name: Fault,
  act: () => void,
  noticed: (record: LoggedEvent['record']) => boolean,
  activeAfter: string,
): Promise<void> {
  const { family } = story;
  const after = await newestEvent(story);
  const fromNs = native.monotonicNs();
  act();
  const event = await waitForEvent(story, after, name, (record) => record.family === family && noticed(record));
  await waitForActive(story, activeAfter);
  await sleep(SETTLE_MS, undefined, story);
  windows.push({ fault: name, window: { name, family, fromNs, toNs: native.monotonicNs(), event } });
}

/** A line that carries nothing goes or comes: no packet is concerned. */
async function quietly({ story }: Run, act: () => void, uplink: string, state: string): Promise<void> {
  const after = await newestEvent(story);
  act();
  const settled = (record: LoggedEvent['record']): boolean =>
    record.kind === 'path' && record.uplink === uplink && record.family === story.family && record.to === state;
  await waitForEvent(story, after, `${uplink} ${state}`, settled);
}

/** Configured failover, election, return: the traffic ends where it began. */
async function cycle(run: Run, standby: 'cold' | 'warm'): Promise<void> {
  const { rig, story } = run;
  const { lab } = rig;
  await waitForActive(story, FIRST);
  if (standby === 'cold') await waitForGateway(story, 'offered');
  else await waitForGateway(story, 'elected', 'standby');
  if (standby === 'warm') await waitForWarmPath(story);
  await sleep(SETTLE_MS, undefined, story);
  await fault(run, 'configured', () => lab.cutLink(0), down(FIRST), SECOND);
  await fault(run, standby, () => lab.cutLink(1), down(SECOND), NODE);
  await fault(run, `${standby}-return`, () => lab.restoreLink(0), movedTo(FIRST), FIRST);
  await quietly(run, () => lab.restoreLink(1), SECOND, 'up');
  // A busy machine may take longer for it than for all that was before.
  if (standby === 'cold') await waitForGateway(story, 'offered');
}

async function measure(
  rig: RescueRig,
  context: BenchContext,
  family: 4 | 6,
  standby: 'cold' | 'warm',
  seen: readonly SeenMessage[],
): Promise<Sample[]> {
  const { names } = rig.lab;
  const stream = new LabStream({ names, family, packetsPerSecond: PACKETS_PER_SECOND, maxSeconds: MAX_SECONDS });
  const story: StoryContext = { controller: rig.controller, family, say: () => undefined, signal: context.signal };
  const run: Run = { rig, story, windows: [] };
  try {
    await cycle(run, standby);
    await sleep(TAIL_MS, undefined, context);
  } finally {
    stream.stop();
  }
  const flow = stream.stop();
  const paths = rig.lab.pathByIfindex();
  const pathName = (ifindex: number): string => PATHS[paths.get(ifindex) ?? -1] ?? 'none';
  return run.windows.map(({ fault: name, window }) => ({
    fault: name,
    lost: judge(window, flow, pathName).lost,
    electMs: name === 'cold' || name === 'warm' ? firstThrough(flow, window, pathName) : null,
    disarmMs: name === 'cold-return' ? disarmMs(seen, window) : null,
  }));
}

/** The router reads a configuration with another `standby`, and has come to rest with it. */
async function setStandby(rig: RescueRig, context: BenchContext, standby: 'cold' | 'warm'): Promise<void> {
  rig.writeConfig({ standby });
  rig.reload();
  const story: StoryContext = { controller: rig.controller, family: 4, say: () => undefined, signal: context.signal };
  if (standby === 'cold') await waitForGateway(story, 'offered');
  else await waitForGateway(story, 'elected', 'standby');
}

/** Of what was measured until the end, or until a run failed. */
function rowsOf(family: 4 | 6, samples: readonly Sample[]): Row[] {
  const numbers = (fault: Fault, value: (sample: Sample) => number | null): number[] =>
    samples
      .filter((sample) => sample.fault === fault)
      .map(value)
      .filter((number) => number !== null);
  const lost = { name: 'lost', unit: `packets of ${PACKETS_PER_SECOND}/s` };
  const ms = (name: string): { name: string; unit: string } => ({ name, unit: 'ms' });
  const names: [Fault, string][] = [
    ['configured', 'failover to a configured uplink'],
    ['cold', 'cold election'],
    ['warm', 'warm election'],
    ['cold-return', 'return, cold'],
    ['warm-return', 'return, warm'],
  ];
  const through = 'decision to first packet through the node';
  return [
    ...names.flatMap(([fault, text]) =>
      rowOfAny(
        `${text} ipv${family}`,
        lost,
        numbers(fault, (sample) => sample.lost),
      ),
    ),
    ...(['cold', 'warm'] as const).flatMap((fault) =>
      rowOfAny(
        `${fault}: ${through} ipv${family}`,
        ms('elect_ms'),
        numbers(fault, ({ electMs }) => electMs),
      ),
    ),
    ...rowOfAny(
      `RELEASE to disarmed ipv${family}`,
      ms('disarm_ms'),
      numbers('cold-return', ({ disarmMs }) => disarmMs),
    ),
  ];
}

/** "cold 0 lost, elect_ms 12.3": one for each fault of a cycle. */
function told({ fault: name, lost, electMs, disarmMs }: Sample): string {
  const times = [electMs === null ? '' : `, elect_ms ${electMs}`, disarmMs === null ? '' : `, disarm_ms ${disarmMs}`];
  return `${name} ${lost} lost${times.join('')}`;
}

export async function cycles(context: BenchContext, keep: Keep): Promise<void> {
  const rig = new RescueRig({ tag: `bg${process.pid}`, gateways: 2, signal: context.signal });
  context.defer(() => rig.destroy());
  rig.writeConfig();
  rig.writeNodeConfig();
  rig.pair();
  await rig.startController();
  rig.startAgent();
  const seen: SeenMessage[] = [];
  const where = { namespace: rig.lab.nodes[0]?.namespace ?? '', name: NODE_LAN_INTERFACE };
  const capture: PacketCapture = await watchProtocol(where, (message) => seen.push(message));
  context.defer(() => capture.stop());
  for (const family of FAMILIES) {
    const samples: Sample[] = [];
    try {
      for (const standby of ['cold', 'warm'] as const) {
        await setStandby(rig, context, standby);
        for (let index = 0; index < RUNS; index++) {
          const sample = await measure(rig, context, family, standby, seen);
          context.say(`IPv${family} ${standby} ${index + 1}: ${sample.map(told).join('; ')}`);
          samples.push(...sample);
        }
      }
    } finally {
      keep(rowsOf(family, samples));
    }
  }
}
