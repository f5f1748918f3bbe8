/**
 * Explores the worlds that can be reached, those with the fewest faults first, and asks of each: does every invariant hold,
 * and does the world settle when faults end?
 */
import { canonical } from './canonical.js';
import { unsettled, violation } from './invariants.js';
import { freeMoves, movesOf, perform, type Move, type MoveSettings } from './moves.js';
import { newWorld, REAL, START_US, type Machines, type World, type WorldSettings } from './world.js';

export interface ExploreSettings extends WorldSettings, MoveSettings {
  maximumStates: number;
  maximumFaults?: number;
  maximumMs?: number;
  /** Worlds later than this are not gone on from. */
  horizonUs?: number;
}

export interface Exploration {
  states: number;
  /** New worlds by how many faults it took to reach them. */
  byFaults: number[];
  /** All worlds with up to so many faults (within the horizon) were seen; -1: not even those without. */
  completeFaults: number;
  /** The longest that a world took to settle. */
  settledAfterUs: number;
  counterexample: string | null;
}

interface Reached {
  /** null: gone on from; what is left of it is how it was reached. */
  world: World | null;
  move: Move | null;
  from: Reached | null;
}

/** How long a world may take: a lease, then rests of a second that double to two, twice over, and a hold time. */
export const SETTLE_US = 10_000_000;
/** Of a world that is left alone and goes wrong, so much is told. */
const TOLD_MOVES = 120;
const DEFAULT_HORIZON_US = 6_000_000;
/** Until a world must have come back to where it was. */
const SETTLE_MOVES = 4_000;

export function explore(settings: ExploreSettings): Exploration {
  return new Explorer(settings).run();
}

