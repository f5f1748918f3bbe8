/** How a probe's targets are called everywhere: engine, events, API, metrics. */
import type { Family, IpAddress } from '../net/ip-address.js';
import type { ProbeConfig } from './types.js';

/** One target of a probe; `address` is null for the uplink's own gateway. */
export interface ProbeTarget {
  key: string;
  address: IpAddress | null;
  port: number | null;
  /** Only for http and https. */
  url: string | null;
}

/** "192.0.2.1:443", "[2001:db8::1]:443". */
function withPort(address: IpAddress, port: number): string {
  return address.family === 6 ? `[${address.toString()}]:${port}` : `${address.toString()}:${port}`;
}

/** The targets of a probe in one family, in the order of the configuration; `gateway` belongs to both families. */
export function targetsOf(probe: ProbeConfig, family: Family): ProbeTarget[] {
  const plain = (address: IpAddress, port: number | null, key: string, url: string | null = null): ProbeTarget[] =>
    address.family === family ? [{ key, address, port, url }] : [];
  switch (probe.type) {
    case 'icmp':
      return probe.targets.flatMap((target) =>
        target === 'gateway'
          ? [{ key: 'gateway', address: null, port: null, url: null }]
          : plain(target, null, target.toString()),
      );
    case 'tcp':
      return probe.targets.flatMap(({ address, port }) => plain(address, port, withPort(address, port)));
    case 'http':
    case 'https':
      return probe.targets.flatMap(({ address, port, url }) =>
        plain(address, port, `${url} at ${withPort(address, port)}`, url),
      );
    case 'dns':
      return probe.targets.flatMap(({ address, port }) => plain(address, port, withPort(address, port)));
  }
}
