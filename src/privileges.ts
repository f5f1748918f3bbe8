/** What a process may do, as capabilities(7) and getrlimit(2) count it: root is not asked for where less is enough. */
import { readFileSync } from 'node:fs';
import { DetourError } from './errors.js';

/** Numbers of linux/capability.h. */
const CAP_NET_ADMIN = 12;
const CAP_NET_RAW = 13;
const CAP_SYS_ADMIN = 21;
const CAP_SYS_NICE = 23;
const CAP_PERFMON = 38;
const CAP_BPF = 39;

/** Name, and the capabilities of which one is enough: CAP_SYS_ADMIN contains two of them, as it did before 5.8. */
const needed = [
  // Routes, rules, nexthops; attaching XDP.
  ['CAP_NET_ADMIN', [CAP_NET_ADMIN]],
  // Probes: packet and raw sockets.
  ['CAP_NET_RAW', [CAP_NET_RAW]],
  ['CAP_BPF', [CAP_BPF, CAP_SYS_ADMIN]],
  // The verifier lets programs without it neither compare pointers nor read across packets' bounds checks as ours do.
  ['CAP_PERFMON', [CAP_PERFMON, CAP_SYS_ADMIN]],
] as const;

export const NEEDED_CAPABILITIES: readonly string[] = needed.map(([name]) => name);

/** That of native.ts (a test compares them), which cannot be imported where the addon may not load, as by the doctor. */
export const REALTIME_PRIORITY = 40;

export interface Privileges {
  /** Names of the capabilities that are missing. */
  missing: string[];
  /** Whether threads get SCHED_FIFO at REALTIME_PRIORITY. */
  realtime: boolean;
}

/**
 * @param status text such as /proc/self/status
 * @param limits text such as /proc/self/limits; where it tells nothing, the limit counts as 0
 * @returns null: the status does not tell the effective capabilities
 */
export function privilegesOf(status: string, limits: string): Privileges | null {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (effective === undefined) return null;
  const bits = BigInt(`0x${effective}`);
  const has = (capability: number): boolean => ((bits >> BigInt(capability)) & 1n) === 1n;
  return {
    missing: needed.flatMap(([name, anyOf]) => (anyOf.some(has) ? [] : [name])),
    realtime: has(CAP_SYS_NICE) || realtimeLimit(limits) >= REALTIME_PRIORITY,
  };
}

/** The soft RLIMIT_RTPRIO, which sched_setscheduler(2) compares with. */
function realtimeLimit(limits: string): number {
  const soft = /^Max realtime priority\s+(\d+|unlimited)\s/m.exec(limits)?.[1] ?? '0';
  return soft === 'unlimited' ? Infinity : Number(soft);
}

/**
 * What a gateway node needs: it loads no programs and sends no raw packets.
 * @throws DetourError NOT_PERMITTED
 */
export function requireNetAdmin(what: string): void {
  const missing = privilegesOf(readFileSync('/proc/self/status', 'utf8'), '')?.missing ?? [];
  if (!missing.includes('CAP_NET_ADMIN')) return;
  throw new DetourError('NOT_PERMITTED', { what, remedy: 'CAP_NET_ADMIN is missing: run it as root or with sudo' });
}

/**
 * Where /proc tells nothing, nothing is called missing.
 * @throws DetourError NOT_PERMITTED, which names the capabilities that this process lacks
 */
export function requireCapabilities(what: string): void {
  const missing = privilegesOf(readFileSync('/proc/self/status', 'utf8'), '')?.missing ?? [];
  if (missing.length === 0) return;
  const remedy = `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing: run it as root or with sudo`;
  throw new DetourError('NOT_PERMITTED', { what, remedy });
}
