/**
 * What happens when one of the two dies while the node carries all traffic: the router (and stays dead; or is started again
 * within the lease), or the node.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { native } from '../native.js';
import { suffered } from '../lab/measure.js';
import { watchProtocol } from '../lab/protocol-watch.js';
import type { SeenMessage } from '../lab/protocol-watch.js';
import { waitForGateway } from '../lab/rescue.js';
import { lineName } from '../lab/rescue-config.js';
import { RescueRig, gatewayUplink } from '../lab/rescue-rig.js';
import { newestEvent, poll, waitForActive, waitForEvent } from '../lab/story-parts.js';
import type { StoryContext } from '../lab/story-parts.js';
import { LabStream } from '../lab/stream.js';
import { NODE_LAN_INTERFACE } from '../lab/topology.js';
import { rowOfAny } from './parts.js';
import type { Keep } from './parts.js';
import type { BenchContext, Row } from './result.js';

const RUNS = 10;
/** Short, so that ten leases can be waited for; half of it is certain to be left when a killed router is started again. */
const LEASE_MS = 8000;
const PACKETS_PER_SECOND = 10_000;
const MAX_SECONDS = 60;
const SETTLE_MS = 600;
const POLL_MS = 10;
const TIMEOUT_MS = 30_000;
const FAMILY = 4;
const NS_PER_MS = 1e6;
const NODE = gatewayUplink(0);
const EXTRA = `  lease_ms: ${LEASE_MS}\n  rest_ms: 500\n`;

interface Stage {
  rig: RescueRig;
  context: BenchContext;
  seen: SeenMessage[];
  /** Of the node, with nothing elected. */
  found: string;
}

const storyOf = ({ rig, context }: Stage): StoryContext => ({
  controller: rig.controller,
  family: FAMILY,
  say: () => undefined,
  signal: context.signal,
});

/** Until nothing of an election is left at the node. */
const untilDisarmed = (stage: Stage): Promise<true> =>
  poll(
    { ...storyOf(stage), eventTimeoutMs: TIMEOUT_MS },
    'the node was not as it was found',
    async () => stage.rig.lab.nodes[0]?.fingerprint() === stage.found || undefined,
    POLL_MS,
  );

async function carriedByNode(stage: Stage): Promise<void> {
  await waitForActive(storyOf(stage), NODE);
  await sleep(SETTLE_MS, undefined, stage.context);
}

/** @returns from the lease's end (counted from the newest RENEW or ELECT that the node saw) to the node as it was found, ms */
async function routerDies(stage: Stage): Promise<number> {
  await carriedByNode(stage);
  stage.rig.controller.kill('SIGKILL');
  await stage.rig.controller.exited();
  await untilDisarmed(stage);
  const atNs = native.monotonicNs();
  const granted = stage.seen.findLast(({ message }) => message.type === 'elect' || message.type === 'renew');
  if (!granted) throw new Error('no lease was seen');
  await stage.rig.startController();
  await waitForGateway(storyOf(stage), 'elected', 'active');
  return Number(atNs - granted.atNs) / NS_PER_MS - LEASE_MS;
}

/** @returns packets lost around the kill and the restart */
async function routerRestarts(stage: Stage): Promise<number> {
  await carriedByNode(stage);
  const { names } = stage.rig.lab;
  const stream = new LabStream({
    names,
    family: FAMILY,
    packetsPerSecond: PACKETS_PER_SECOND,
    maxSeconds: MAX_SECONDS,
  });
  try {
    await sleep(SETTLE_MS, undefined, stage.context);
    const fromNs = native.monotonicNs();
    stage.rig.controller.kill('SIGKILL');
    await stage.rig.controller.exited();
    await stage.rig.startController();
    await waitForActive(storyOf(stage), NODE);
    // Beyond the lease of the run that was killed: only a renewal carries it there.
    await sleep(LEASE_MS + SETTLE_MS, undefined, stage.context);
    const toNs = native.monotonicNs();
    await sleep(SETTLE_MS, undefined, stage.context);
    return suffered(stream.stop(), fromNs, toNs).lost;
  } finally {
    stream.stop();
  }
}

