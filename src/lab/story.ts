/**
 * The story of the demo: what happens to the primary uplink, and what the traffic suffers, step by step.
 * Every step is: act, wait for the controller's own event, let the traffic settle, read off the window.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from './lab.js';
import { caseOf, judge, newestEvent, waitForActive, waitForEvent } from './story-parts.js';
import type { LoggedEvent, Mark, StoryContext, StoryResult, Window } from './story-parts.js';
import type { LabStream } from './stream.js';
import { native } from '../native.js';

export type CaseName = 'link-cut' | 'link-return' | 'silent' | 'silent-return' | 'drain' | 'undrain';

interface Step {
  name: CaseName;
  say: string;
  act: () => void | Promise<void>;
  /** The event that says that the controller has noticed. */
  noticed: (record: LoggedEvent['record']) => boolean;
  /** The uplink that the group must then use. */
  activeAfter: string;
}

export interface StoryOptions extends StoryContext {
  lab: Lab;
  stream: LabStream;
}

const SETTLE_MS = 600;
/** What is still on its way when the source stops would count as lost. */
const TAIL_MS = 200;
const PRIMARY = 'primary';
const BACKUP = 'backup';
const PATH_NAMES = [PRIMARY, BACKUP];

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

/** Runs the whole story over a stream that is already flowing; stops the stream. */
export async function tell(options: StoryOptions): Promise<StoryResult> {
  const { family } = options;
  const settle = (ms: number): Promise<void> => sleep(ms, undefined, { signal: options.signal });
  const windows: Window[] = [];
  const marks: Mark[] = [];
  await waitForActive(options, PRIMARY);
  options.say(`IPv${family}: steady traffic through ${PRIMARY}`);
  await settle(2 * SETTLE_MS);
  for (const step of steps(options)) {
    const after = await newestEvent(options);
    const fromNs = native.monotonicNs();
    marks.push({ name: step.name, atNs: fromNs });
    options.say(step.say);
    await step.act();
    const noticed = (record: LoggedEvent['record']): boolean => record.family === family && step.noticed(record);
    const event = await waitForEvent(options, after, step.name, noticed);
    options.say(`  noticed: ${event.record.cause ?? ''}`);
    await waitForActive(options, step.activeAfter);
    await settle(SETTLE_MS);
    windows.push({ name: step.name, family, fromNs, toNs: native.monotonicNs(), event });
  }
  await settle(TAIL_MS);
  const stream = options.stream.stop();
  const paths = options.lab.pathByIfindex();
  const pathName = (ifindex: number): string => PATH_NAMES[paths.get(ifindex) ?? -1] ?? 'none';
  const cases = windows.map((window) => caseOf(judge(window, stream, pathName), { elect_ms: null, disarm_ms: null }));
  return { title: `Two uplinks, IPv${family}`, family, pathNames: PATH_NAMES, paths, marks, stream, cases };
}
