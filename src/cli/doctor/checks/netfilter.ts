/** Frames that XDP forwards never reach netfilter: no NAT, no firewall, no connection tracking. */
import type { NetfilterHook } from '../../../controller/ports.js';
import { forwardingByInterface, hooksInTheWay, listHooks } from '../../../controller/stack-reasons.js';
import { isUnknown, reporter, type DoctorInput, type Finding } from '../finding.js';

const reportNat = reporter('nat', 'network', 'Address translation');
const reportFirewall = reporter('firewall', 'network', 'Firewall');

interface Purpose {
  report: ReturnType<typeof reporter>;
  /** What no rule does, and what packets lack that go past such rules. */
  none: string;
  lost: string;
}

const NAT: Purpose = { report: reportNat, none: 'no chain translates forwarded packets', lost: 'are not translated' };
const FIREWALL: Purpose = {
  report: reportFirewall,
  none: 'no chain filters forwarded packets',
  lost: 'do not pass there',
};

export function netfilter({ hooks, view, loaded }: DoctorInput): Finding[] {
  if (isUnknown(hooks)) {
    return [NAT, FIREWALL].map(({ report }) => report({ status: 'skip', detail: hooks.unknown }));
  }
  const links = isUnknown(view) ? new Map() : view.links;
  const all = loaded ? hooksInTheWay(loaded.config, { netfilter: hooks, links }) : hooks;
  // A gateway node's take what they need from XDP by themselves; nobody has to do anything about them.
  const inTheWay = all.filter(({ leased }) => !leased);
  const forwarding = loaded && [...forwardingByInterface(loaded.config)];
  return [
    finding(
      NAT,
      inTheWay.filter(({ translates }) => translates),
      forwarding,
    ),
    finding(
      FIREWALL,
      inTheWay.filter(({ translates }) => !translates),
      forwarding,
    ),
  ];
}

/** @param forwarding as configured, by interface; null: no configuration was given */
function finding(
  { report, none, lost }: Purpose,
  hooks: NetfilterHook[],
  forwarding: [name: string, forwarding: string][] | null,
): Finding {
  if (hooks.length === 0) return report({ status: 'ok', detail: none });
  const names = listHooks(hooks);
  const remedy = 'leave out "forwarding: xdp" where forwarded packets have to go through these rules';
  const of = (value: string): string[] => (forwarding ?? []).filter((one) => one[1] === value).map(([name]) => name);
  const [xdp, auto] = [of('xdp'), of('auto')];
  if (xdp.length > 0) {
    const which = `packets that XDP forwards as configured (${xdp.join(', ')})`;
    return report({ status: 'warn', detail: `${names}: ${which} ${lost}`, remedy });
  }
  if (forwarding === null || auto.length > 0) {
    const which = auto.length > 0 ? `for ${auto.join(', ')}` : 'where "forwarding" is auto';
    return report({
      status: 'warn',
      detail: `${names}: so the stack forwards ${which}, which is slower than XDP`,
      remedy: '"forwarding: xdp" for uplinks and interfaces, if forwarded packets need not go through these rules',
    });
  }
  return report({ status: 'ok', detail: `${names}; everything has "forwarding: stack"` });
}
