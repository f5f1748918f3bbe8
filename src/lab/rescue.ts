/**
 * The second act: the home router's line is cut, the phone is elected and carries, the line comes back, the phone is
 * released; once cold (elected when it is needed) and once warm (elected beforehand).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { native } from '../native.js';
import { DialogueTeller } from './dialogue.js';
import { download } from './downloads.js';
import type { PacketCapture } from './packet-capture.js';
import { watchProtocol } from './protocol-watch.js';
import type { SeenMessage } from './protocol-watch.js';
import { lineName } from './rescue-config.js';
import { gatewayUplink, nodeName } from './rescue-rig.js';
import type { RescueRig } from './rescue-rig.js';
import { sh } from './shell.js';
import { caseOf, judge, newestEvent, poll, round, waitForActive, waitForEvent } from './story-parts.js';
import type { LoggedEvent, Mark, StoryContext, StoryResult, Window } from './story-parts.js';
import type { Stream } from './measure.js';
import type { LabStream } from './stream.js';
import { FAR_IPV4, FAR_IPV6, NODE_LAN_INTERFACE } from './topology.js';

export interface RescueOptions extends StoryContext {
  rig: RescueRig;
  stream: LabStream;
  /** Shows what a person would notice: a new download, pings, whom the far server sees. */
  visible: boolean;
}

interface Told {
  name: 'gateway-cold' | 'gateway-warm' | 'gateway-return' | 'gateway-warm-return';
  window: Window;
}

const SETTLE_MS = 600;
const TAIL_MS = 200;
const NS_PER_MS = 1e6;
const BYTES = 5_000_000;
const LINE = lineName(0);
const NODE = nodeName(0);
const UPLINK = gatewayUplink(0);

/** Polls `/v1/gateways/NAME` until it is in this state. */
export function waitForGateway(context: StoryContext, state: string, role?: string): Promise<true> {
  return poll(context, `${NODE} did not become ${state} ${role ?? ''}`, async () => {
    const { body } = await context.controller.call('GET', `/v1/gateways/${NODE}`);
    const { state: now, lease } = body as { state?: string; lease?: { role: string } | null };
    return now === state && (role === undefined || lease?.role === role) ? true : undefined;
  });
}

/** Until the router's own probes through the node are answered. */
export function waitForWarmPath(context: StoryContext): Promise<true> {
  return poll(context, `the path through ${NODE} did not come up`, async () => {
    const { body } = await context.controller.call('GET', `/v1/uplinks/${UPLINK}`);
    const { paths = [] } = body as { paths?: { family: number; state: string }[] };
    return paths.some(({ family, state }) => family === context.family && state === 'up') ? true : undefined;
  });
}

class Rescue {
  readonly told: Told[] = [];
  readonly marks: Mark[] = [];
  readonly #options: RescueOptions;
  readonly #teller: DialogueTeller;

  constructor(options: RescueOptions) {
    this.#options = options;
    this.#teller = new DialogueTeller(['router', NODE], options.say);
  }

  get teller(): DialogueTeller {
    return this.#teller;
  }

