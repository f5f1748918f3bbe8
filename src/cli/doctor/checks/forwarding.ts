/** An interface forwards only where its sysctl says so; XDP follows it, as the stack does. */
import { isUnknown, reporter, subjects, type DoctorInput, type Finding } from '../finding.js';
import { inSysctl } from '../sysctl.js';

const report = reporter('forwarding', 'interface', 'Forwarding');

export function forwarding(input: DoctorInput): Finding[] {
  if (isUnknown(input.view)) return [report({ status: 'skip', detail: input.view.unknown })];
  return subjects(input).map(({ link }) => {
    const off = ([4, 6] as const).filter((family) => !link.forwarding[family]);
    if (off.length === 0) return report({ status: 'ok', detail: 'on for IPv4 and IPv6' }, link.name);
    const settings = off.map((family) => `net.ipv${family}.conf.${inSysctl(link.name)}.forwarding=1`);
    return report(
      {
        // Without a configuration nobody knows whether this interface is meant to forward.
        status: input.loaded === null ? 'warn' : off.length === 2 ? 'fail' : 'warn',
        detail: `off for ${off.map((family) => `IPv${family}`).join(' and ')}: such packets that come in here are not forwarded`,
        remedy: `sysctl -w ${settings.join(' ')} (and in /etc/sysctl.d)`,
      },
      link.name,
    );
  });
}
