/** `make demo`: builds the lab, runs the real controller in it, tells the story, writes the report, cleans up. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { ControllerProcess } from './controller-process.js';
import { demoConfig } from './demo-config.js';
import { Lab } from './lab.js';
import { writeReport } from './report.js';
import { tell } from './story.js';
import type { StoryResult } from './story.js';
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
  stream: LabStream | null;
  stopped: boolean;
}

async function tellFor(demo: Demo, family: 4 | 6): Promise<StoryResult> {
  const { lab, controller } = demo;
  if (!lab || !controller) throw new Error('the lab is gone');
  const stream = new LabStream({
    names: lab.names,
    family,
    packetsPerSecond: PACKETS_PER_SECOND,
    maxSeconds: MAX_SECONDS,
  });
  demo.stream = stream;
  try {
    return await tell({ lab, controller, stream, family, say, stopped: () => demo.stopped });
  } finally {
    stream.stop();
    demo.stream = null;
  }
}

async function play(demo: Demo): Promise<void> {
  mkdirSync(OUTPUT, { recursive: true });
  const socket = `/run/detour-demo-${process.pid}.sock`;
  const config = demoConfig({ socket, pinPath: `/sys/fs/bpf/detour-demo-${process.pid}` });
  const configFile = `${OUTPUT}/detour.yaml`;
  writeFileSync(configFile, config);
  say('building the lab: client, router, two gateways, a far server');
  const lab = Lab.create({ gateways: 2 });
  demo.lab = lab;
  say(`starting the controller with ${configFile}:\n\n${config.replace(/^/gm, '    ')}`);
  const fromMs = performance.now();
  demo.controller = await ControllerProcess.start({ namespace: lab.names.router, configFile, socket });
  say(`ready after ${Math.round(performance.now() - fromMs)} ms`);
  const results: StoryResult[] = [];
  for (const family of [4, 6] as const) results.push(await tellFor(demo, family));
  const text = writeReport(OUTPUT, results, lab.pathByIfindex());
  console.log(`\n${text}\n\nwritten: ${OUTPUT}/report.html, ${OUTPUT}/report.json`);
}

/** Also after Ctrl-C and after a failure half-way. */
async function cleanUp({ lab, controller }: Demo): Promise<void> {
  await controller?.stop().catch(() => undefined);
  lab?.destroy();
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
  const demo: Demo = { lab: null, controller: null, stream: null, stopped: false };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (demo.stopped = true));
  try {
    await play(demo);
    return 0;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(demo.stopped ? 'demo: interrupted, cleaning up' : `demo: ${reason}`);
    return demo.stopped ? 130 : 1;
  } finally {
    await cleanUp(demo);
  }
}

process.exitCode = await main();
