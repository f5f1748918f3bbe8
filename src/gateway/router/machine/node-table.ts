/**
 * The nodes of one state, by pairing. A map for whoever reads; but what changes one entry copies an array of references,
 * not a hash table: with hundreds of nodes that was most of what an advertisement cost.
 */
import type { NodeEntry } from './state.js';

export class NodeTable implements ReadonlyMap<string, NodeEntry> {
  /** Place of each pairing in the list. Tables with the same pairings share it. */
  private places: Map<string, number>;
  private readonly list: NodeEntry[];
  #sharesPlaces: boolean;

  private constructor(places: Map<string, number>, list: NodeEntry[], shared: boolean) {
    this.places = places;
    this.list = list;
    this.#sharesPlaces = shared;
  }

  /** For one step at work, which writes to it before anybody else sees it. */
  static copyOf(nodes: ReadonlyMap<string, NodeEntry>): NodeTable {
    if (nodes instanceof NodeTable) return new NodeTable(nodes.places, nodes.list.slice(), true);
    const list = [...nodes.values()];
    return new NodeTable(placesOf(list), list, false);
  }

  get size(): number {
    return this.list.length;
  }

  get(pairing: string): NodeEntry | undefined {
    const place = this.places.get(pairing);
    return place === undefined ? undefined : this.list[place];
  }

  has(pairing: string): boolean {
    return this.places.has(pairing);
  }

  /** In the order in which the pairings came. */
  values(): MapIterator<NodeEntry> {
    return this.list.values();
  }

  keys(): MapIterator<string> {
    return this.places.keys();
  }

  *entries(): MapIterator<[string, NodeEntry]> {
    for (const entry of this.list) yield [entry.pairing, entry];
  }

  [Symbol.iterator](): MapIterator<[string, NodeEntry]> {
    return this.entries();
  }

  forEach(callback: (entry: NodeEntry, pairing: string, table: ReadonlyMap<string, NodeEntry>) => void): void {
    for (const entry of this.list) callback(entry, entry.pairing, this);
  }

  /** Takes the place of the entry of that pairing, or the last one. */
  put(entry: NodeEntry): void {
    const place = this.places.get(entry.pairing);
    if (place !== undefined) {
      this.list[place] = entry;
      return;
    }
    if (this.#sharesPlaces) this.places = new Map(this.places);
    this.#sharesPlaces = false;
    this.places.set(entry.pairing, this.list.length);
    this.list.push(entry);
  }

  remove(pairing: string): void {
    const place = this.places.get(pairing);
    if (place === undefined) return;
    this.list.splice(place, 1);
    this.places = placesOf(this.list);
    this.#sharesPlaces = false;
  }
}

const placesOf = (list: readonly NodeEntry[]): Map<string, number> =>
  new Map(list.map(({ pairing }, place) => [pairing, place]));
