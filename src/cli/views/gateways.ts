/** `detour gateways` and `detour gateways show NAME`. Pure. */
import type { GatewayListResource, GatewayOfferResource, GatewayResource } from '../../api/resources/gateway.js';
import { renderTable, type Cell, type Tone } from '../table.js';
import { wrap } from '../text.js';
import { formatBytes, formatDurationMs, formatLatencyUs, formatPercent } from '../units.js';
import { familyName, type ViewOptions } from './common.js';

const stateTones: Record<GatewayResource['state'], Tone> = {
  absent: 'dim',
  offered: 'good',
  electing: 'warn',
  elected: 'good',
  leaving: 'warn',
  releasing: 'warn',
  resting: 'bad',
};

export function renderGateways(list: GatewayListResource, options: ViewOptions): string[] {
  if (!list.enabled)
    return wrap('gateway nodes are not used: the configuration has no "gateways" section', options.width);
  const { gateways } = list;
  return [
    ...wrap(needLine(list), options.width),
    ...hindranceLines(list).flatMap((line) => wrap(line, options.width)),
    '',
    ...(gateways.length === 0 ? ['no node is paired: detour gateways pair NAME'] : table(gateways, options)),
    ...section(gateways.map(whyLine), options),
    ...section(list.unpaired.map(unpairedLine), options),
    ...section(discardLine(list.discarded), options),
  ];
}

function needLine({ need }: GatewayListResource): string {
  const names = (families: readonly (4 | 6)[]): string => families.map(familyName).join(' and ');
  if (need.active.length > 0) return `! a gateway node is needed for ${names(need.active)}: ${need.cause}`;
  if (need.standby.length > 0) return `a gateway node is kept warm for ${names(need.standby)}`;
  return 'no gateway node is needed now';
}

const hindranceLines = ({ need: { hindrance } }: GatewayListResource): string[] =>
  hindrance === null ? [] : [`! none is elected, for this router could not use it: ${hindrance}`];

/** Lines after an empty one; nothing if there are none. */
const section = (lines: readonly string[], { width }: ViewOptions): string[] =>
  lines.length === 0 ? [] : ['', ...lines.flatMap((line) => wrap(line, width))];

function table(gateways: readonly GatewayResource[], options: ViewOptions): string[] {
  return renderTable(
    [
      { title: 'NODE', shrink: true },
      { title: 'STATE' },
      { title: 'WHERE', shrink: true },
      { title: 'IP' },
      { title: 'MBIT/S', align: 'right' },
      { title: 'COST', shrink: true },
      { title: 'BATT', align: 'right' },
      { title: 'MEASURED', align: 'right' },
      { title: 'LEASE', align: 'right' },
    ],
    gateways.map(row),
    options,
  );
}

function row(gateway: GatewayResource): Cell[] {
  const { offer, lease } = gateway;
  return [
    gateway.name,
    stateCell(gateway),
    gateway.address ?? '-',
    offer === null ? '-' : offer.families.map(({ family }) => `v${family}`).join(' '),
    offer === null ? '-' : capacityText(offer.capacity),
    offer === null ? '-' : costCell(gateway, offer),
    offer === null ? '-' : batteryText(offer),
    measuredCell(gateway),
    lease === null ? '-' : formatDurationMs(lease.leftMs),
  ];
}

/** An elected node is told by its role: what it does is the question. */
function stateCell({ state, lease }: GatewayResource): Cell {
  const text = state === 'elected' && lease?.role === 'standby' ? 'standby' : state;
  return { text, tone: stateTones[state] };
}

/** "80/20": down and up. */
function capacityText({ downKbps, upKbps }: GatewayOfferResource['capacity']): string {
  if (downKbps === null && upKbps === null) return '-';
  const mbps = (kbps: number | null): string => (kbps === null ? '?' : String(Number((kbps / 1000).toPrecision(2))));
  return `${mbps(downKbps)}/${mbps(upKbps)}`;
}

/** "metered 41 %": so much of this router's budget is used. */
function costCell({ usage: { budget } }: GatewayResource, offer: GatewayOfferResource): Cell {
  const word = offer.metered ? 'metered' : 'free';
  if (budget === null) return word;
  if (budget.exhausted) return { text: 'used up', tone: 'bad' };
  const percent = Number((BigInt(budget.usedBytes) * 100n) / BigInt(budget.limitBytes));
  return `${word} ${percent} %`;
}

function batteryText({ battery }: GatewayOfferResource): string {
  if (battery === null) return 'mains';
  return `${battery.percent} %${battery.charging ? '+' : ''}`;
}

/** The better family: one that does not work is told below. */
function measuredCell({ measured }: GatewayResource): Cell {
  const good = measured.filter(({ state }) => state === 'good').sort((a, b) => (a.rttUs ?? 0) - (b.rttUs ?? 0))[0];
  if (good !== undefined) return { text: formatLatencyUs(good.rttUs), tone: 'good' };
  if (measured.some(({ state }) => state === 'bad')) return { text: 'bad', tone: 'bad' };
  // Out of use, as one that is leaving, a path is not judged; it is measured all the same.
  const unjudged = measured.find(isMeasured);
  return unjudged === undefined ? '-' : formatLatencyUs(unjudged.rttUs);
}

