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
  /** Whether each world must settle. */
  settles?: boolean;
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
/** Until a world must have come back to where it was. */
const SETTLE_MOVES = 4_000;

export function explore(settings: ExploreSettings): Exploration {
  const {
    machines = REAL,
    maximumFaults = Infinity,
    maximumMs = Infinity,
    horizonUs = 6_000_000,
    settles = true,
  } = settings;
  const explorer = new Settler(machines);
  const seen = new Set<number>();
  const queues: Reached[][] = [];
  const result: Exploration = { states: 0, byFaults: [], completeFaults: -1, settledAfterUs: 0, counterexample: null };
  const deadline = performance.now() + maximumMs;

  const meet = (world: World, move: Move | null, from: Reached | null): string | null => {
    if (world.faults > maximumFaults || world.nowUs - START_US > horizonUs) return null;
    const key = canonical(world);
    if (seen.has(key)) return null;
    seen.add(key);
    result.states++;
    result.byFaults[world.faults] = (result.byFaults[world.faults] ?? 0) + 1;
    const reached = { world, move, from };
    (queues[world.faults] ??= []).push(reached);
    const wrong = violation(world) ?? (settles ? explorer.settle(world) : null);
    return wrong === null ? null : trace(settings, reached, wrong);
  };

  result.counterexample = meet(newWorld(settings), null, null);
  for (let faults = 0; faults < queues.length && result.counterexample === null; faults++) {
    const queue = queues[faults] ?? [];
    for (let at = 0; at < queue.length && result.counterexample === null; at++) {
      const from = queue[at]!;
      const before = from.world!;
      for (const move of movesOf(before, machines, settings)) {
        if (before.faults + move.cost > maximumFaults) continue;
        const { world } = perform(before, move, machines);
        result.counterexample ??= meet(world, move, from);
      }
      from.world = null;
      if (result.states >= settings.maximumStates || performance.now() > deadline) return done(result, explorer);
    }
    result.completeFaults = faults;
  }
  return done(result, explorer);
}

const done = (result: Exploration, { longestUs }: Settler): Exploration => ({ ...result, settledAfterUs: longestUs });

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
  settle(start: World): string | null {
    const visited: { key: number; atUs: number; wrong: string | null }[] = [];
    const places = new Map<number, number>();
    let tailUs: number | null = null;
    for (let world = start; ; world = perform(world, nextMove(world), this.#machines).world) {
      const key = canonical(world);
      const known = this.#known.get(key);
      const place = places.get(key);
      if (known !== undefined) tailUs = world.nowUs + known;
      if (known !== undefined || place !== undefined) {
        if (place !== undefined) {
          const wrong = visited.slice(place).find(({ wrong }) => wrong !== null);
          if (wrong) return `left alone, it never settles: ${wrong.wrong}`;
        }
        break;
      }
      places.set(key, visited.length);
      const wrong = violation(world);
      if (wrong) return wrong;
      visited.push({ key, atUs: world.nowUs, wrong: unsettled(world) });
      if (visited.length > SETTLE_MOVES) return `left alone, it comes to no rest in ${SETTLE_MOVES} moves`;
    }
    return this.#keep(visited, tailUs);
  }

  #keep(visited: { key: number; atUs: number; wrong: string | null }[], tailUs: number | null): string | null {
    const last = visited.findLast(({ wrong }) => wrong !== null);
    const settledUs = Math.max(tailUs ?? 0, last?.atUs ?? 0);
    for (const { key, atUs } of visited) this.#known.set(key, Math.max(0, settledUs - atUs));
    const tookUs = Math.max(0, settledUs - (visited[0]?.atUs ?? settledUs));
    this.longestUs = Math.max(this.longestUs, tookUs);
    if (tookUs <= SETTLE_US) return null;
    return `left alone, it takes ${tookUs / 1e6} s to settle: ${last?.wrong ?? 'see above'}`;
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
    const wrong = violation(world) ?? (count % settleEvery === 0 ? settler.settle(world) : null);
    if (wrong) return { counterexample: tell(newWorld(settings), moves, machines, wrong), faults: world.faults };
  }
  return { counterexample: null, faults: world.faults };
}

/** Park and Miller's generator: enough to choose ways by. */
function generator(seed: number): () => number {
  let state = (seed % 2147483646) + 1;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

function trace(settings: ExploreSettings, reached: Reached, wrong: string): string {
  const moves: Move[] = [];
  for (let each = reached; each.from !== null; each = each.from) moves.unshift(each.move!);
  return tell(newWorld(settings), moves, settings.machines ?? REAL, wrong);
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
