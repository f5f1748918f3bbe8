/** Interfaces whose IPv4 packets XDP leaves to the stack because of strict source validation (rp_filter 1, RFC 3704). */
import type { Config } from '../config/types.js';
import type { KernelLink } from './ports.js';

export const STRICT = 1;

/** Whether the stack has to look at the source of IPv4 packets that come in here. */
export const isStrict = ({ rpFilter }: Pick<KernelLink, 'rpFilter'>): boolean => rpFilter === STRICT;

/** One sentence with a remedy for each configured interface. */
export function strictSources(config: Pick<Config, 'uplinks' | 'interfaces'>, links: Iterable<KernelLink>): string[] {
  const names = new Set([...config.uplinks.map((uplink) => uplink.interface), ...config.interfaces.map((i) => i.name)]);
  return [...links].filter((link) => names.has(link.name) && isStrict(link)).map(({ name }) => describeStrict(name));
}

export function describeStrict(name: string): string {
  return (
    `${name} checks IPv4 sources strictly (rp_filter), so the stack forwards what comes in by it: ` +
    `set net.ipv4.conf.${name.replaceAll('.', '/')}.rp_filter to 0 or 2 (the greatest of it and conf.all counts)`
  );
}
