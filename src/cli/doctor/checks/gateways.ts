/** A gateway that is in no network of its interface never answers: both are there, and nothing works. */
import { unreachableGateways } from '../../../controller/gateway-reach.js';
import { isUnknown, reporter, type DoctorInput, type Finding } from '../finding.js';

const report = reporter('gateways', 'network', 'Gateways');

export function gateways({ view, loaded }: DoctorInput): Finding[] {
  if (!loaded) return [];
  if (isUnknown(view)) return [report({ status: 'skip', detail: view.unknown })];
  const wrong = unreachableGateways(loaded.config, view);
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
