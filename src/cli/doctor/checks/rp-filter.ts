/** Strict reverse-path filtering (RFC 3704) drops what comes back by an uplink that is not the best route. */
import { describeStrict, isStrict } from '../../../controller/strict-sources.js';
import { isUnknown, reporter, subjects, type DoctorInput, type Finding, type Subject } from '../finding.js';
import { inSysctl } from '../sysctl.js';

const report = reporter('rp-filter', 'interface', 'Reverse-path filter');
const NAMES = ['off', 'strict', 'loose'];

export function rpFilter(input: DoctorInput): Finding[] {
  if (isUnknown(input.view)) return [report({ status: 'skip', detail: input.view.unknown })];
  return subjects(input).map((subject) => ofSubject(subject, input.loaded !== null));
}

function ofSubject({ link, uplink }: Subject, isConfigured: boolean): Finding {
  if (!isStrict(link))
    return report({ status: 'ok', detail: NAMES[link.rpFilter] ?? String(link.rpFilter) }, link.name);
  if (isConfigured && uplink === null) {
    // On the LAN side it is right, only slow.
    const [detail = '', remedy = ''] = describeStrict(link.name).split(': ');
    return report({ status: 'warn', detail, remedy }, link.name);
  }
  return report(
    {
      status: isConfigured ? 'fail' : 'warn',
      detail: 'strict: replies that come back by this interface are dropped while another uplink is the better route',
      remedy: `sysctl -w net.ipv4.conf.${inSysctl(link.name)}.rp_filter=2 (the greater of this and conf.all counts)`,
    },
    link.name,
  );
}
