/** Maps are charged to the memory cgroup since 5.11, no longer to RLIMIT_MEMLOCK: its limit is the one that counts. */
import { reporter, type DoctorInput, type Finding, type Files } from '../finding.js';

const report = reporter('memory-limit', 'machine', 'Memory for maps');
/** Route tables, counters and ring buffers at default sizes, with room for the controller itself. */
const NEEDED_MIB = 256;
const MIB = 1024 * 1024;

export function memoryLimit({ files }: DoctorInput): Finding[] {
  const limit = smallestLimit(files);
  if (limit === null)
    return [report({ status: 'ok', detail: 'no cgroup limit (maps are not charged to memlock since 5.11)' })];
  const mib = Math.floor(limit.bytes / MIB);
  const detail = `${limit.group} is limited to ${mib} MiB, to which maps are charged`;
  if (mib >= NEEDED_MIB) return [report({ status: 'ok', detail })];
  return [report({ status: 'warn', detail, remedy: `give it ${NEEDED_MIB} MiB or more (MemoryMax= of the service)` })];
}

/** memory.max of this process's cgroup (version 2) and of those above it. */
function smallestLimit(files: Files): { group: string; bytes: number } | null {
  const path = /^0::(\/.*)$/m.exec(files.read('/proc/self/cgroup') ?? '')?.[1];
  if (path === undefined) return null;
  const parts = path.split('/').filter((part) => part !== '');
  let smallest: { group: string; bytes: number } | null = null;
  for (let depth = parts.length; depth > 0; depth--) {
    const group = `/${parts.slice(0, depth).join('/')}`;
    const text = files.read(`/sys/fs/cgroup${group}/memory.max`)?.trim();
    const bytes = text === undefined || text === 'max' ? Infinity : Number(text);
    if (Number.isFinite(bytes) && (smallest === null || bytes < smallest.bytes)) smallest = { group, bytes };
  }
  return smallest;
}
