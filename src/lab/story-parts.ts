/** What every story of the lab is made of: asking the controller until something is so, and judging what traffic suffered. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControllerProcess } from './controller-process.js';
import { suffered } from './measure.js';
import type { Stream, Suffered } from './measure.js';

export interface StoryCase {
  name: string;
  family: 4 | 6;
  lost: number;
  outage_ms: number;
  /** From the fault (the first lost packet; the action where none was lost) to the controller's event. */
  detect_ms: number;
  /** From the controller's event to the first packet that arrived through the elected node; null: not about an election. */
  elect_ms: number | null;
  /** From RELEASE to RELEASED, as they passed the node's interface; null: nobody was released. */
  disarm_ms: number | null;
  path_after: string;
  /** Longest pause of the source between the fault and just after the event. */
  pause_ms: number;
  cause: string;
}

export interface Mark {
  name: string;
  atNs: bigint;
}

/** One stream in one family, and what happened while it flowed. */
export interface StoryResult {
  title: string;
  family: 4 | 6;
  /** Names of the paths, by their number in the lab. */
  pathNames: readonly string[];
  /** Interface of the far server -> number of the path. */
  paths: ReadonlyMap<number, number>;
  cases: StoryCase[];
  marks: Mark[];
  stream: Stream & { maxGapUs: number };
  /** What a router and a node said to each other meanwhile; absent: nobody was elected. */
  dialogue?: Dialogue;
}

export interface Dialogue {
  /** Names of the two, left and right. */
  between: readonly [string, string];
  lines: ({ atNs: bigint } & ({ from: 'left' | 'right'; label: string } | { note: string }))[];
}

export interface LoggedEvent {
  sequence: number;
  record: {
    kind: string;
    uplink?: string;
    group?: string;
    gateway?: string;
    family?: number;
    to?: string | string[];
    cause?: string;
    atUs: number;
  };
}

export interface StoryContext {
  controller: ControllerProcess;
  family: 4 | 6;
  say: (text: string) => void;
  /** Ends the story at once, by an exception (Ctrl-C). */
  signal?: AbortSignal;
  /** How long the controller may take to notice, and to move the traffic. */
  eventTimeoutMs?: number;
}

const EVENT_TIMEOUT_MS = 15_000;
const POLL_MS = 20;
/** So long after its event a step can still cost packets. */
const AFTERMATH_NS = 50_000_000n;
const NS_PER_MS = 1e6;
const PAGE = 1000;

export const round = (ms: number): number => Math.round(ms * 100) / 100;

export async function eventsAfter({ controller }: StoryContext, after: number): Promise<LoggedEvent[]> {
  const { body } = await controller.call('GET', `/v1/events?after=${after}&limit=${PAGE}`);
  return (body as { events: LoggedEvent[] }).events;
}

export async function newestEvent({ controller }: StoryContext): Promise<number> {
  const { body } = await controller.call('GET', '/v1/events?limit=1');
  return (body as { newest: number }).newest;
}

/** Asks until there is an answer; throws when that takes too long or the story is cut short. */
export async function poll<T>(
  { signal, eventTimeoutMs = EVENT_TIMEOUT_MS }: StoryContext,
  missed: string,
  ask: () => Promise<T | undefined>,
  everyMs = POLL_MS,
): Promise<T> {
  const deadline = performance.now() + eventTimeoutMs;
  while (performance.now() < deadline) {
    const found = await ask();
    if (found !== undefined) return found;
    await sleep(everyMs, undefined, { signal });
  }
  throw new Error(`${missed} within ${eventTimeoutMs} ms`);
}

export function waitForEvent(
  context: StoryContext,
  after: number,
  what: string,
  noticed: (record: LoggedEvent['record']) => boolean,
): Promise<LoggedEvent> {
  return poll(context, `${what}: the controller did not notice`, async () => {
    const events = await eventsAfter(context, after);
    return events.find(({ record }) => noticed(record));
  });
}

/** Until exactly this uplink carries the family's traffic. */
export function waitForActive(context: StoryContext, uplink: string): Promise<true> {
  return poll(context, `traffic did not move to ${uplink}`, async () => {
    const { body } = await context.controller.call('GET', '/v1/groups');
    const groups = (body as { groups: { family: number; active: string[] }[] }).groups;
    const active = groups.find((entry) => entry.family === context.family)?.active ?? [];
    return active.length === 1 && active[0] === uplink ? true : undefined;
  });
}

/** A step of the story: from the act until traffic had settled again. */
export interface Window {
  name: string;
  family: 4 | 6;
  fromNs: bigint;
  toNs: bigint;
  event: LoggedEvent;
}

export type Judged = Suffered & Omit<StoryCase, 'elect_ms' | 'disarm_ms'>;

/** @param pathName of the interface of the far server by which packets arrive */
export function judge(
  { name, family, fromNs, toNs, event }: Window,
  stream: Stream,
  pathName: (ifindex: number) => string,
): Judged {
  const result = suffered(stream, fromNs, toNs);
  const { pauseMs } = suffered(stream, fromNs, BigInt(Math.round(event.record.atUs)) * 1000n + AFTERMATH_NS);
  const startNs = result.firstLostNs ?? fromNs;
  const detectMs = event.record.atUs / 1000 - Number(startNs) / NS_PER_MS;
  return {
    ...result,
    name,
    family,
    outage_ms: round(result.outageMs),
    detect_ms: round(Math.max(0, detectMs)),
    path_after: result.lastIfindex === null ? 'none' : pathName(result.lastIfindex),
    pause_ms: round(pauseMs),
    cause: event.record.cause ?? '',
  };
}

export function caseOf(judged: Judged, times: Pick<StoryCase, 'elect_ms' | 'disarm_ms'>): StoryCase {
  const { name, family, lost, outage_ms, detect_ms, path_after, pause_ms, cause } = judged;
  return { name, family, lost, outage_ms, detect_ms, ...times, path_after, pause_ms, cause };
}
