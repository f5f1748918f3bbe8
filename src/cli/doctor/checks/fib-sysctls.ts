/** Two settings that decide how fast the stack follows a failover. */
import { isUnknown, reporter, subjects, type DoctorInput, type Finding } from '../finding.js';
import { inSysctl, sysctl } from '../sysctl.js';

const reportNexthop = reporter('nexthop-compat', 'network', 'Nexthop replace');
const reportLinkdown = reporter('linkdown-routes', 'interface', 'Routes without carrier');

/** With compatibility on, the kernel announces every route of a nexthop that is replaced: time per route. */
export function nexthopCompat({ files }: DoctorInput): Finding[] {
  const name = 'net.ipv4.nexthop_compat_mode';
  const value = sysctl(files, name);
  if (value === null) return [reportNexthop({ status: 'skip', detail: `${name} cannot be read` })];
  if (value === '0') return [reportNexthop({ status: 'ok', detail: 'moves all routes at once' })];
  return [
    reportNexthop({
      status: 'warn',
      detail: `${name}=${value}: a failover in the stack takes time for each route (0.2 s for a million)`,
      remedy: `sysctl -w ${name}=0`,
    }),
  ];
}

/** Without it the kernel goes on using a route whose device has no carrier. The greater of `all` and the device counts. */
export function linkdownRoutes(input: DoctorInput): Finding[] {
  if (isUnknown(input.view)) return [reportLinkdown({ status: 'skip', detail: input.view.unknown })];
  return subjects(input)
    .filter(({ uplink }) => uplink !== null)
    .map(({ link }) => {
      const off = ([4, 6] as const).filter((family) => {
        const read = (which: string): string | null =>
          sysctl(input.files, `net.ipv${family}.conf.${which}.ignore_routes_with_linkdown`);
        return read('all') !== '1' && read(inSysctl(link.name)) !== '1';
      });
      if (off.length === 0) return reportLinkdown({ status: 'ok', detail: 'are passed over at once' }, link.name);
      const settings = off.map(
        (family) => `net.ipv${family}.conf.${inSysctl(link.name)}.ignore_routes_with_linkdown=1`,
      );
      return reportLinkdown(
        {
          status: 'warn',
          detail: `are still used by the stack for ${off.map((family) => `IPv${family}`).join(' and ')} until the controller has reacted`,
          remedy: `sysctl -w ${settings.join(' ')}`,
        },
        link.name,
      );
    });
}