  settle(ms = SETTLE_MS): Promise<void> {
    return sleep(ms, undefined, { signal: this.#options.signal });
  }

  /** Acts, waits for the controller's event, for the traffic to have moved, and a little longer. */
  async step(
    name: Told['name'],
    act: () => void,
    noticed: (record: LoggedEvent['record']) => boolean,
    after: { active: string; note: string },
  ): Promise<void> {
    const { family } = this.#options;
    const newest = await newestEvent(this.#options);
    const fromNs = native.monotonicNs();
    this.marks.push({ name, atNs: fromNs });
    act();
    const event = await waitForEvent(
      this.#options,
      newest,
      name,
      (record) => record.family === family && noticed(record),
    );
    await waitForActive(this.#options, after.active);
    this.#teller.note(after.note);
    await this.settle();
    this.told.push({ name, window: { name, family, fromNs, toNs: native.monotonicNs(), event } });
  }

  async cut(name: 'gateway-cold' | 'gateway-warm'): Promise<void> {
    this.#teller.note("the line's cable is cut");
    const down = (record: LoggedEvent['record']): boolean =>
      record.kind === 'path' && record.uplink === LINE && record.to === 'down';
    await this.step(name, () => this.#options.rig.lab.cutLink(0), down, {
      active: UPLINK,
      note: `traffic goes through ${NODE}`,
    });
  }

  async comeBack(name: 'gateway-return' | 'gateway-warm-return'): Promise<void> {
    this.#teller.note('the cable is back');
    const back = (record: LoggedEvent['record']): boolean =>
      record.kind === 'group' && Array.isArray(record.to) && record.to.join() === LINE;
    await this.step(name, () => this.#options.rig.lab.restoreLink(0), back, {
      active: LINE,
      note: 'traffic goes through the line again',
    });
  }

  /** A new TCP connection and a ping, and what the far server makes of it. */
  async show(): Promise<void> {
    const { rig, family, say, visible } = this.#options;
    if (!visible) return;
    const { names } = rig.lab;
    const { bytes, ms, seenAs } = await download(names, family, BYTES);
    say(`  a new download: ${bytes / 1e6} MB in ${Math.round(ms)} ms; the far server sees ${seenAs}`);
    const address = family === 4 ? FAR_IPV4 : FAR_IPV6;
    const pinged = sh('ip', 'netns', 'exec', names.client, 'ping', '-c', '3', '-i', '0.2', '-W', '2', address);
    say(`  ping: ${/(\d+ packets transmitted.*? packet loss)/.exec(pinged)?.[1] ?? pinged}`);
  }

  /** The router reads a configuration with another `standby`. */
  async standby(standby: 'cold' | 'warm'): Promise<void> {
    const { rig } = this.#options;
    this.#teller.note(`the configuration says "standby: ${standby}" now`);
    rig.writeConfig({ standby });
    rig.reload();
    if (standby === 'cold') await waitForGateway(this.#options, 'offered');
    else {
      await waitForGateway(this.#options, 'elected', 'standby');
      await waitForWarmPath(this.#options);
    }
    await this.settle();
  }
}

/** Runs both halves over a stream that is already flowing; stops the stream. The router's file says `standby: cold` before. */
export async function rescue(options: RescueOptions): Promise<StoryResult> {
  const { rig, family, stream } = options;
  const node = rig.lab.nodes[0];
  if (!node) throw new Error('the second act needs a node');
  const story = new Rescue(options);
  let capture: PacketCapture | null = null;
  try {
    capture = await watchProtocol({ namespace: node.namespace, name: NODE_LAN_INTERFACE }, story.teller.heard);
    await waitForActive(options, LINE);
    await waitForGateway(options, 'offered');
    const found = node.fingerprint();
    await story.show();
    await story.settle();
    await story.cut('gateway-cold');
    await story.show();
    await story.comeBack('gateway-return');
    await waitForGateway(options, 'offered');
    story.teller.note(sameAsFound(found, node.fingerprint()));
    await story.show();
    await story.standby('warm');
    await story.cut('gateway-warm');
    await story.comeBack('gateway-warm-return');
    await story.standby('cold');
    await story.settle(TAIL_MS);
  } finally {
    capture?.stop();
  }
  return judged(options, story, stream.stop(), family);
}

function sameAsFound(before: string, after: string): string {
  if (before === after) return `${NODE} is as it was found: no rules, no forwarding`;
  throw new Error(`${NODE} was left changed:\n--- before\n${before}\n--- after\n${after}`);
}

function judged(
  { rig }: RescueOptions,
  story: Rescue,
  stream: Stream & { maxGapUs: number },
  family: 4 | 6,
): StoryResult {
  const paths = rig.lab.pathByIfindex();
  const pathNames = [LINE, NODE];
  const pathName = (ifindex: number): string => pathNames[paths.get(ifindex) ?? -1] ?? 'none';
  const { seen } = story.teller;
  const cases = story.told.map(({ name, window }) => {
    const carried = name === 'gateway-cold' || name === 'gateway-warm' ? firstThrough(stream, window, pathName) : null;
    const disarmed = name === 'gateway-return' ? disarmMs(seen, window) : null;
    return caseOf(judge(window, stream, pathName), { elect_ms: carried, disarm_ms: disarmed });
  });
  const title = `A line and a phone, IPv${family}`;
  const { between, lines } = story.teller.dialogue;
  // What was captured is told a moment after it happened.
  const inOrder = lines.toSorted((a, b) => Number(a.atNs - b.atNs));
  return { title, family, pathNames, paths, cases, marks: story.marks, stream, dialogue: { between, lines: inOrder } };
}

/**
 * From the decision that the line is down to the first packet that arrived through the node, ms; 0 where the kernel had moved
 * the traffic before the controller had written that down.
 */
export function firstThrough(stream: Stream, { fromNs, event }: Window, pathName: (ifindex: number) => string): number {
  const decidedNs = BigInt(Math.round(event.record.atUs)) * 1000n;
  let first: bigint | null = null;
  stream.receiveNs.forEach((ns, sequence) => {
    if (ns < fromNs || pathName(stream.ifindex[sequence] ?? 0) !== NODE) return;
    if (first === null || ns < first) first = ns;
  });
  if (first === null) throw new Error(`nothing arrived through ${NODE}`);
  return round(Math.max(0, Number(first - decidedNs) / NS_PER_MS));
}

/** From the first RELEASE of the window to its RELEASED. */
export function disarmMs(seen: readonly SeenMessage[], { fromNs }: Pick<Window, 'fromNs'>): number {
  const later = seen.filter(({ atNs }) => atNs >= fromNs);
  const asked = later.find(({ message }) => message.type === 'release');
  const done = later.find(({ message, atNs }) => message.type === 'released' && atNs >= (asked?.atNs ?? 0n));
  if (!asked || !done) throw new Error(`${NODE} did not say that it was released`);
  return round(Number(done.atNs - asked.atNs) / NS_PER_MS);
}
