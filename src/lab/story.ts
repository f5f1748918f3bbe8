/**
 * The story of the demo: what happens to the primary uplink, and what the traffic suffers, step by step.
 * Every step is: act, wait for the controller's own event, let the traffic settle, read off the window.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControllerProcess } from './controller-process.js';
import type { Lab } from './lab.js';
import { suffered } from './measure.js';
import type { Stream } from './measure.js';
import type { LabStream } from './stream.js';
import { native } from '../native.js';

export type CaseName = 'link-cut' | 'link-return' | 'silent' | 'silent-return' | 'drain' | 'undrain';

export interface StoryCase {
  name: CaseName;
  family: 4 | 6;
  lost: number;
  outage_ms: number;
  /** From the fault (the first lost packet; the action where none was lost) to the controller's event. */
  detect_ms: number;
  path_after: string;
  /** Longest pause of the source between the fault and just after the event. */
  pause_ms: number;
  cause: string;
}

export interface Mark {
  name: string;
  atNs: bigint;
}

export interface StoryResult {
  cases: StoryCase[];
  marks: Mark[];
  stream: Stream & { maxGapUs: number };
}

interface LoggedEvent {
  sequence: number;
  record: {
    kind: string;
    uplink?: string;
    group?: string;
    family?: number;
    to?: string | string[];
    cause?: string;
    atUs: number;
  };
}

interface Step {
  name: CaseName;
  say: string;
  act: () => void | Promise<void>;
  /** The event that says that the controller has noticed. */
  noticed: (record: LoggedEvent['record']) => boolean;
  /** The uplink that the group must then use. */
  activeAfter: string;
}

export interface StoryOptions {
  lab: Lab;
  controller: ControllerProcess;
  stream: LabStream;
  family: 4 | 6;
  say: (text: string) => void;
  /** Ends the story at once, by an exception (Ctrl-C). */
  signal?: AbortSignal;
  /** How long the controller may take to notice, and to move the traffic. */
  eventTimeoutMs?: number;
}

const EVENT_TIMEOUT_MS = 15_000;
const SETTLE_MS = 600;
/** What is still on its way when the source stops would count as lost. */
const TAIL_MS = 200;
/** So long after its event a step can still cost packets. */
const AFTERMATH_NS = 50_000_000n;
const NS_PER_MS = 1e6;
const PRIMARY = 'primary';
const BACKUP = 'backup';

function steps({ lab, controller }: StoryOptions): Step[] {
  const post = async (path: string): Promise<void> => {
    const { status, body } = await controller.call('POST', path);
    if (status >= 300) throw new Error(`POST ${path}: ${status} ${JSON.stringify(body)}`);
  };
  const path = (state: string) => (record: LoggedEvent['record']) =>
    record.kind === 'path' && record.uplink === PRIMARY && record.to === state;
  const group = (uplink: string) => (record: LoggedEvent['record']) =>
    record.kind === 'group' && Array.isArray(record.to) && record.to.length === 1 && record.to[0] === uplink;
  return [
    {
      name: 'link-cut',
      say: "primary's cable is cut",
      act: () => lab.cutLink(0),
      noticed: path('down'),
      activeAfter: BACKUP,
    },
    {
      name: 'link-return',
      say: 'the cable is back',
      act: () => lab.restoreLink(0),
      noticed: group(PRIMARY),
      activeAfter: PRIMARY,
    },
    {
      name: 'silent',
      say: 'everything beyond the gateway is dropped, carrier stays up',
      act: () => lab.silence(0),
      noticed: path('down'),
      activeAfter: BACKUP,
    },
    {
      name: 'silent-return',
      say: 'the path beyond the gateway works again',
      act: () => lab.unsilence(0),
      noticed: group(PRIMARY),
      activeAfter: PRIMARY,
    },
    {
      name: 'drain',
      say: 'an operator drains primary',
      act: () => post(`/v1/uplinks/${PRIMARY}/drain`),
      noticed: group(BACKUP),
      activeAfter: BACKUP,
    },
    {
      name: 'undrain',
      say: 'and takes it back',
      act: () => post(`/v1/uplinks/${PRIMARY}/undrain`),
      noticed: group(PRIMARY),
      activeAfter: PRIMARY,
    },
  ];
}

