/**
 * A flood of advertisements from an enemy on the LAN, while users' traffic goes through a configured line, and while it
 * goes through an elected node whose lease is to be renewed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openPairings } from '../gateway/pairing/index.js';
import { native } from '../native.js';
import { FloodProcess } from '../lab/flood-process.js';
import type { FloodOptions } from '../lab/flood-process.js';
import { suffered } from '../lab/measure.js';
import { watchProtocol } from '../lab/protocol-watch.js';
import { waitForGateway } from '../lab/rescue.js';
import { lineName } from '../lab/rescue-config.js';
import { RescueRig, gatewayUplink, nodeName } from '../lab/rescue-rig.js';
import { sh } from '../lab/shell.js';
import { eventsAfter, newestEvent, waitForActive } from '../lab/story-parts.js';
import type { StoryContext } from '../lab/story-parts.js';
import { LabStream } from '../lab/stream.js';
import { LAN_INTERFACE, NODE_LAN_INTERFACE } from '../lab/topology.js';
import { rowOfAny } from './parts.js';
import type { Keep } from './parts.js';
import { measureLoad } from './process-load.js';
import type { BenchContext, Row } from './result.js';

const MESSAGES_PER_SECOND = 100_000;
const PACKETS_PER_SECOND = 10_000;
const WINDOWS = 10;
const WINDOW_MS = 2000;
/** Shorter than a flood lasts, by far: a node whose renewals were starved would be lost in it. */
const LEASE_MS = 4000;
const SETTLE_MS = 1500;
const MAX_SECONDS = 60;
const TIMEOUT_MS = 60_000;
const MS_PER_S = 1000;
const FAMILY = 4;
const PHONE = nodeName(0);

type Case = [name: string, flood: Partial<FloodOptions> | null];

interface Stage {
  rig: RescueRig;
  context: BenchContext;
  story: StoryContext;
  /** RENEWs that the router sent, and STATUSes that it heard, so far. */
  said: { renew: number; status: number };
}

interface Counts {
  atMs: number;
  sent: number;
  /** What XDP let through and what it dropped, of all messages that came to the router from the LAN. */
  passed: number;
  dropped: number;
  /** What the controller discarded, by reason. */
  discarded: Record<string, number>;
  renew: number;
  status: number;
}

interface Window {
  cpu: number;
  residentMb: number;
  before: Counts;
  after: Counts;
  fromNs: bigint;
  toNs: bigint;
}

interface Outcome {
  windows: Window[];
  lost: number[];
  /** Records of discarded messages, and of the node's leaving the state that it was in. */
  events: { discards: number; transitions: number };
}

async function counts({ rig: { controller }, said }: Stage, flood: FloodProcess | null): Promise<Counts> {
  const [{ body: interfaces }, { body: gateways }] = await Promise.all([
    controller.call('GET', '/v1/interfaces'),
    controller.call('GET', '/v1/gateways'),
  ]);
  const { reasons = {} } =
    (interfaces as { interfaces: { name: string; reasons: Record<string, string> }[] }).interfaces.find(
      ({ name }) => name === LAN_INTERFACE,
    ) ?? {};
  const count = (reason: string): number => Number(reasons[reason] ?? 0);
  return {
    atMs: performance.now(),
    sent: flood?.sent ?? 0,
    passed: count('gateway-message'),
    dropped: count('gateway-rate') + count('gateway-malformed') + count('gateway-hop-limit'),
    discarded: (gateways as { discarded: Record<string, number> }).discarded,
    ...said,
  };
}

async function measureWindow(stage: Stage, flood: FloodProcess | null): Promise<Window> {
  const before = await counts(stage, flood);
  const fromNs = native.monotonicNs();
  const { signal } = stage.context;
  const load = await measureLoad(stage.rig.controller.pid, { windows: 1, windowMs: WINDOW_MS, signal });
  const toNs = native.monotonicNs();
  const [cpu = NaN] = load.cpu;
  const [residentMb = NaN] = load.resident;
  return { cpu, residentMb, before, after: await counts(stage, flood), fromNs, toNs };
}

async function measure(stage: Stage, options: Partial<FloodOptions> | null): Promise<Outcome> {
  const { rig, context, story } = stage;
  const enemy = { namespace: rig.lab.nodes[1]?.namespace ?? '', name: NODE_LAN_INTERFACE };
  const stream = new LabStream({
    names: rig.lab.names,
    family: FAMILY,
    packetsPerSecond: PACKETS_PER_SECOND,
    maxSeconds: MAX_SECONDS,
  });
  let flood: FloodProcess | null = null;
  try {
    const newest = await newestEvent(story);
    const rate = { messagesPerSecond: MESSAGES_PER_SECOND, maxSeconds: MAX_SECONDS };
    if (options) flood = await FloodProcess.start(enemy, { ...rate, ...options });
    await sleep(SETTLE_MS, undefined, context);
    const windows: Window[] = [];
    for (let index = 0; index < WINDOWS; index++) windows.push(await measureWindow(stage, flood));
    await flood?.stop();
    await sleep(SETTLE_MS, undefined, context);
    const events = (await eventsAfter(story, newest)).map(({ record }) => record);
    const flow = stream.stop();
    return {
      windows,
      lost: windows.map(({ fromNs, toNs }) => suffered(flow, fromNs, toNs).lost),
      events: {
        discards: events.filter(({ kind }) => kind === 'gateway-discards').length,
        transitions: events.filter(({ kind, gateway }) => kind === 'gateway' && gateway === PHONE).length,
      },
    };
  } finally {
    await flood?.stop();
    stream.stop();
  }
}

