/** The default routes of the main table, from /proc/net: a read of a file, where asking `ip` would be a process each time. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { IpAddress, type Family } from '../../net/ip-address.js';

export interface DefaultRoute {
  interface: string;
  /** null: the link has no gateway (PPP, many modems). */
  gateway: IpAddress | null;
  metric: number;
}

/** RTF_UP and RTF_REJECT of linux/route.h. */
const UP = 0x0001;
const REJECT = 0x0200;

/** Best first. Empty: none, or a kernel without that family. */
export function readDefaultRoutes(family: Family): DefaultRoute[] {
  let text: string;
  try {
    text = readFileSync(family === 4 ? '/proc/net/route' : '/proc/net/ipv6_route', 'latin1');
  } catch {
    return [];
  }
  if (family === 4) return parseIpv4(text);
  const routes = parseIpv6(text);
  return routes.length > 1 ? mainTableOnly(routes) : routes;
}

/** The last that `ip` was asked about: it takes some milliseconds, and the answer is wanted again each second. */
let asked: { about: string; answer: DefaultRoute[] } = { about: '', answer: [] };

/** /proc/net/ipv6_route lists all tables and does not name them (route lists main only): where it matters, `ip` is asked. */
function mainTableOnly(routes: DefaultRoute[]): DefaultRoute[] {
  const about = JSON.stringify(routes);
  if (about === asked.about) return asked.answer;
  try {
    const answer = parseIpJson(execFileSync('ip', ['-6', '-json', 'route', 'show', 'default'], { encoding: 'utf8' }));
    asked = { about, answer };
    return answer;
  } catch {
    return routes;
  }
}

interface IpRoute {
  dst: string;
  dev?: string;
  gateway?: string;
  metric?: number;
  nexthops?: { dev: string; gateway?: string }[];
}

/** Of `ip -json route show default`. */
export function parseIpJson(text: string): DefaultRoute[] {
  const routes = (JSON.parse(text || '[]') as IpRoute[]).flatMap(({ dev, gateway, metric = 0, nexthops }) =>
    (nexthops ?? (dev === undefined ? [] : [{ dev, gateway }])).map((hop) => ({
      interface: hop.dev,
      gateway: hop.gateway === undefined ? null : IpAddress.parse(hop.gateway),
      metric,
    })),
  );
  return routes.filter((route) => route.interface !== 'lo').sort(byMetric);
}

/** Columns: Iface Destination Gateway Flags RefCnt Use Metric Mask ...; addresses as the host's words in hexadecimal. */
export function parseIpv4(text: string): DefaultRoute[] {
  const routes: DefaultRoute[] = [];
  for (const line of text.split('\n').slice(1)) {
    const [name, destination, gateway, flags, , , metric, mask] = line.trim().split(/\s+/);
    if (mask === undefined || destination !== '00000000' || mask !== '00000000' || !usable(flags!)) continue;
    routes.push({ interface: name!, gateway: orNull(wordOf(gateway!)), metric: Number(metric) });
  }
  return routes.sort(byMetric);
}

/** Columns: destination, its length, source, its length, next hop, metric, references, uses, flags, interface. */
export function parseIpv6(text: string): DefaultRoute[] {
  const routes: DefaultRoute[] = [];
  for (const line of text.split('\n')) {
    const [, length, , sourceLength, nextHop, metric, , , flags, name] = line.trim().split(/\s+/);
    if (name === undefined || length !== '00' || sourceLength !== '00' || name === 'lo' || !usable(flags!)) continue;
    const gateway = IpAddress.fromBytes(Buffer.from(nextHop!, 'hex'));
    routes.push({ interface: name, gateway: orNull(gateway), metric: Number.parseInt(metric!, 16) });
  }
  return routes.sort(byMetric);
}

function usable(flags: string): boolean {
  const bits = Number.parseInt(flags, 16);
  return (bits & UP) !== 0 && (bits & REJECT) === 0;
}

/** The kernel prints the bytes in memory as one number of the host's byte order. */
function wordOf(hex: string): IpAddress {
  return IpAddress.fromBytes(new Uint8Array(Uint32Array.of(Number.parseInt(hex, 16)).buffer));
}

const orNull = (address: IpAddress): IpAddress | null => (address.isUnspecified ? null : address);
const byMetric = (a: DefaultRoute, b: DefaultRoute): number => a.metric - b.metric;
