/**
 * The nodes of one state, by pairing. A map for whoever reads; but what changes one entry copies some dozens of references,
 * not a hash table of all: with hundreds of nodes that was most of what an advertisement cost.
 */
import type { NodeEntry } from './state.js';

/** Entries that are copied for one that changes; about the root of how many there may be. */
const CHUNK = 32;

export class NodeTable implements ReadonlyMap<string, NodeEntry> {
  /** Place of each pairing, from 0, all chunks together. Tables with the same pairings share it. */
  private places: Map<string, number>;
  /** All but the last are full. A chunk is never written to: another one takes its place. */
  private chunks: NodeEntry[][];
  #sharesPlaces: boolean;

  private constructor(places: Map<string, number>, chunks: NodeEntry[][], shared: boolean) {
    this.places = places;
    this.chunks = chunks;
    this.#sharesPlaces = shared;
  }

  /** For one step at work, which writes to it before anybody else sees it. */
  static copyOf(nodes: ReadonlyMap<string, NodeEntry>): NodeTable {
    if (nodes instanceof NodeTable) return new NodeTable(nodes.places, nodes.chunks.slice(), true);
    const list = [...nodes.values()];
    return new NodeTable(placesOf(list), chunksOf(list), false);
  }

  get size(): number {
    return this.places.size;
  }

  get(pairing: string): NodeEntry | undefined {
    const place = this.places.get(pairing);
    return place === undefined ? undefined : this.chunks[Math.floor(place / CHUNK)]?.[place % CHUNK];
  }

  has(pairing: string): boolean {
    return this.places.has(pairing);
  }

  /** In the order in which the pairings came. */
  values(): MapIterator<NodeEntry> {
    return this.chunks.flat().values();
  }

  keys(): MapIterator<string> {
    return this.places.keys();
  }

  *entries(): MapIterator<[string, NodeEntry]> {
    for (const entry of this.values()) yield [entry.pairing, entry];
  }

  [Symbol.iterator](): MapIterator<[string, NodeEntry]> {
    return this.entries();
  }

  forEach(callback: (entry: NodeEntry, pairing: string, table: ReadonlyMap<string, NodeEntry>) => void): void {
    for (const entry of this.values()) callback(entry, entry.pairing, this);
  }

  /** Takes the place of the entry of that pairing, or the last one. */
  put(entry: NodeEntry): void {
    const place = this.places.get(entry.pairing) ?? this.#newPlace(entry.pairing);
    const at = Math.floor(place / CHUNK);
    const chunk = (this.chunks[at] ?? []).slice();
    chunk[place % CHUNK] = entry;
    this.chunks[at] = chunk;
  }

  #newPlace(pairing: string): number {
    if (this.#sharesPlaces) this.places = new Map(this.places);
    this.#sharesPlaces = false;
    const place = this.places.size;
    this.places.set(pairing, place);
    return place;
  }

  remove(pairing: string): void {
    if (!this.places.has(pairing)) return;
    const list = this.chunks.flat().filter((entry) => entry.pairing !== pairing);
    this.places = placesOf(list);
    this.chunks = chunksOf(list);
    this.#sharesPlaces = false;
  }
}

const placesOf = (list: readonly NodeEntry[]): Map<string, number> =>
  new Map(list.map(({ pairing }, place) => [pairing, place]));

const chunksOf = (list: readonly NodeEntry[]): NodeEntry[][] =>
  Array.from({ length: Math.ceil(list.length / CHUNK) }, (_, at) => list.slice(at * CHUNK, (at + 1) * CHUNK));
