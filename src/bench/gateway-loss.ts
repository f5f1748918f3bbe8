/**
 * Elections and releases while the messages of the protocol are lost, repeated and overtaken, as a bad Wi-Fi does it; beside
 * each of them one without, so that what slows the machine for a while slows both.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { native } from '../native.js';
import type { MessageType } from '../gateway/wire/types.js';
import { watchProtocol } from '../lab/protocol-watch.js';
import type { SeenMessage } from '../lab/protocol-watch.js';
import { startRelay } from '../lab/relay.js';
import type { Relay } from '../lab/relay.js';
import { firstThrough, waitForGateway } from '../lab/rescue.js';
import { lineName } from '../lab/rescue-config.js';
import { RescueRig, gatewayUplink, nodeName } from '../lab/rescue-rig.js';
import { newestEvent, poll, waitForActive, waitForEvent } from '../lab/story-parts.js';
import type { LoggedEvent, StoryContext } from '../lab/story-parts.js';
import { LabStream } from '../lab/stream.js';
import { LAN_INTERFACE, NODE_LAN_INTERFACE } from '../lab/topology.js';
import { rowOfAny } from './parts.js';
import type { Keep } from './parts.js';
import type { BenchContext, Row } from './result.js';

const RUNS = 10;
/** Of each message. */
const HARM = { lossPercent: 30, duplicatePercent: 10, reorderPercent: 20 };
const HARM_NAME = `${HARM.lossPercent} % lost, ${HARM.duplicatePercent} % repeated, ${HARM.reorderPercent} % overtaken`;
/** The ports of the lab's switch. */
const PORTS = ['router', 'client', 'node0'];
const FAMILY = 4;
const FAMILIES = [4, 6] as const;
/** A millisecond is fine enough for the first packet. */
const PACKETS_PER_SECOND = 1000;
const MAX_SECONDS = 240;
const SETTLE_MS = 600;
/** An election that fails rests for 5 s, then for 10 s, before the next one. */
const TIMEOUT_MS = 60_000;
const NS_PER_MS = 1e6;
const US_PER_MS = 1000;
const LINE = lineName(0);
const NODE = nodeName(0);
const UPLINK = gatewayUplink(0);

interface Stage {
  rig: RescueRig;
  context: BenchContext;
  story: StoryContext;
  /** As they passed the interfaces of the two: before the relay harmed them, if their owner sent them. */
  atRouter: SeenMessage[];
  atNode: SeenMessage[];
  /** Of the node, with nothing elected. */
  found: string;
}

interface Sample {
  /** From the decision that the line is down. */
  electedMs: number;
  carriedMs: number;
  /** From the first RELEASE that was sent. */
  disarmMs: number;
  releasedMs: number;
  /** RELEASEs that were sent until the router heard of RELEASED. */
  releases: number;
}

const isGateway = ({ kind, gateway }: LoggedEvent['record']): boolean => kind === 'gateway' && gateway === NODE;

/** @returns ms from the record that the line is down to the confirmed lease, and to the first packet through the node */
async function election({ rig, context, story }: Stage): Promise<Pick<Sample, 'electedMs' | 'carriedMs'>> {
  const { names } = rig.lab;
  const stream = new LabStream({
    names,
    family: FAMILY,
    packetsPerSecond: PACKETS_PER_SECOND,
    maxSeconds: MAX_SECONDS,
  });
  try {
    await sleep(SETTLE_MS, undefined, context);
    const after = await newestEvent(story);
    const fromNs = native.monotonicNs();
    rig.lab.cutLink(0);
    // Of either family: the first that needs the node makes it be elected.
    const event = await waitForEvent(
      story,
      after,
      `${LINE} down`,
      ({ kind, uplink, to }) => kind === 'path' && uplink === LINE && to === 'down',
    );
    const elected = await waitForEvent(
      story,
      after,
      `${NODE} elected`,
      (record) => isGateway(record) && record.to === 'elected',
    );
    for (const family of FAMILIES) await waitForActive({ ...story, family }, UPLINK);
    await sleep(SETTLE_MS, undefined, context);
    const paths = rig.lab.pathByIfindex();
    const window = { name: 'election', family: FAMILY, fromNs, toNs: native.monotonicNs(), event } as const;
    return {
      electedMs: (elected.record.atUs - event.record.atUs) / US_PER_MS,
      carriedMs: firstThrough(stream.stop(), window, (ifindex) => [LINE, NODE][paths.get(ifindex) ?? -1] ?? 'none'),
    };
  } finally {
    stream.stop();
  }
}

function firstOf(seen: readonly SeenMessage[], type: MessageType, fromNs: bigint): bigint {
  const first = seen.find(({ message, atNs }) => message.type === type && atNs >= fromNs);
  if (!first) throw new Error(`no ${type} was seen`);
  return first.atNs;
}

