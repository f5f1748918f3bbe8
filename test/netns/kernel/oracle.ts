/** The same things said twice: by the view, and by `ip -json`. Sorted lines, so that a difference is readable. */
import type { KernelRoute, KernelView } from '../../../src/controller/ports.js';
import type { Namespace } from './namespace.js';

interface Lines {
  links: string[];
  addresses: string[];
  neighbours: string[];
  routes: string[];
  rules: string[];
}

export function view(kernel: KernelView, _space: Namespace): Lines {
  const name = (ifindex: number | null): string => (ifindex === null ? '-' : (kernel.links.get(ifindex)?.name ?? '?'));
  return {
    links: [...kernel.links.values()]
      .map((link) =>
        [
          `${link.ifindex} ${link.name} ${link.mac?.toString() ?? '-'} mtu ${link.mtu} up ${link.adminUp}`,
          `carrier ${link.carrier} kind ${link.kind ?? '-'}`,
          `forwarding ${link.forwarding[4]} ${link.forwarding[6]} rp_filter ${link.rpFilter}`,
        ].join(' '),
      )
      .sort(),
    addresses: kernel.addresses
      .map((one) => `${name(one.ifindex)} ${one.address.toString()}/${one.prefixLength} ${one.scope}`)
      .sort(),
    neighbours: kernel.neighbours
      // ip hides these, too, unless asked for them.
      .filter((one) => one.state !== 'noarp' && one.state !== 'none')
      .map((one) => `${name(one.ifindex)} ${one.address.toString()} ${one.mac?.toString() ?? '-'} ${one.state}`)
      .sort(),
    routes: kernel.routes.map((one) => routeLine(one, name)).sort(),
    rules: kernel.foreignRules.map(({ text }) => text.replace(/^ipv\d: /, '')).sort(),
  };
}

function routeLine(route: KernelRoute, name: (ifindex: number | null) => string): string {
  // ip does not say that unreachable IPv6 destinations go to lo; neither does the view.
  const device = route.nexthopId === null && route.type !== 'blackhole' ? name(route.ifindex) : '-';
  const gateway = route.nexthopId === null ? (route.gateway?.toString() ?? '-') : '-';
  return [
    `${route.prefix.family} ${route.table} ${route.type} ${route.prefix.toString()} metric ${route.metric}`,
    `dev ${device} via ${gateway} nhid ${route.nexthopId ?? '-'} proto ${route.protocol}`,
  ].join(' ');
}

interface IpLink {
  ifindex: number;
  ifname: string;
  address: string;
  mtu: number;
  flags: string[];
  operstate: string;
  linkinfo?: { info_kind: string };
}

export function linksByIp(space: Namespace): string[] {
  const conf = readConf(space);
  return space
    .json<IpLink>('-d link show')
    .map((link) =>
      [
        `${link.ifindex} ${link.ifname} ${link.address} mtu ${link.mtu} up ${link.flags.includes('UP')}`,
        `carrier ${link.flags.includes('LOWER_UP') && ['UP', 'UNKNOWN'].includes(link.operstate)}`,
        `kind ${link.linkinfo?.info_kind ?? '-'}`,
        `forwarding ${conf[`ipv4/${link.ifname}/forwarding`] === 1}`,
        `${conf[`ipv6/${link.ifname}/forwarding`] === 1 && conf['ipv6/all/forwarding'] === 1}`,
        `rp_filter ${Math.max(conf[`ipv4/${link.ifname}/rp_filter`]!, conf['ipv4/all/rp_filter']!)}`,
      ].join(' '),
    )
    .sort();
}

function readConf(space: Namespace): Record<string, number> {
  const text = space.exec('sysctl -a -e -r ^net.ipv[46].conf.*(forwarding|rp_filter)$');
  const lines = [...text.matchAll(/^net\.(ipv[46])\.conf\.(\S+)\.(forwarding|rp_filter) = (\d+)$/gm)];
  return Object.fromEntries(
    lines.map(([, family, device, key, value]) => [`${family}/${device}/${key}`, Number(value)]),
  );
}

export function addressesByIp(space: Namespace): string[] {
  return space
    .json<{ ifname: string; addr_info: { local: string; prefixlen: number; scope: string }[] }>('address show')
    .flatMap(({ ifname, addr_info }) => addr_info.map((one) => `${ifname} ${one.local}/${one.prefixlen} ${one.scope}`))
    .sort();
}

export function neighboursByIp(space: Namespace): string[] {
  return space
    .json<{ dst: string; dev: string; lladdr?: string; state: string[] }>('neighbour show')
    .map((one) => `${one.dev} ${one.dst} ${one.lladdr ?? '-'} ${(one.state[0] ?? 'none').toLowerCase()}`)
    .sort();
}

interface IpRoute {
  type?: string;
  dst: string;
  gateway?: string;
  dev?: string;
  metric?: number;
  protocol?: string;
  nhid?: number;
  nexthops?: unknown[];
}

const PROTOCOLS: Readonly<Record<string, number>> = { kernel: 2, boot: 3, static: 4, ra: 9 };

export function routesByIp(space: Namespace): string[] {
  const lines: string[] = [];
  for (const family of [4, 6] as const) {
    for (const table of [254, 255]) {
      const routes = space.json<IpRoute>(`-${family} -N route show table ${table}`);
      for (const route of routes.filter((one) => Number(one.protocol) !== 68))
        lines.push(ipRouteLine(route, family, table));
    }
  }
  return lines.sort();
}

function ipRouteLine(route: IpRoute, family: 4 | 6, table: number): string {
  const own = route.nhid === undefined && route.nexthops === undefined && !isTyped(typeName(route.type));
  // ip leaves "proto boot" out.
  const protocol = route.protocol === undefined ? 3 : (PROTOCOLS[route.protocol] ?? Number(route.protocol));
  return [
    `${family} ${table} ${typeName(route.type)} ${prefixText(route.dst, family)} metric ${route.metric ?? 0}`,
    `dev ${own ? (route.dev ?? '-') : '-'} via ${own ? (route.gateway ?? '-') : '-'} nhid ${route.nhid ?? '-'} proto ${protocol}`,
  ].join(' ');
}

const TYPES = [
  'unspec',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
];

/** `ip -N` gives numbers. */
function typeName(type: string | undefined): string {
  if (type === undefined) return 'unicast';
  return TYPES[Number(type)] ?? type;
}

function isTyped(type: string): boolean {
  return ['blackhole', 'unreachable', 'prohibit'].includes(type);
}

function prefixText(text: string, family: 4 | 6): string {
  if (text === 'default') return family === 4 ? '0.0.0.0/0' : '::/0';
  return text.includes('/') ? text : `${text}/${family === 4 ? 32 : 128}`;
}

/** Those that are neither Detour's nor the three that every namespace begins with. */
export function rulesByIp(space: Namespace): string[] {
  const text = `${space.ip('-4 rule show')}${space.ip('-6 rule show')}`;
  return text
    .split('\n')
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .filter((line) => line !== '' && !/ proto (68|detour)$/.test(line))
    .map((line) => line.replace(/ proto \w+$/, ''))
    .filter(
      (line) => !/^(0: from all lookup local|32766: from all lookup main|32767: from all lookup default)$/.test(line),
    )
    .sort();
}
