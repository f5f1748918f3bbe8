/** Frames that XDP forwards never reach netfilter: no NAT, no firewall, no connection tracking. */
import { isUnknown, reporter, type DoctorInput, type Finding } from '../finding.js';
import type { NetfilterChain } from '../sources/netfilter.js';

const reportNat = reporter('nat', 'network', 'Address translation');
const reportFirewall = reporter('firewall', 'network', 'Firewall');
/** iptables through the old interface does not show up in nf_tables. */
const LEGACY_FILES = ['/proc/self/net/ip_tables_names', '/proc/self/net/ip6_tables_names'];

export function netfilter({ chains, files, loaded }: DoctorInput): Finding[] {
  if (isUnknown(chains)) {
    return [
      reportNat({ status: 'skip', detail: chains.unknown }),
      reportFirewall({ status: 'skip', detail: chains.unknown }),
    ];
  }
  const used = chains.filter(
    ({ family, uses, policy }) => family !== 'arp' && family !== 'bridge' && (uses > 0 || policy === 'drop'),
  );
  const legacy = LEGACY_FILES.flatMap((path) => (files.read(path) ?? '').split('\n')).filter((name) => name !== '');
  const nat = used.filter(({ type, hook }) => type === 'nat' && hook === 'postrouting').map(nameOf);
  if (legacy.includes('nat')) nat.push('iptables-legacy table nat');
  const filters = used
    .filter(
      ({ type, hook }) => type === 'filter' && (hook === 'forward' || hook === 'postrouting' || hook === 'prerouting'),
    )
    .map(nameOf);
  if (legacy.includes('filter')) filters.push('iptables-legacy table filter');
  const byXdp =
    loaded?.config.uplinks.filter((uplink) => uplink.forwarding === 'xdp').map((uplink) => uplink.name) ?? null;
  return [natFinding(nat, byXdp), firewallFinding(filters, byXdp)];
}

function natFinding(nat: string[], byXdp: string[] | null): Finding {
  if (nat.length === 0) return reportNat({ status: 'ok', detail: 'no chain translates forwarded packets' });
  if (byXdp?.length === 0)
    return reportNat({ status: 'ok', detail: `${nat.join(', ')}; every uplink has "forwarding: stack"` });
  const which = byXdp === null ? 'XDP' : `XDP (uplinks ${byXdp.join(', ')})`;
  return reportNat({
    status: 'warn',
    detail: `${nat.join(', ')}: packets that ${which} forwards are not translated`,
    remedy: 'set "forwarding: stack" for uplinks behind which addresses are translated',
  });
}

function firewallFinding(filters: string[], byXdp: string[] | null): Finding {
  if (filters.length === 0) return reportFirewall({ status: 'ok', detail: 'no chain filters forwarded packets' });
  if (byXdp?.length === 0)
    return reportFirewall({ status: 'ok', detail: `${filters.join(', ')}; every uplink has "forwarding: stack"` });
  return reportFirewall({
    status: 'warn',
    detail: `${filters.join(', ')}: packets that XDP forwards do not pass there`,
    remedy: 'set "forwarding: stack" for uplinks that must be filtered, or filter on another machine',
  });
}

const nameOf = ({ family, table, name }: NetfilterChain): string => `${family} ${table} ${name}`;