/** @returns ms from the first RELEASE until the node was disarmed (it says RELEASED then), and until the router knew */
async function release(stage: Stage): Promise<Pick<Sample, 'disarmMs' | 'releasedMs' | 'releases'>> {
  const { rig, context, story } = stage;
  const after = await newestEvent(story);
  const fromNs = native.monotonicNs();
  rig.lab.restoreLink(0);
  for (const family of FAMILIES) await waitForActive({ ...story, family }, LINE);
  const releasing = await waitForEvent(
    story,
    after,
    `${NODE} releasing`,
    (record) => isGateway(record) && record.to === 'releasing',
  );
  // Only RELEASED ends that state before the lease does.
  const known = await waitForEvent(story, releasing.sequence, `${NODE} released`, isGateway);
  await poll(story, `${NODE} is not as it was found`, () =>
    Promise.resolve(rig.lab.nodes[0]?.fingerprint() === stage.found ? true : undefined),
  );
  await sleep(SETTLE_MS, undefined, context);
  const askedNs = firstOf(stage.atRouter, 'release', fromNs);
  const knownNs = BigInt(Math.round(known.record.atUs)) * 1000n;
  return {
    disarmMs: Number(firstOf(stage.atNode, 'released', askedNs) - askedNs) / NS_PER_MS,
    releasedMs: Number(knownNs - askedNs) / NS_PER_MS,
    releases: stage.atRouter.filter(
      ({ message, atNs }) => message.type === 'release' && atNs >= askedNs && atNs <= knownNs,
    ).length,
  };
}

async function cycle(stage: Stage): Promise<Sample> {
  const { story, context } = stage;
  for (const family of FAMILIES) await waitForActive({ ...story, family }, LINE);
  await waitForGateway(story, 'offered');
  await sleep(SETTLE_MS, undefined, context);
  return { ...(await election(stage)), ...(await release(stage)) };
}

/** @param seed so that no two runs are harmed alike */
async function harmed(stage: Stage, seed: number): Promise<Sample> {
  const { context, rig } = stage;
  const relay: Relay = startRelay({ namespace: rig.lab.names.lan ?? '', interfaces: PORTS, ...HARM, seed });
  context.defer(() => relay.stop());
  try {
    return await cycle(stage);
  } finally {
    context.say(`  messages: ${JSON.stringify(relay.statistics())}`);
    relay.stop();
  }
}

function rowsOf(how: string, samples: readonly Sample[]): Row[] {
  const ms = (what: string, name: string, value: (sample: Sample) => number): Row[] =>
    rowOfAny(`${what}, ${how}`, { name, unit: 'ms' }, samples.map(value));
  return [
    ...ms('decision to lease confirmed', 'elect_ms', ({ electedMs }) => electedMs),
    ...ms('decision to first packet through the node', 'elect_ms', ({ carriedMs }) => carriedMs),
    ...ms('first RELEASE to node disarmed', 'disarm_ms', ({ disarmMs }) => disarmMs),
    ...ms('first RELEASE to RELEASED known', 'disarm_ms', ({ releasedMs }) => releasedMs),
    ...rowOfAny(
      `RELEASEs until RELEASED known, ${how}`,
      { name: 'sent', unit: 'messages' },
      samples.map(({ releases }) => releases),
    ),
  ];
}

async function setUp(context: BenchContext): Promise<Stage> {
  const rig = new RescueRig({ tag: `bl${process.pid}`, signal: context.signal });
  context.defer(() => rig.destroy());
  rig.writeConfig();
  rig.writeNodeConfig();
  rig.pair();
  const controller = await rig.startController();
  const found = rig.lab.nodes[0]?.fingerprint() ?? '';
  rig.startAgent();
  const { signal } = context;
  const story = { controller, family: FAMILY, say: () => undefined, signal, eventTimeoutMs: TIMEOUT_MS } as const;
  const stage: Stage = { rig, context, story, atRouter: [], atNode: [], found };
  const node = { namespace: rig.lab.nodes[0]?.namespace ?? '', name: NODE_LAN_INTERFACE };
  const router = { namespace: rig.lab.names.router, name: LAN_INTERFACE };
  const atNode = await watchProtocol(node, (message) => stage.atNode.push(message));
  context.defer(() => atNode.stop());
  const atRouter = await watchProtocol(router, (message) => stage.atRouter.push(message));
  context.defer(() => atRouter.stop());
  return stage;
}

export async function losses(context: BenchContext, keep: Keep): Promise<void> {
  const stage = await setUp(context);
  const samples: { clean: Sample[]; harmed: Sample[] } = { clean: [], harmed: [] };
  try {
    for (let index = 0; index < RUNS; index++) {
      context.signal.throwIfAborted();
      samples.clean.push(await cycle(stage));
      samples.harmed.push(await harmed(stage, index + 1));
      context.say(
        `${index + 1}: without loss ${JSON.stringify(samples.clean.at(-1))}, with ${JSON.stringify(samples.harmed.at(-1))}`,
      );
    }
  } finally {
    keep([...rowsOf('nothing lost', samples.clean), ...rowsOf(HARM_NAME, samples.harmed)]);
  }
}
