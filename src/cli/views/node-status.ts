/** What the node agent says of itself, for people. Pure. */
import type { AgentStatus, LeaseStatus } from '../../gateway/node/agent/index.js';
import { formatBytes } from '../units.js';

/** "elected by 192.0.2.1 since 12:03, 41 MB carried, lease 23 s": one line, whatever the state is. */
export function statusLine(status: AgentStatus, nowMs: number): string {
  switch (status.state) {
    case 'stopping':
      return 'ending: what was changed is put back';
    case 'elected':
    case 'arming':
      return status.leases.map((lease) => leaseLine(lease, nowMs)).join('; ');
    case 'unpaired':
      return 'paired with no router yet: sudo detour gateway join';
    case 'hindered':
      return `nothing is offered: ${status.obstacle?.text || status.obstacle?.code || 'no address family works'}`;
    case 'offering':
      return `offering ${familiesOf(status.families)} on ${placesOf(status)}; not elected`;
  }
}

function leaseLine(lease: LeaseStatus, nowMs: number): string {
  const { address, role, armed } = lease;
  const leftS = Math.max(0, Math.ceil((Date.parse(lease.endsAt) - nowMs) / 1000));
  if (!armed) return `being elected by ${address}: rules are written`;
  const carried = formatBytes(BigInt(lease.toNetworkBytes) + BigInt(lease.fromNetworkBytes));
  const standby = role === 'standby' ? ' on standby' : '';
  return `elected${standby} by ${address} since ${clockTime(lease.since, nowMs)}, ${carried} carried, lease ${leftS} s`;
}

/** "12:03"; with the day in front when it was not today. Local time. */
function clockTime(iso: string, nowMs: number): string {
  const date = new Date(iso);
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (date.toDateString() === new Date(nowMs).toDateString()) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

const familiesOf = (families: readonly number[]): string => families.map((family) => `IPv${family}`).join(' and ');
const placesOf = ({ interfaces }: AgentStatus): string => interfaces.map(({ name }) => name).join(', ');

/** `detour gateway status`: the line, and what stands behind it. */
export function renderNodeStatus(status: AgentStatus, nowMs: number): string[] {
  const { interfaces, backhaul, budget, power, routers } = status;
  const left = budget.leftBytes === null ? '' : `, ${formatBytes(BigInt(budget.leftBytes))} left`;
  const rows: [string, string][] = [
    ['routers', routers.join(', ') || 'none'],
    ...interfaces.map(({ name, addresses, problem }): [string, string] => {
      return [name, `${addresses.join(', ')}${problem === null ? '' : ` (${problem})`}`];
    }),
    ...backhaul.map(({ family, state, rttUs }): [string, string] => {
      const rtt = state === 'good' ? `, ${(rttUs / 1000).toFixed(1)} ms` : '';
      return [`IPv${family}`, `${state === 'unknown' ? 'not asked' : state}${rtt}`];
    }),
    ['power', powerText(power)],
    ['carried', `${formatBytes(BigInt(budget.usedBytes))} in ${budget.period}${left}`],
  ];
  const width = Math.max(...rows.map(([title]) => title.length));
  return [statusLine(status, nowMs), '', ...rows.map(([title, text]) => `${title.padEnd(width)}  ${text}`)];
}

function powerText({ batteryPercent, charging }: AgentStatus['power']): string {
  if (batteryPercent === null) return 'mains';
  return `${batteryPercent} %${charging ? ', charging' : ''}`;
}
