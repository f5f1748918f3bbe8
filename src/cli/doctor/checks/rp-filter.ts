/** Strict reverse-path filtering (RFC 3704) drops what comes back by an uplink that is not the best route. */
import { isUnknown, reporter, subjects, type DoctorInput, type Finding } from '../finding.js';
import { inSysctl } from '../sysctl.js';

const report = reporter('rp-filter', 'interface', 'Reverse-path filter');
const STRICT = 1;
const NAMES = ['off', 'strict', 'loose'];

export function rpFilter(input: DoctorInput): Finding[] {
  if (isUnknown(input.view)) return [report({ status: 'skip', detail: input.view.unknown })];
  return subjects(input)
    .filter(({ uplink }) => uplink !== null || input.loaded === null)
    .map(({ link }) => {
      if (link.rpFilter !== STRICT)
        return report({ status: 'ok', detail: NAMES[link.rpFilter] ?? String(link.rpFilter) }, link.name);
      return report(
        {
          status: input.loaded === null ? 'warn' : 'fail',
          detail:
            'strict: replies that come back by this interface are dropped while another uplink is the better route',
          remedy: `sysctl -w net.ipv4.conf.${inSysctl(link.name)}.rp_filter=2 (the greater of this and conf.all counts)`,
        },
        link.name,
      );
    });
}
