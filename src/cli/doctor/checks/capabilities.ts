/** Capabilities of this process (capabilities(7)); those of a service may differ. */
import { reporter, type DoctorInput, type Finding } from '../finding.js';

const report = reporter('capabilities', 'machine', 'Capabilities');

/** Bit numbers of <linux/capability.h>. */
const CAP_NET_ADMIN = 12n;
const CAP_NET_RAW = 13n;
const CAP_SYS_ADMIN = 21n;
const CAP_SYS_NICE = 23n;
const CAP_PERFMON = 38n;
const CAP_BPF = 39n;

export function capabilities({ files }: DoctorInput): Finding[] {
  const text = /^CapEff:\s*([0-9a-f]+)$/m.exec(files.read('/proc/self/status') ?? '')?.[1];
  if (text === undefined) return [report({ status: 'skip', detail: '/proc/self/status cannot be read' })];
  const effective = BigInt(`0x${text}`);
  const has = (bit: bigint): boolean => ((effective >> bit) & 1n) === 1n;
  const needed = [
    { name: 'CAP_NET_ADMIN', present: has(CAP_NET_ADMIN) },
    { name: 'CAP_NET_RAW', present: has(CAP_NET_RAW) },
    // CAP_SYS_ADMIN contains both, as it did before 5.8.
    { name: 'CAP_BPF', present: has(CAP_BPF) || has(CAP_SYS_ADMIN) },
    { name: 'CAP_PERFMON', present: has(CAP_PERFMON) || has(CAP_SYS_ADMIN) },
  ];
  const missing = needed.filter(({ present }) => !present).map(({ name }) => name);
  if (missing.length > 0) {
    return [
      report({
        status: 'fail',
        detail: `missing: ${missing.join(', ')}`,
        remedy:
          'run as root, or give the service AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW CAP_BPF CAP_PERFMON CAP_SYS_NICE',
      }),
    ];
  }
  if (!has(CAP_SYS_NICE)) {
    return [
      report({
        status: 'warn',
        detail: 'CAP_SYS_NICE is missing: the probe transmitter runs without real-time priority',
        remedy: 'add CAP_SYS_NICE; without it a busy machine sends probes late',
      }),
    ];
  }
  return [report({ status: 'ok', detail: needed.map(({ name }) => name).join(', ') })];
}