/** @returns how long until the path through it was judged down, and until nothing of its rules was left, ms */
async function nodeDies(stage: Stage): Promise<{ detectMs: number; cleanMs: number }> {
  await carriedByNode(stage);
  const { rig } = stage;
  const story = storyOf(stage);
  const after = await newestEvent(story);
  const fromNs = native.monotonicNs();
  rig.agent().kill('SIGKILL');
  await rig.agent().exited();
  await untilDisarmed(stage);
  const cleanMs = Number(native.monotonicNs() - fromNs) / NS_PER_MS;
  const event = await waitForEvent(
    story,
    after,
    'the path through the killed node',
    ({ kind, uplink, family, to }) => kind === 'path' && uplink === NODE && family === FAMILY && to === 'down',
  );
  const detectMs = event.record.atUs / 1000 - Number(fromNs) / NS_PER_MS;
  const before = await newestEvent(story);
  rig.startAgent();
  // The router may still take it for elected, and the way through it for dead.
  await waitForEvent(
    story,
    before,
    'the path through the node that was started again',
    ({ kind, uplink, family, to }) => kind === 'path' && uplink === NODE && family === FAMILY && to === 'up',
  );
  return { detectMs, cleanMs };
}

/** @param kept takes what was measured, also when a run fails */
async function repeat<T>(
  context: BenchContext,
  what: string,
  run: () => Promise<T>,
  kept: (results: T[]) => void,
): Promise<void> {
  const results: T[] = [];
  try {
    for (let index = 0; index < RUNS; index++) {
      context.signal.throwIfAborted();
      const result = await run();
      context.say(`${what} ${index + 1}: ${JSON.stringify(result)}`);
      results.push(result);
    }
  } finally {
    kept(results);
  }
}

/** A lab whose only line is cut, and whose node is elected. */
async function onStage<T>(context: BenchContext, play: (stage: Stage) => Promise<T>): Promise<T> {
  const rig = new RescueRig({ tag: `bk${process.pid}`, signal: context.signal });
  context.defer(() => rig.destroy());
  rig.writeConfig({ extra: EXTRA });
  rig.writeNodeConfig();
  rig.pair();
  await rig.startController();
  const found = rig.lab.nodes[0]?.fingerprint() ?? '';
  rig.startAgent();
  const stage: Stage = { rig, context, seen: [], found };
  const where = { namespace: rig.lab.nodes[0]?.namespace ?? '', name: NODE_LAN_INTERFACE };
  const capture = await watchProtocol(where, (message) => stage.seen.push(message));
  try {
    await waitForActive(storyOf(stage), lineName(0));
    await waitForGateway(storyOf(stage), 'offered');
    rig.lab.cutLink(0);
    return await play(stage);
  } finally {
    capture.stop();
    await rig.destroy();
  }
}

const ms = (name: string): { name: string; unit: string } => ({ name, unit: 'ms' });
const LATE = `router killed: node as found, after the lease of ${LEASE_MS} ms has ended`;

function rowsOfDeaths(deaths: readonly { detectMs: number; cleanMs: number }[]): Row[] {
  const detectMs = deaths.map((death) => death.detectMs);
  const cleanMs = deaths.map((death) => death.cleanMs);
  return [
    ...rowOfAny('node killed: path judged down', ms('detect_ms'), detectMs),
    ...rowOfAny('node killed: nothing of its rules left', ms('clean_ms'), cleanMs),
  ];
}

export async function kills(context: BenchContext, keep: Keep): Promise<void> {
  await onStage(context, async (stage) => {
    const lateMs = (late: number[]): void => keep(rowOfAny(LATE, ms('late_ms'), late));
    await repeat(context, 'router killed', () => routerDies(stage), lateMs);
    const lostOf = (lost: number[]): void =>
      keep(rowOfAny('router killed and restarted within the lease', { name: 'lost', unit: 'packets' }, lost));
    await repeat(context, 'router killed and restarted', () => routerRestarts(stage), lostOf);
  });
  // A path that fails again and again is damped, and a node whose offer ends so often rests: each death has its own lab.
  const nodeDeath = (): ReturnType<typeof nodeDies> => onStage(context, nodeDies);
  await repeat(context, 'node killed', nodeDeath, (deaths) => keep(rowsOfDeaths(deaths)));
}
