/**
 * What the controller costs while nothing happens: two uplinks, probes every 20 ms, no traffic.
 *
 * A veth hands a packet to its peer within the send call, and so the whole lab, gateways and far server, would run on the
 * transmitter's account (measured: a third of all). So the gateways receive in threads of their own, as other machines do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LabRig } from './lab-rig.js';
import { receiveInThread } from './napi.js';
import { measureLoad } from './process-load.js';
import { row } from './result.js';
import type { Bench, BenchContext, Measured, Row } from './result.js';

const WINDOW_MS = 10_000;
const WINDOWS = 3;
/** Compilation by V8 and the first full reconciliation are start-up, not idling. */
const SETTLE_MS = 3000;
const TARGETS = [1, 3];

async function measure(context: BenchContext, targetsPerFamily: number): Promise<Row[]> {
  const rig = new LabRig(context, { targetsPerFamily });
  for (const gateway of rig.lab.names.gateways) receiveInThread(gateway, 'lan');
  const { pid } = await rig.startController();
  await sleep(SETTLE_MS, undefined, context);
  const { cpu, resident } = await measureLoad(pid, { windows: WINDOWS, windowMs: WINDOW_MS, signal: context.signal });
  await rig.stopController();
  rig.lab.destroy();
  const name = `2 uplinks x ${targetsPerFamily} target${targetsPerFamily === 1 ? '' : 's'} a family, 20 ms`;
  return [
    row('detour', name, { name: 'cpu_percent', unit: '% of a core' }, cpu),
    row('detour', name, { name: 'rss_mb', unit: 'MiB' }, resident),
  ];
}

async function run(context: BenchContext): Promise<Measured> {
  const rows: Row[] = [];
  for (const targets of TARGETS) {
    context.say(`${targets} target(s) a family: ${WINDOWS} windows of ${WINDOW_MS / 1000} s`);
    rows.push(...(await measure(context, targets)));
  }
  return {
    ratios: [],
    rows,
    notes: [
      'User and system time of all threads of the controller, the realtime transmitter of probes included.',
      'What gateways and far server do with the probes is not counted: they receive in threads of their own.',
    ],
  };
}

export const idle: Bench = { name: 'idle', run };
