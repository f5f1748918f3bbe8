/** What an object file says of a map, before the map exists. */
import type { MapInfo } from './info.js';
import { MapType } from './map.js';

const BPF_F_RDONLY_PROG = 1 << 7;

export interface MapDefinition {
  type: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  mapFlags: number;
}

/** How a definition and an existing map differ, in words; null when one can stand for the other. */
export function mapDifference(wanted: MapDefinition, actual: MapInfo): string | null {
  const isDevmap = wanted.type === MapType.DEVMAP || wanted.type === MapType.DEVMAP_HASH;
  // The kernel adds this flag to device maps by itself.
  const ignoredFlags = isDevmap ? BPF_F_RDONLY_PROG : 0;
  const pairs: [string, number, number][] = [
    ['type', wanted.type, actual.type],
    ['key size', wanted.keySize, actual.keySize],
    ['value size', wanted.valueSize, actual.valueSize],
    ['max_entries', wanted.maxEntries, actual.maxEntries],
    ['flags', wanted.mapFlags & ~ignoredFlags, actual.mapFlags & ~ignoredFlags],
  ];
  const different = pairs.filter(([, want, have]) => want !== have);
  return different.length
    ? different.map(([what, want, have]) => `${what} (${have}, wanted ${want})`).join(', ')
    : null;
}
