/**
 * A flood of the gateway protocol as one program: advertisements that look right up to their key, at a steady rate that
 * one core can make by far (bpf/flood.bpf.c). Reads what to do from standard input, as JSON. It ends by SIGTERM, when its
 * time is up, and when nobody reads what it says.
 */
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { BpfObject } from '../libbpf/index.js';
import { native } from '../native.js';
import { floodTemplate } from './flood-frame.js';
import type { FloodMessage } from './flood-frame.js';

export interface Flood extends FloodMessage {
  /** Of the interface that it leaves by. */
  ifindex: number;
  netns: string;
  messagesPerSecond: number;
  maxSeconds: number;
}

/** What a line of its output says. */
export interface FloodReport {
  /** Messages so far. */
  sent: number;
}

const OBJECT = 'build/bpf/flood.bpf.o';
/** Then the kernel lets the receivers run; well below the ring of a veth, which holds 256 frames. */
const BATCH = 64;
/** All runs on one: on two, the receivers of one run would not keep up with the other one. */
const CPU = availableParallelism() - 1;
const TICK_MS = 4;
/** A run ends some 20 ms after its last frame: the kernel waits before it frees the pages. So several overlap. */
const MAX_RUNS = 32;
/** What a pause has held up for longer is left out, not sent in a volley. */
const MAX_BEHIND_MS = 20;
const REPORT_EVERY_MS = 50;
const MS_PER_S = 1000;

async function readFlood(): Promise<Flood> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk);
  return JSON.parse(text) as Flood;
}

const flood = await readFlood();
const { ifindex, netns, messagesPerSecond, maxSeconds } = flood;
const { frame, globals } = floodTemplate(flood);
let object = BpfObject.open(OBJECT);
for (const [name, value] of Object.entries(globals)) object = object.setGlobal(name, value);
const { fd: programFd } = object.load().program('detour_flood');

let sent = 0;
let runs = 0;
let stopping = false;
process.on('SIGTERM', () => (stopping = true));
process.stdout.on('error', () => process.exit(1));
const report = (): void => console.log(JSON.stringify({ sent } satisfies FloodReport));

async function send(repeat: number): Promise<void> {
  runs++;
  try {
    await native.runLiveFrames({ programFd, frame, ifindex, repeat, batchSize: BATCH, cpu: CPU, netns });
    sent += repeat;
  } finally {
    runs--;
  }
}

const startMs = performance.now();
/** Messages that were due and are sent or left out. */
let settled = 0;
let reportedMs = startMs;
for (let nowMs = startMs; !stopping && nowMs - startMs < maxSeconds * MS_PER_S; nowMs = performance.now()) {
  const due = Math.floor(((nowMs - startMs) * messagesPerSecond) / MS_PER_S);
  const most = Math.ceil((MAX_BEHIND_MS * messagesPerSecond) / MS_PER_S);
  const repeat = Math.min(due - settled, most);
  if (repeat > 0 && runs < MAX_RUNS) {
    settled = due;
    // A failure ends the program.
    void send(repeat);
  }
  if (nowMs - reportedMs >= REPORT_EVERY_MS) {
    reportedMs = nowMs;
    report();
  }
  await sleep(TICK_MS);
}
while (runs > 0) await sleep(TICK_MS);
report();
process.exit(0);
