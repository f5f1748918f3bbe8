/**
 * Names -> small numbers that stay the same as long as the name is configured: uplink indices (tables, marks, nexthop
 * objects derive from them), next hop ids and group ids of the data plane.
 */
import type { Family } from '../net/ip-address.js';
import type { GroupId, NextHopId } from './ports.js';

export interface RestingName {
  readonly name: string;
  readonly index: number;
}

/**
 * Lowest free index for a new name; a name keeps its index until it is forgotten. A forgotten index then rests: what
 * refers to it (a group's members, routes in the kernel) is still in place, and would mean another uplink at once.
 */
export class NameIndex {
  readonly #indices = new Map<string, number>();
  /** Of names that were forgotten, until the planes have dropped them. */
  readonly #resting = new Map<string, RestingName>();

  of(name: string): number {
    const known = this.#indices.get(name);
    if (known !== undefined) return known;
    // A name that comes back while it rests finds its own things still there.
    const index = this.#resting.get(name)?.index ?? this.#lowestFree();
    this.#resting.delete(name);
    this.#indices.set(name, index);
    return index;
  }

  /** Forgets every name that is not in `names`. */
  retain(names: Iterable<string>): void {
    const kept = new Set(names);
    for (const [name, index] of [...this.#indices]) {
      if (kept.has(name)) continue;
      this.#indices.delete(name);
      this.#resting.set(name, { name, index });
    }
  }

  /** What rests now: to be handed to `wake` when a pass that begins now has dropped it everywhere. */
  resting(): RestingName[] {
    return [...this.#resting.values()];
  }

  /** Their indices may be given out again; but not of a name that came back and was forgotten once more meanwhile. */
  wake(names: readonly RestingName[]): void {
    for (const one of names) if (this.#resting.get(one.name) === one) this.#resting.delete(one.name);
  }

  #lowestFree(): number {
    const taken = new Set([...this.#indices.values(), ...[...this.#resting.values()].map(({ index }) => index)]);
    let index = 0;
    while (taken.has(index)) index++;
    return index;
  }
}

const perFamily = (index: number, family: Family): number => 1 + index * 2 + (family === 6 ? 1 : 0);

/** One id per uplink and family; 0 is never an id. */
export const nextHopIdOf = (uplinkIndex: number, family: Family): NextHopId => perFamily(uplinkIndex, family);

/** One id per group and family; 0 is never an id. */
export const groupIdOf = (groupIndex: number, family: Family): GroupId => perFamily(groupIndex, family);
