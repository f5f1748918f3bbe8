/** Capabilities and real-time limit of this process (capabilities(7), getrlimit(2)); those of a service may differ. */
import { NEEDED_CAPABILITIES, privilegesOf, REALTIME_PRIORITY } from '../../../privileges.js';
import { reporter, type DoctorInput, type Finding } from '../finding.js';

const report = reporter('capabilities', 'machine', 'Capabilities');

export function capabilities({ files }: DoctorInput): Finding[] {
  const read = (path: string): string => files.read(path) ?? '';
  const privileges = privilegesOf(read('/proc/self/status'), read('/proc/self/limits'));
  if (privileges === null) return [report({ status: 'skip', detail: '/proc/self/status cannot be read' })];
  const { missing, realtime } = privileges;
  if (missing.length > 0) {
    return [
      report({
        status: 'fail',
        detail: `missing: ${missing.join(', ')}`,
        remedy: `run as root, or give the service AmbientCapabilities=${NEEDED_CAPABILITIES.join(' ')} and LimitRTPRIO=${REALTIME_PRIORITY}`,
      }),
    ];
  }
  if (!realtime) {
    return [
      report({
        status: 'warn',
        detail: 'the probe transmitter and the link watch run without real-time priority',
        remedy:
          `give the service LimitRTPRIO=${REALTIME_PRIORITY} (a shell: prlimit --rtprio=${REALTIME_PRIORITY}), or CAP_SYS_NICE; ` +
          'without it a busy machine sends probes late, and hears late of links that went down',
      }),
    ];
  }
  return [report({ status: 'ok', detail: NEEDED_CAPABILITIES.join(', ') })];
}