async function eventsAfter(controller: ControllerProcess, after: number): Promise<LoggedEvent[]> {
  const { body } = await controller.call('GET', `/v1/events?after=${after}&limit=1000`);
  return (body as { events: LoggedEvent[] }).events;
}

async function newestEvent(controller: ControllerProcess): Promise<number> {
  const { body } = await controller.call('GET', '/v1/events?limit=1');
  return (body as { newest: number }).newest;
}

/** Asks until there is an answer; throws when that takes too long or the story is cut short. */
async function poll<T>(
  { signal, eventTimeoutMs = EVENT_TIMEOUT_MS }: StoryOptions,
  missed: string,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + eventTimeoutMs;
  while (performance.now() < deadline) {
    const found = await ask();
    if (found !== undefined) return found;
    await sleep(20, undefined, { signal });
  }
  throw new Error(`${missed} within ${eventTimeoutMs} ms`);
}

function waitForEvent(options: StoryOptions, after: number, step: Step): Promise<LoggedEvent> {
  return poll(options, `${step.name}: the controller did not notice`, async () => {
    const events = await eventsAfter(options.controller, after);
    return events.find(({ record }) => record.family === options.family && step.noticed(record));
  });
}

function waitForActive(options: StoryOptions, uplink: string): Promise<true> {
  return poll(options, `traffic did not move to ${uplink}`, async () => {
    const { body } = await options.controller.call('GET', '/v1/groups');
    const groups = (body as { groups: { family: number; active: string[] }[] }).groups;
    const active = groups.find((entry) => entry.family === options.family)?.active ?? [];
    return active.length === 1 && active[0] === uplink ? true : undefined;
  });
}

interface Window {
  step: Step;
  fromNs: bigint;
  toNs: bigint;
  event: LoggedEvent;
}

/** Runs the whole story over a stream that is already flowing; stops the stream. */
export async function tell(options: StoryOptions): Promise<StoryResult> {
  const settle = (ms: number): Promise<void> => sleep(ms, undefined, { signal: options.signal });
  const windows: Window[] = [];
  const marks: Mark[] = [];
  await waitForActive(options, PRIMARY);
  options.say(`IPv${options.family}: steady traffic through ${PRIMARY}`);
  await settle(2 * SETTLE_MS);
  for (const step of steps(options)) {
    const after = await newestEvent(options.controller);
    const fromNs = native.monotonicNs();
    marks.push({ name: step.name, atNs: fromNs });
    options.say(step.say);
    await step.act();
    const event = await waitForEvent(options, after, step);
    options.say(`  noticed: ${event.record.cause ?? ''}`);
    await waitForActive(options, step.activeAfter);
    await settle(SETTLE_MS);
    windows.push({ step, fromNs, toNs: native.monotonicNs(), event });
  }
  await settle(TAIL_MS);
  const stream = options.stream.stop();
  const paths = options.lab.pathByIfindex();
  return { marks, stream, cases: windows.map((window) => judge(window, stream, paths, options.family)) };
}

function judge(
  { step, fromNs, toNs, event }: Window,
  stream: Stream,
  paths: ReadonlyMap<number, number>,
  family: 4 | 6,
): StoryCase {
  const { lost, outageMs, firstLostNs, lastIfindex } = suffered(stream, fromNs, toNs);
  const { pauseMs } = suffered(stream, fromNs, BigInt(Math.round(event.record.atUs)) * 1000n + AFTERMATH_NS);
  const path = lastIfindex === null ? undefined : paths.get(lastIfindex);
  const startNs = firstLostNs ?? fromNs;
  const detectMs = event.record.atUs / 1000 - Number(startNs) / NS_PER_MS;
  return {
    name: step.name,
    family,
    lost,
    outage_ms: round(outageMs),
    detect_ms: round(Math.max(0, detectMs)),
    path_after: path === undefined ? 'none' : ([PRIMARY, BACKUP][path] ?? `gateway ${path}`),
    pause_ms: round(pauseMs),
    cause: event.record.cause ?? '',
  };
}

const round = (ms: number): number => Math.round(ms * 100) / 100;
