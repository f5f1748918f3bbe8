/** `make demo`: builds the lab, runs the real controller in it, tells the story, writes the report, cleans up. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { messageOf } from '../errors.js';
import { ControllerProcess } from './controller-process.js';
import { demoConfig } from './demo-config.js';
import { Interrupted, interruption } from './interruption.js';
import { Lab } from './lab.js';
import { FarServer } from './downloads.js';
import { rescue } from './rescue.js';
import { RescueRig } from './rescue-rig.js';
import { writeReport } from './report.js';
import { tell } from './story.js';
import type { StoryResult } from './story-parts.js';
import { LabStream } from './stream.js';
import { tryStart } from './shell.js';

const OUTPUT = 'build/demo';
const PACKETS_PER_SECOND = 10_000;
/** Bounds the stream's memory; the story is shorter. */
const MAX_SECONDS = 120;

const startedMs = performance.now();
const say = (text: string): void => {
  console.log(`${((performance.now() - startedMs) / 1000).toFixed(2).padStart(7)} s  ${text}`);
};

interface Demo {
  lab: Lab | null;
  controller: ControllerProcess | null;
  /** Of the second act. */
  rig: RescueRig | null;
  far: FarServer | null;
  signal: AbortSignal;
}

const SOCKET = `/run/detour-demo-${process.pid}.sock`;
const PIN_PATH = `/sys/fs/bpf/detour-demo-${process.pid}`;

async function tellFor(demo: Demo, family: 4 | 6): Promise<StoryResult> {
  const { lab, controller, signal } = demo;
  if (!lab || !controller) throw new Error('the lab is gone');
  const stream = new LabStream({
    names: lab.names,
    family,
    packetsPerSecond: PACKETS_PER_SECOND,
    maxSeconds: MAX_SECONDS,
  });
  try {
    return await tell({ lab, controller, stream, family, say, signal });
  } finally {
    stream.stop();
  }
}

/** Two uplinks, one of which is cut, silenced and drained. */
async function firstAct(demo: Demo): Promise<StoryResult[]> {
  const config = demoConfig({ socket: SOCKET, pinPath: PIN_PATH });
  const configFile = `${OUTPUT}/detour.yaml`;
  writeFileSync(configFile, config);
  say('building the lab: client, router, two gateways, a far server');
  const lab = Lab.create({ gateways: 2 });
  demo.lab = lab;
  say(`starting the controller with ${configFile}:\n\n${indented(config)}`);
  const fromMs = performance.now();
  demo.controller = await ControllerProcess.start({
    namespace: lab.names.router,
    configFile,
    socket: SOCKET,
    signal: demo.signal,
  });
  say(`ready after ${Math.round(performance.now() - fromMs)} ms`);
  const results: StoryResult[] = [];
  for (const family of [4, 6] as const) results.push(await tellFor(demo, family));
  await endFirstAct(demo);
  return results;
}

async function endFirstAct(demo: Demo): Promise<void> {
  await demo.controller?.stop();
  demo.controller = null;
  demo.lab?.destroy();
  demo.lab = null;
}

/** One line, and a phone on the LAN. */
async function secondAct(demo: Demo): Promise<StoryResult[]> {
  say('the second act: a home router with one line, and a phone on the LAN');
  const rig = new RescueRig({ tag: `${process.pid}-home`, signal: demo.signal });
  demo.rig = rig;
  demo.far = await FarServer.start(rig.lab.names);
  say(`the router's configuration:\n\n${indented(rig.writeConfig())}`);
  say(`the phone's:\n\n${indented(rig.writeNodeConfig())}`);
  say('pairing: "detour gateways pair phone" on the router, its line to "detour gateway join" on the phone');
  rig.pair();
  await rig.startController();
  rig.startAgent();
  const results: StoryResult[] = [];
  for (const family of [4, 6] as const) results.push(await rescueFor(demo, rig, family));
  return results;
}

async function rescueFor({ signal }: Demo, rig: RescueRig, family: 4 | 6): Promise<StoryResult> {
  const { names } = rig.lab;
  const stream = new LabStream({ names, family, packetsPerSecond: PACKETS_PER_SECOND, maxSeconds: MAX_SECONDS });
  try {
    say(`IPv${family}: steady traffic through the line`);
    return await rescue({ rig, controller: rig.controller, stream, family, say, signal, visible: true });
  } finally {
    stream.stop();
  }
}

const indented = (text: string): string => text.replace(/^/gm, '    ');

async function play(demo: Demo): Promise<void> {
  mkdirSync(OUTPUT, { recursive: true });
  const results = [...(await firstAct(demo)), ...(await secondAct(demo))];
  const text = writeReport(OUTPUT, results);
  console.log(`\n${text}\n\nwritten: ${OUTPUT}/report.html, ${OUTPUT}/report.json`);
}

/** Also after Ctrl-C and after a failure half-way. */
async function cleanUp({ lab, controller, rig, far }: Demo): Promise<void> {
  far?.stop();
  await rig?.destroy().catch(() => undefined);
  await controller?.stop().catch(() => undefined);
  lab?.destroy();
  // Of a controller that had to be killed, or that a second Ctrl-C ended at once: it gets those, too.
  for (const left of [PIN_PATH, SOCKET]) rmSync(left, { recursive: true, force: true });
}

async function main(): Promise<number> {
  if (process.geteuid?.() !== 0) {
    console.error('demo: building network namespaces needs root: run "make demo" as root or with sudo');
    return 77;
  }
  if (!tryStart('ip', '-V')) {
    console.error('demo: iproute2 is missing: run "make demo", which installs it');
    return 69;
  }
  const demo: Demo = { lab: null, controller: null, rig: null, far: null, signal: interruption() };
  try {
    await play(demo);
    return 0;
  } catch (error) {
    // Whatever went wrong after it: a Ctrl-C in a terminal ends the controller, too.
    const reason: unknown = demo.signal.aborted ? demo.signal.reason : error;
    console.error(`demo: ${messageOf(reason)}; cleaning up`);
    return reason instanceof Interrupted ? reason.exitCode : 1;
  } finally {
    await cleanUp(demo);
  }
}

process.exitCode = await main();