function rowsOf(name: string, { windows, lost, events }: Outcome): Row[] {
  const perSecond = (value: (counts: Counts) => number): number[] =>
    windows.map(({ before, after }) => (MS_PER_S * (value(after) - value(before))) / (after.atMs - before.atMs));
  const rates = (metric: string, unit: string, value: (counts: Counts) => number): Row[] =>
    rowOfAny(name, { name: metric, unit }, perSecond(value));
  const reasons = [...new Set(windows.flatMap(({ after }) => Object.keys(after.discarded)))];
  const discards = reasons.flatMap((reason) => {
    const values = perSecond(({ discarded }) => discarded[reason] ?? 0);
    return values.some((value) => value > 0)
      ? rowOfAny(`${name}; ${reason}`, { name: 'discarded', unit: 'messages/s' }, values)
      : [];
  });
  const numbers = (metric: string, unit: string, values: number[]): Row[] =>
    rowOfAny(name, { name: metric, unit }, values);
  return [
    ...numbers(
      'cpu_percent',
      '% of a core',
      windows.map(({ cpu }) => cpu),
    ),
    ...numbers(
      'rss_mb',
      'MiB',
      windows.map(({ residentMb }) => residentMb),
    ),
    ...numbers('lost', `packets of ${PACKETS_PER_SECOND}/s`, lost),
    ...rates('sent', 'messages/s', ({ sent }) => sent),
    ...rates('dropped_in_xdp', 'messages/s', ({ dropped }) => dropped),
    ...rates('reached_socket', 'messages/s', ({ passed }) => passed),
    ...discards,
    ...rates('renew', 'messages/s', ({ renew }) => renew),
    ...rates('status', 'messages/s', ({ status }) => status),
    ...numbers('discard_events', 'events', [events.discards]),
    ...numbers('node_transitions', 'events', [events.transitions]),
  ];
}

/** The node as everybody on the link can see it. */
async function identity({ rig, story }: Stage): Promise<{ id: string; keyId: string; address: string }> {
  const store = openPairings({ stateDirectory: rig.routerState, side: 'nodes' });
  const keyId = store.find(PHONE)?.keys.at(-1)?.id;
  store.close();
  const { id } = (await story.controller.call('GET', `/v1/gateways/${PHONE}`)).body as { id?: string };
  const { namespace } = rig.lab.nodes[0] ?? {};
  const shown = sh('ip', '-n', namespace ?? '', '-6', 'addr', 'show', 'dev', NODE_LAN_INTERFACE, 'scope', 'link');
  const address = /inet6 (\S+)\//.exec(shown)?.[1];
  if (id === undefined || keyId === undefined || address === undefined) throw new Error('the node is not there yet');
  return { id, keyId, address };
}

async function setUp(context: BenchContext): Promise<Stage> {
  const rig = new RescueRig({ tag: `bf${process.pid}`, nodes: ['lan', 'lan'], signal: context.signal });
  context.defer(() => rig.destroy());
  rig.writeConfig({ extra: `  lease_ms: ${LEASE_MS}\n  rest_ms: 500\n` });
  rig.writeNodeConfig();
  rig.pair();
  const controller = await rig.startController();
  rig.startAgent();
  const { signal } = context;
  const story = { controller, family: FAMILY, say: () => undefined, signal, eventTimeoutMs: TIMEOUT_MS } as const;
  const said = { renew: 0, status: 0 };
  const router = { namespace: rig.lab.names.router, name: LAN_INTERFACE };
  const capture = await watchProtocol(router, ({ message: { type } }) => {
    if (type === 'renew' || type === 'status') said[type]++;
  });
  context.defer(() => capture.stop());
  await waitForActive(story, lineName(0));
  await waitForGateway(story, 'offered');
  await sleep(SETTLE_MS, undefined, context);
  return { rig, context, story, said };
}

export async function floods(context: BenchContext, keep: Keep): Promise<void> {
  const stage = await setUp(context);
  const { id, keyId, address } = await identity(stage);
  const quiet: Case = ['no flood', null];
  const everyOther: Case[] = [
    ['made-up nodes at one address', { sourceBits: 0 }],
    ['made-up nodes at 65,536 addresses', {}],
    ['strange keys at 65,536 addresses', { keyId: 'random' }],
    ["the node's id and key id, at 65,536 addresses", { sender: id, keyId }],
  ];
  const spoofed: Case = ["the node's id, key id and address", { sender: id, keyId, source: address, sourceBits: 0 }];
  const run = async (carrier: 'line' | 'node', cases: readonly Case[]): Promise<void> => {
    for (const [name, options] of cases) {
      context.signal.throwIfAborted();
      // Again, after a flood that took its lease away.
      if (carrier === 'node') await waitForGateway(stage.story, 'elected', 'active');
      await waitForActive(stage.story, carrier === 'node' ? gatewayUplink(0) : lineName(0));
      const outcome = await measure(stage, options);
      const rows = rowsOf(`${carrier} carries, ${name}`, outcome);
      for (const { case: what, metric, median, min, max } of rows)
        context.say(`${what}: ${metric} ${median.toFixed(1)} (${min.toFixed(1)} to ${max.toFixed(1)})`);
      keep(rows);
    }
  };
  await run('line', [quiet, ...everyOther]);
  stage.rig.lab.cutLink(0);
  await run('node', [quiet, ...everyOther, spoofed, ['no flood, afterwards', null]]);
}
