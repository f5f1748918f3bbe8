/** An uplink's gateway that is in no network of its interface never answers: both are there, and nothing works. */
import { unreachableUplinkGateways } from '../../../controller/uplink-reach.js';
import { isUnknown, reporter, type DoctorInput, type Finding } from '../finding.js';

/** The id is older than gateway nodes, and scripts know it. */
const report = reporter('gateways', 'network', 'Uplink gateways');

export function uplinkReach({ view, loaded }: DoctorInput): Finding[] {
  if (!loaded) return [];
  if (isUnknown(view)) return [report({ status: 'skip', detail: view.unknown })];
  const wrong = unreachableUplinkGateways(loaded.config, view);
  if (wrong.length === 0)
    return [report({ status: 'ok', detail: 'each is in a network of its interface, or learned' })];
  return wrong.map(({ uplink, family, text }) =>
    report(
      {
        status: 'warn',
        detail: text,
        remedy: `correct the IPv${family} gateway of ${uplink} or the address of its interface, or add a route to it there (ip route add GATEWAY dev IFACE)`,
      },
      uplink,
    ),
  );
}
