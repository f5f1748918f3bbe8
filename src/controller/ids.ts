/**
 * Names -> small numbers that stay the same as long as the name is configured: uplink indices (tables, marks, nexthop
 * objects derive from them), next hop ids and group ids of the data plane.
 */
import type { Family } from '../net/ip-address.js';
import type { GroupId, NextHopId } from './ports.js';

/** Lowest free index for a new name; a name keeps its index until it is forgotten. */
export class NameIndex {
  readonly #indices = new Map<string, number>();

  of(name: string): number {
    const known = this.#indices.get(name);
    if (known !== undefined) return known;
    const taken = new Set(this.#indices.values());
    let index = 0;
    while (taken.has(index)) index++;
    this.#indices.set(name, index);
    return index;
  }

  /** Forgets every name that is not in `names`. */
  retain(names: Iterable<string>): void {
    const kept = new Set(names);
    for (const name of [...this.#indices.keys()]) if (!kept.has(name)) this.#indices.delete(name);
  }
}

const perFamily = (index: number, family: Family): number => 1 + index * 2 + (family === 6 ? 1 : 0);

/** One id per uplink and family; 0 is never an id. */
export const nextHopIdOf = (uplinkIndex: number, family: Family): NextHopId => perFamily(uplinkIndex, family);

/** One id per group and family; 0 is never an id. */
export const groupIdOf = (groupIndex: number, family: Family): GroupId => perFamily(groupIndex, family);