const isMeasured = ({ rttUs }: { rttUs: number | null }): boolean => rttUs !== null && rttUs > 0;

const whyLine = (gateway: GatewayResource): string => {
  const byHand = gateway.operator === null ? '' : ` (by hand: ${gateway.operator}; "detour gateways auto" ends that)`;
  const rests = gateway.restMs === null ? '' : `; rests for ${formatDurationMs(gateway.restMs)} more`;
  return `${gateway.name}: ${gateway.why}${rests}${byHand}`;
};

const unpairedLine = ({ name, address, interface: device }: GatewayListResource['unpaired'][number]): string =>
  `not paired, never elected: ${name === null ? 'a node' : `"${name}"`} at ${address} on ${device}`;

function discardLine(discarded: GatewayListResource['discarded']): string[] {
  const counts = Object.entries(discarded).filter(([, count]) => count > 0);
  if (counts.length === 0) return [];
  return [`messages discarded: ${counts.map(([reason, count]) => `${reason} ${count}`).join(', ')}`];
}

/** Everything about one node, a fact a line. */
export function renderGateway(gateway: GatewayResource, options: ViewOptions): string[] {
  const head = `${gateway.name}: ${gateway.state} for ${formatDurationMs(gateway.stateForMs)}: ${gateway.cause}`;
  const facts = [
    gateway.why,
    ...(gateway.operator === null
      ? []
      : [`by hand: ${gateway.operator}, until "detour gateways auto ${gateway.name}"`]),
    whereLine(gateway),
    ...leaseLines(gateway),
    ...(gateway.offer === null ? [] : offerLines(gateway.offer)),
    ...gateway.measured.map((path) => `measured ${familyName(path.family)}: ${qualityText(path)}`),
    ...budgetLines(gateway),
    `${gateway.approved ? 'approved' : 'not approved (counts with "approval: manual")'}; ${keyText(gateway.keyIds)}`,
  ];
  const inner = options.width - 2;
  return [...wrap(head, options.width), ...facts.flatMap((fact) => wrap(fact, inner).map((line) => `  ${line}`))];
}

function whereLine({ id, address, interface: device, lastHeardMs, rank }: GatewayResource): string {
  const where =
    address === null ? 'not heard since the start' : `at ${address} on ${device ?? 'an interface that is gone'}`;
  const heard = lastHeardMs === null ? '' : `, heard ${formatDurationMs(lastHeardMs)} ago`;
  const place = rank === null ? '' : `, number ${rank} in the order of election`;
  return `${where}${heard}${place}; id ${id ?? 'not known: it has never spoken'}`;
}

function leaseLines({ lease, uplink, usage }: GatewayResource): string[] {
  if (lease === null) return [];
  const carried = `${formatBytes(BigInt(usage.toNetworkBytes))} out, ${formatBytes(BigInt(usage.fromNetworkBytes))} in`;
  const left = formatDurationMs(lease.leftMs);
  return [
    `lease: ${lease.role}, ${left} left unless it is renewed, uplink ${uplink ?? 'not made yet'}; carried ${carried}`,
  ];
}

function offerLines(offer: GatewayOfferResource): string[] {
  const families = offer.families
    .map(({ family, gateway, translation }) => `${familyName(family)} by ${gateway} (${translation})`)
    .join(', ');
  const slots = offer.slots === null ? '' : `; serves ${offer.slots.used} of ${offer.slots.total}`;
  const left = offer.bytesLeft === null ? '' : `, ${formatBytes(BigInt(offer.bytesLeft))} left of its owner's budget`;
  return [
    `offers ${families || 'nothing'}${offer.name === null ? '' : `, calls itself "${offer.name}"`}${slots}`,
    `capacity ${capacityText(offer.capacity)} Mbit/s, ${offer.metered ? 'metered' : 'not metered'}${left}, preference ` +
      `${offer.preference}, battery ${batteryText(offer)}`,
    ...offer.backhaul.map((path) => `its own ${familyName(path.family)}, as it says: ${qualityText(path)}`),
    ...(offer.path.length === 0 ? [] : [`its traffic passes the routers ${offer.path.join(', ')}`]),
  ];
}

function qualityText({ state, lossPercent, rttUs }: GatewayResource['measured'][number]): string {
  if (state === 'unknown' && !isMeasured({ rttUs })) return 'not known yet';
  return `${state === 'unknown' ? 'not judged now' : state}, loss ${formatPercent(lossPercent)}, latency ${formatLatencyUs(rttUs)}`;
}

function budgetLines({ usage: { budget } }: GatewayResource): string[] {
  if (budget === null) return [];
  const used = `${formatBytes(BigInt(budget.usedBytes))} of ${formatBytes(BigInt(budget.limitBytes))}`;
  return [`budget: ${used} this ${budget.per}${budget.exhausted ? ': used up, not elected until the next' : ''}`];
}

const keyText = (keyIds: readonly string[]): string =>
  keyIds.length < 2
    ? `key ${keyIds.join('')}`
    : `keys ${keyIds.join(' and ')}: the second is new, and the node has not used it yet`;
