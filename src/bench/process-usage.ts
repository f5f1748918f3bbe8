/** What a process uses, from /proc. */
import { readFileSync } from 'node:fs';

/** CPU time of all threads in clock ticks. Pure. @throws Error when it is not a line of /proc/PID/stat. */
export function cpuTicks(stat: string): number {
  // The name in parentheses may contain anything: fields are counted from its end. proc(5): utime is 14, stime 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [utime, stime] = [Number(fields[11]), Number(fields[12])];
  if (!stat.includes(')') || !Number.isFinite(utime + stime)) throw new Error(`not a line of /proc/PID/stat: ${stat}`);
  return utime + stime;
}

/** VmRSS in MiB. Pure. */
export function residentMb(status: string): number {
  const kib = /^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error('no VmRSS in /proc/PID/status');
  return Number(kib) / 1024;
}

export const readCpuTicks = (pid: number): number => cpuTicks(readFileSync(`/proc/${pid}/stat`, 'utf8'));
export const readResidentMb = (pid: number): number => residentMb(readFileSync(`/proc/${pid}/status`, 'utf8'));
