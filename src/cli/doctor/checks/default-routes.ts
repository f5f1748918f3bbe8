/** A foreign default route of a better metric in the same table wins over Detour's in the stack. */
import { defaultKernel } from '../../../config/defaults.js';
import { isUnknown, reporter, type DoctorInput, type Finding } from '../finding.js';
import type { KernelRoute, KernelView } from '../../../controller/ports.js';

const report = reporter('default-routes', 'network', 'Default routes');

export function defaultRoutes({ view, loaded }: DoctorInput): Finding[] {
  if (isUnknown(view)) return [report({ status: 'skip', detail: view.unknown })];
  const { table, metric } = loaded?.config.kernel ?? defaultKernel;
  const better = view.routes.filter(
    (route) => route.prefix.length === 0 && route.table === table && route.metric <= metric,
  );
  if (better.length === 0) {
    return [
      report({ status: 'ok', detail: `none of others is better than Detour's (metric ${metric}, table ${table})` }),
    ];
  }
  const worse = Math.max(1024, metric + 100);
  return [
    report({
      status: 'warn',
      detail: `preferred by the stack to Detour's (metric ${metric}): ${better.map((route) => describe(route, view)).join('; ')}`,
      remedy:
        `give them a worse metric, e.g. ${worse} (RouteMetric= of systemd-networkd, ipv4.route-metric of NetworkManager, ` +
        'metric of dhcpcd and of ifupdown), for what the stack forwards stays with them when Detour has moved everything else',
    }),
  ];
}

function describe(route: KernelRoute, view: KernelView): string {
  const device = route.ifindex === null ? '' : ` dev ${view.links.get(route.ifindex)?.name ?? route.ifindex}`;
  const via = route.gateway === null ? '' : ` via ${route.gateway.toString()}`;
  return `${route.prefix.toString()}${via}${device} metric ${route.metric}`;
}
