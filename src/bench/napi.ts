/** Receiving in a thread of its own, pinned to a core: so that "one core's forwarding rate" can be measured. */
import { readFileSync, readdirSync } from 'node:fs';
import { sh } from '../lab/shell.js';

/** Kernel threads of the NAPI instances of devices with that name, in all namespaces. */
function napiThreads(device: string): Set<number> {
  const found = new Set<number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith(`napi/${device}-`)) found.add(Number(pid));
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

/**
 * Makes a veth run NAPI without an XDP program (by GRO), in a thread, on `cpu` where one is given.
 * @returns the thread's id; the thread lives until the device goes, whether or not an XDP program comes and goes.
 */
export function receiveInThread(namespace: string, device: string, cpu?: number): number {
  sh('ip', 'netns', 'exec', namespace, 'ethtool', '-K', device, 'gro', 'on');
  const before = napiThreads(device);
  // `ip netns exec` mounts the /sys of that namespace.
  sh('ip', 'netns', 'exec', namespace, 'sh', '-c', `echo 1 > /sys/class/net/${device}/threaded`);
  const [thread, ...more] = [...napiThreads(device)].filter((pid) => !before.has(pid));
  if (thread === undefined || more.length > 0) throw new Error(`${device}: expected one new NAPI thread`);
  if (cpu !== undefined) sh('taskset', '-p', '-c', String(cpu), String(thread));
  // So that the core is its own as far as possible, whatever else the machine does.
  sh('renice', '-n', '-20', '-p', String(thread));
  return thread;
}

/** @throws Error when the thread is gone or may run elsewhere: then the run measured something else. */
export function assertPinned(thread: number, cpu: number): void {
  const status = readFileSync(`/proc/${thread}/status`, 'utf8');
  const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1];
  if (allowed !== String(cpu))
    throw new Error(`NAPI thread ${thread} may run on CPU ${allowed ?? 'none'}, not ${cpu} alone`);
}
