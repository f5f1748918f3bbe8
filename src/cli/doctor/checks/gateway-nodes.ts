/** What gateway nodes need on this router besides keys: nft, and a firewall that lets them be heard and reached. */
import { listHooks } from '../../../controller/stack-reasons.js';
import { PORTS } from '../../../gateway/wire/types.js';
import { isUnknown, reporter, type DoctorInput, type Finding } from '../finding.js';

const reportNft = reporter('gateway-nft', 'network', 'nft for nodes');
const reportFirewall = reporter('gateway-firewall', 'network', 'Firewall for nodes');

export function gatewayNodes(input: DoctorInput): Finding[] {
  const gateways = input.loaded?.config.gateways;
  if (!gateways) return [];
  return [
    ...(gateways.wayBack === 'router' ? [nftFinding(input)] : []),
    ...firewallFindings(input, gateways.interfaces),
  ];
}

function nftFinding({ nft }: DoctorInput): Finding {
  if (isUnknown(nft)) return reportNft({ status: 'skip', detail: nft.unknown });
  if (nft.version !== null) return reportNft({ status: 'ok', detail: `version ${nft.version}` });
  return reportNft({
    status: 'fail',
    detail: `no node carries anything with "way_back: router": ${nft.problem}`,
    remedy: 'apt install nftables, or "way_back: direct" where this router has no firewall (docs/gateways.md)',
  });
}

/**
 * A chain that drops what no rule of it accepts. Its rules are not read: which of them a client's packet meets cannot be
 * told without running them. This router's own probes pass `output` and not `forward`, so they do not notice.
 */
function firewallFindings({ hooks, loaded }: DoctorInput, interfaces: readonly string[]): Finding[] {
  if (isUnknown(hooks) || !loaded) return [];
  const dropping = hooks.filter(
    ({ leased, translates, text }) => !leased && !translates && text.includes('policy drop'),
  );
  if (dropping.length === 0) return [];
  const lan = new Set(loaded.config.interfaces.map(({ name }) => name));
  const pairs = interfaces.map((name) => `iifname "${lan.has(name) ? name : 'LAN'}" oifname "${name}"`);
  return [
    reportFirewall({
      status: 'warn',
      detail: `${listHooks(dropping)}: has to let clients' packets out to a node, which probes do not show`,
      remedy: `accept there ${pairs.join(', and ')}; and UDP port ${PORTS.router} from there at the hook input, if that drops, too`,
    }),
  ];
}
