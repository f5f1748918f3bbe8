/** Linux 6.1 is the minimum: bpf_timer, ring buffer, nexthop objects and NTF_EXT_MANAGED are all there. */
import { reporter, type DoctorInput, type Finding } from '../finding.js';

const report = reporter('kernel-version', 'machine', 'Kernel');
const MINIMUM = [6, 1] as const;
/** The netdev family tells which devices take redirected frames. */
const NETDEV_FAMILY = [6, 3] as const;

export function kernelVersion({ files }: DoctorInput): Finding[] {
  const release = files.read('/proc/sys/kernel/osrelease')?.trim() ?? '';
  const match = /^(\d+)\.(\d+)/.exec(release);
  if (!match) return [report({ status: 'skip', detail: `the version "${release}" cannot be read` })];
  const version = [Number(match[1]), Number(match[2])] as const;
  if (isBefore(version, MINIMUM)) {
    return [
      report({
        status: 'fail',
        detail: `${release}; Detour needs ${MINIMUM.join('.')}`,
        remedy: 'install a kernel of 6.1 or later (Debian 12 has 6.1)',
      }),
    ];
  }
  const note = isBefore(version, NETDEV_FAMILY)
    ? '; before 6.3 it does not say which devices take redirected frames'
    : '';
  return [report({ status: 'ok', detail: `${release}${note}` })];
}

const isBefore = (version: readonly [number, number], other: readonly [number, number]): boolean =>
  version[0] < other[0] || (version[0] === other[0] && version[1] < other[1]);