class Explorer {
  readonly #settings: ExploreSettings;
  readonly #machines: Machines;
  readonly #settler: Settler;
  readonly #seen = new Set<number>();
  /** By how many faults it took to reach them. */
  readonly #levels: Reached[][] = [];
  readonly #deadline: number;
  readonly #result: Exploration = {
    states: 0,
    byFaults: [],
    completeFaults: -1,
    settledAfterUs: 0,
    counterexample: null,
  };

  constructor(settings: ExploreSettings) {
    this.#settings = settings;
    this.#machines = settings.machines ?? REAL;
    this.#settler = new Settler(this.#machines);
    this.#deadline = performance.now() + (settings.maximumMs ?? Infinity);
  }

  run(): Exploration {
    this.#meet(newWorld(this.#settings), null, null);
    for (let faults = 0; this.#closeLevel(faults); faults++) this.#result.completeFaults = faults;
    return { ...this.#result, settledAfterUs: this.#settler.longestUs };
  }

  /** @returns whether all worlds that so many faults lead to have been seen, and there are any */
  #closeLevel(faults: number): boolean {
    if (faults > (this.#settings.maximumFaults ?? Infinity)) return false;
    for (const reached of this.#levels[faults - 1] ?? []) {
      if (!this.#goOn(reached, 1)) return false;
      // What is left of it is how it was reached.
      reached.world = null;
    }
    const level = this.#levels[faults] ?? [];
    // It grows while it is gone through.
    for (const reached of level) if (!this.#goOn(reached, 0)) return false;
    return level.length > 0;
  }

  /** @returns false: enough */
  #goOn(from: Reached, cost: Move['cost']): boolean {
    const world = from.world!;
    for (const move of movesOf(world, this.#machines, this.#settings)) {
      if (move.cost !== cost) continue;
      this.#meet(perform(world, move, this.#machines).world, move, from);
      if (this.#result.counterexample !== null) return false;
    }
    return this.#result.states < this.#settings.maximumStates && performance.now() < this.#deadline;
  }

  #meet(world: World, move: Move | null, from: Reached | null): void {
    if (world.nowUs - START_US > (this.#settings.horizonUs ?? DEFAULT_HORIZON_US)) return;
    const key = canonical(world);
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#result.states++;
    this.#result.byFaults[world.faults] = (this.#result.byFaults[world.faults] ?? 0) + 1;
    const reached = { world, move, from };
    (this.#levels[world.faults] ??= []).push(reached);
    const wrong = violation(world);
    const found = wrong === null ? this.#settler.settle(world) : { wrong, moves: [] };
    if (found) this.#result.counterexample = this.#trace(reached, found);
  }

  #trace(reached: Reached, { wrong, moves }: Finding): string {
    const all = moves.slice(0, TOLD_MOVES);
    for (let each = reached; each.from !== null; each = each.from) all.unshift(each.move!);
    return tell(newWorld(this.#settings), all, this.#machines, wrong);
  }
}

/** What is wrong, and the further moves after which it is. */
interface Finding {
  wrong: string;
  moves: Move[];
}

/** Worlds left alone: everything arrives, everybody starts, nothing fails. */
export class Settler {
  longestUs = 0;
  readonly #machines: Machines;
  /** World -> how long until it was settled for good. */
  readonly #known = new Map<number, number>();

  constructor(machines: Machines) {
    this.#machines = machines;
  }

  /**
   * Follows a world until it comes back to where it was: from then on it goes round for ever.
   * @returns what is wrong with it; null: it settles in time, and stays so
   */
  settle(start: World): Finding | null {
    const visited: { key: number; atUs: number; wrong: string | null }[] = [];
    const places = new Map<number, number>();
    const moves: Move[] = [];
    for (let world = start; ;) {
      const key = canonical(world);
      const place = places.get(key);
      if (this.#known.has(key)) return this.#keep(visited, moves, world.nowUs + this.#known.get(key)!);
      if (place !== undefined) {
        const unsettledFor = visited.slice(place).find(({ wrong }) => wrong !== null);
        if (unsettledFor) return { wrong: `left alone, it never settles: ${unsettledFor.wrong}`, moves };
        return this.#keep(visited, moves, null);
      }
      const wrong = violation(world);
      if (wrong !== null) return { wrong, moves };
      places.set(key, visited.length);
      visited.push({ key, atUs: world.nowUs, wrong: unsettled(world) });
      if (visited.length > SETTLE_MOVES)
        return { wrong: `left alone, it comes to no rest in ${SETTLE_MOVES} moves`, moves };
      const move = nextMove(world);
      moves.push(move);
      world = perform(world, move, this.#machines).world;
    }
  }

  /** @param tailUs when what it has come to, which was met before, is settled; null: it went round */
  #keep(
    visited: { key: number; atUs: number; wrong: string | null }[],
    moves: Move[],
    tailUs: number | null,
  ): Finding | null {
    const last = visited.findLast(({ wrong }) => wrong !== null);
    const settledUs = Math.max(tailUs ?? 0, last?.atUs ?? 0);
    for (const { key, atUs } of visited) this.#known.set(key, Math.max(0, settledUs - atUs));
    const tookUs = Math.max(0, settledUs - (visited[0]?.atUs ?? settledUs));
    this.longestUs = Math.max(this.longestUs, tookUs);
    if (tookUs <= SETTLE_US) return null;
    return { wrong: `left alone, it takes ${tookUs / 1e6} s to settle: ${last?.wrong ?? 'see above'}`, moves };
  }
}

/** What happens next in a world without faults. Who is held up no longer is. */
export function nextMove(world: World): Move {
  const [next] = freeMoves(world);
  if (next) return next;
  const slow = world.nodes.find(({ alive, applying }) => alive && applying?.held);
  if (slow) return { what: 'applied', at: slow.index, cost: 0 };
  return { what: 'time', at: 0, cost: 0 };
}

export interface WalkSettings extends WorldSettings, MoveSettings {
  seed: number;
  moves: number;
  /** A fault is taken with this chance instead of a free move. */
  faultChance?: number;
  /** Asked to settle after each so many moves. */
  settleEvery?: number;
}

/** One long way through the worlds, by chance: as deep as the exploration is broad. */
export function walk(settings: WalkSettings, settler: Settler): { counterexample: string | null; faults: number } {
  const { machines = REAL, seed, moves: length, faultChance = 0.05, settleEvery = 40 } = settings;
  const random = generator(seed);
  const moves: Move[] = [];
  let world = newWorld(settings);
  for (let count = 1; count <= length; count++) {
    const all = movesOf(world, machines, settings);
    const isRare = ({ cost, what }: Move): boolean => cost > 0 || what === 'need';
    const rare = random() < faultChance;
    const choice = all.filter((move) => isRare(move) === rare);
    const move = choice[Math.floor(random() * choice.length)] ?? nextMove(world);
    moves.push(move);
    world = perform(world, move, machines).world;
    const broken = violation(world);
    const found =
      broken === null && count % settleEvery === 0 ? settler.settle(world) : broken && { wrong: broken, moves: [] };
    if (!found) continue;
    const text = tell(newWorld(settings), [...moves, ...found.moves.slice(0, TOLD_MOVES)], machines, found.wrong);
    return { counterexample: text, faults: world.faults };
  }
  return { counterexample: null, faults: world.faults };
}

/** Park and Miller's generator: enough to choose ways by. */
function generator(seed: number): () => number {
  let state = (seed % 2147483646) + 1;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

/** A sequence of moves as people read it. */
export function tell(start: World, moves: readonly Move[], machines: Machines, wrong: string): string {
  const lines: string[] = [];
  let world = start;
  for (const move of moves) {
    const next = perform(world, move, machines);
    lines.push(...next.told);
    world = next.world;
  }
  return [wrong, `after ${moves.length} moves:`, ...lines].join('\n');
}
