/** What a running process costs, window by window. */
import { setTimeout as sleep } from 'node:timers/promises';
import { sh } from '../lab/shell.js';
import { readCpuTicks, readResidentMb } from './process-usage.js';

export interface ProcessLoad {
  /** Per cent of one core, user and system time of all threads; one number a window. */
  cpu: number[];
  /** MiB at the end of each window. */
  resident: number[];
}

const NS_PER_S = 1e9;

export async function measureLoad(
  pid: number,
  { windows, windowMs, signal }: { windows: number; windowMs: number; signal: AbortSignal },
): Promise<ProcessLoad> {
  const ticksPerSecond = Number(sh('getconf', 'CLK_TCK'));
  const load: ProcessLoad = { cpu: [], resident: [] };
  for (let window = 0; window < windows; window++) {
    const from = { ticks: readCpuTicks(pid), ns: process.hrtime.bigint() };
    await sleep(windowMs, undefined, { signal });
    const seconds = Number(process.hrtime.bigint() - from.ns) / NS_PER_S;
    load.cpu.push((100 * (readCpuTicks(pid) - from.ticks)) / ticksPerSecond / seconds);
    load.resident.push(readResidentMb(pid));
  }
  return load;
}
