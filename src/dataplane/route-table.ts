/**
 * `routes4` and `routes6`. The order of writing keeps every moment correct: what is new is added before what is old is
 * removed; longer prefixes are added before the shorter ones that would cover them, and removed after these. A table that cannot hold all its routes holds none, for
 * with some missing it would send packets by a less specific route than the kernel's.
 */
import { Constant, route4KeyCodec, route6KeyCodec, routeCodec, RouteKind } from '../abi/index.js';
import type { RouteIntent, RouteIntentTarget } from '../controller/ports.js';
import type { Family } from '../net/ip-address.js';
import { encoded, keyText, u32Of, type KernelMap, type KeyText } from './kernel-map.js';

/** Elements per batch; between batches the event loop runs, for liveness must not wait for routes. */
const SLICE = 4096;
/** A table of up to so many routes is read before every pass; a larger one after a fault and once in a while. */
const ALWAYS_READ_ROUTES = 2000;
const READ_INTERVAL_MS = 600_000;

export class RouteTable {
  readonly #family: Family;
  readonly #map: KernelMap;
  readonly #nowMs: () => number;
  /** What the map holds, route targets by key; null: not known. */
  #actual: Map<KeyText, number> | null = null;
  #readAtMs = 0;
  /** What was asked for last and written without a problem; null: something failed. */
  #published: readonly RouteIntent[] | null = null;
  /** The same, encoded, of a table that is small. */
  #publishedKeys: Map<KeyText, number> | null = null;

  constructor(family: Family, map: KernelMap, nowMs: () => number) {
    this.#family = family;
    this.#map = map;
    this.#nowMs = nowMs;
  }

  /** The same array again is not gone through: nobody changes one that was given here. */
  async publish(routes: readonly RouteIntent[]): Promise<string[]> {
    const isSame = routes === this.#published;
    if (isSame && !this.#mustRead()) return [];
    let wanted = (isSame ? this.#publishedKeys : null) ?? (await wantedRoutes(this.#family, routes));
    this.#published = null;
    const problems: string[] = [];
    if (wanted.size > this.#map.maxEntries) {
      problems.push(
        `${this.#map.name}: ${wanted.size} routes, the table holds ${this.#map.maxEntries}: ` +
          `IPv${this.#family} is left to the stack (raise dataplane.max_routes)`,
      );
      wanted = new Map();
    }
    const actual = this.#read();
    const additions = [...wanted].filter(([key, target]) => actual.get(key) !== target);
    const removals = [...actual.keys()].filter((key) => !wanted.has(key));
    // Additions first, for what replaces a route must be there before it goes; unless there is no room for both.
    const roomForBoth = actual.size + additions.length <= this.#map.maxEntries;
    try {
      if (!roomForBoth) await this.#delete(removals);
      await this.#write(additions);
      if (roomForBoth) await this.#delete(removals);
    } catch (error) {
      this.#actual = null; // some of it may have been written
      problems.push(`${this.#map.name}: ${String(error)}`);
    }
    if (problems.length === 0) {
      this.#published = routes;
      this.#publishedKeys = wanted.size <= ALWAYS_READ_ROUTES ? wanted : null;
    }
    return problems;
  }

  #mustRead(): boolean {
    if (this.#actual === null || this.#actual.size <= ALWAYS_READ_ROUTES) return true;
    return this.#nowMs() - this.#readAtMs >= READ_INTERVAL_MS;
  }

  #read(): Map<KeyText, number> {
    if (this.#actual && !this.#mustRead()) return this.#actual;
    this.#actual = new Map();
    for (const [key, value] of this.#map.readAll()) this.#actual.set(key, u32Of(keyText(value)));
    this.#readAtMs = this.#nowMs();
    return this.#actual;
  }

  async #delete(keys: KeyText[]): Promise<void> {
    keys.sort((a, b) => prefixLength(a) - prefixLength(b));
    for await (const slice of slices(keys)) {
      this.#map.delete(slice);
      for (const key of slice) this.#actual?.delete(key);
    }
  }

  async #write(routes: [KeyText, number][]): Promise<void> {
    routes.sort(([a], [b]) => prefixLength(b) - prefixLength(a));
    for await (const slice of slices(routes)) {
      this.#map.update(slice.map(([key, target]) => [key, encoded(routeCodec, { target })]));
      for (const [key, target] of slice) this.#actual?.set(key, target);
    }
  }
}

async function* slices<T>(items: readonly T[]): AsyncGenerator<T[]> {
  for (let start = 0; start < items.length; start += SLICE) {
    if (start > 0) await new Promise((resolve) => setImmediate(resolve));
    yield items.slice(start, start + SLICE);
  }
}

/** The keys begin with the length, little-endian, and it is at most 128: one byte. */
const prefixLength = (key: KeyText): number => key.charCodeAt(0);

async function wantedRoutes(family: Family, routes: readonly RouteIntent[]): Promise<Map<KeyText, number>> {
  const wanted = new Map<KeyText, number>();
  const codec = family === 4 ? route4KeyCodec : route6KeyCodec;
  const key = Buffer.alloc(codec.size);
  const view = new DataView(key.buffer, key.byteOffset, key.length);
  for await (const slice of slices(routes)) {
    for (const { prefix, target } of slice) {
      if (prefix.family !== family) continue;
      codec.encode(view, 0, { prefixLength: prefix.length, address: prefix.address.bytes });
      wanted.set(keyText(key), routeTarget(target));
    }
  }
  return wanted;
}

const KINDS = {
  group: RouteKind.GROUP,
  local: RouteKind.LOCAL,
  blackhole: RouteKind.BLACKHOLE,
  fib: RouteKind.FIB,
  stack: RouteKind.STACK,
} as const;

/** struct route.target; unsigned. */
function routeTarget(target: RouteIntentTarget): number {
  const group = target.kind === 'group' ? target.group & Constant.ROUTE_GROUP_MASK : 0;
  return ((KINDS[target.kind] << Constant.ROUTE_KIND_SHIFT) | group) >>> 0;
}
