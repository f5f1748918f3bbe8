/**
 * The gateway protocol in small worlds: the real machines, and every order in which messages arrive, are lost, delayed,
 * doubled, in which machines die and start, rules are slow or fail, batteries run low, need comes and goes. Worlds are
 * explored with the fewest faults first; each must keep every invariant (invariants.ts) and, left alone, settle for good.
 *
 * GATEWAY_MODEL_SCALE=5 explores five times as many worlds, and goes five times as many long ways.
 */
import { describe, expect, it } from 'vitest';
import { ReplayGuard } from '../../../src/gateway/link/replay.js';
import { unsettled, violation } from '../../helpers/gateway/invariants.js';
import {
  explore,
  nextMove,
  SETTLE_US,
  Settler,
  tell,
  walk,
  type ExploreSettings,
} from '../../helpers/gateway/explore.js';
import { perform, type Move } from '../../helpers/gateway/moves.js';
import { isFresh, newWorld, REAL, START_US, type World, type WorldSettings } from '../../helpers/gateway/world.js';

const SCALE = Number(process.env['GATEWAY_MODEL_SCALE'] ?? 1);
const TIMEOUT_MS = 120_000 * SCALE;

interface Row extends Omit<ExploreSettings, 'maximumStates'> {
  name: string;
  states: number;
  /** All worlds with so many faults must have been seen, not only some. */
  complete?: number;
}

/** Need counts as a fault when it comes or goes: worlds with one fault then are those in which it does so once. */
const SOME_TIME = { need: true, needChanges: 'fault', horizonUs: 2_500_000 } as const;

const NETWORK = ['lose', 'hold', 'repeat', 'deliver'] as const;

const ROWS: Row[] = [
  { name: 'one router, one node', ...SOME_TIME, horizonUs: 3_500_000, states: 12_000, complete: 1 },
  { name: 'one router, one node, need that comes and goes all the time', horizonUs: 2_500_000, states: 12_000 },
  {
    name: 'one router, two nodes, faults of the network',
    nodes: 2,
    ...SOME_TIME,
    needChanges: 'never',
    faults: NETWORK,
    states: 14_000,
    complete: 1,
  },
  { name: 'one router, two nodes, need that comes and goes once', nodes: 2, ...SOME_TIME, states: 8_000, complete: 0 },
  { name: 'one router, two nodes, need that comes and goes all the time', nodes: 2, states: 6_000 },
  { name: 'two routers, one node with one slot', routers: 2, ...SOME_TIME, states: 10_000, complete: 0 },
  { name: 'two routers, one node with two slots', routers: 2, slots: 2, ...SOME_TIME, states: 10_000, complete: 0 },
  { name: 'two routers, two nodes', routers: 2, nodes: 2, ...SOME_TIME, states: 14_000, complete: 0 },
];

describe('every world that can be reached keeps the invariants, and settles', () => {
  for (const { name, states, complete = -1, ...settings } of ROWS) {
    it(name, { timeout: TIMEOUT_MS }, () => {
      const result = explore({ ...settings, maximumStates: states * SCALE });
      expect(result.counterexample).toBeNull();
      expect(result.completeFaults).toBeGreaterThanOrEqual(complete);
      expect(result.settledAfterUs).toBeLessThanOrEqual(SETTLE_US);
      // Nobody should believe in a search that finds nothing to search.
      expect(result.states).toBeGreaterThan(4_000);
    });
  }
});

describe('long ways through the worlds, with a fault in every tenth move', () => {
  const worlds: WorldSettings[] = [
    { routers: 1, nodes: 1 },
    { routers: 1, nodes: 2 },
    { routers: 2, nodes: 1 },
    { routers: 2, nodes: 1, slots: 2 },
    { routers: 2, nodes: 2 },
  ];
  for (const settings of worlds) {
    it(`${settings.routers} x ${settings.nodes}, ${settings.slots ?? 1} slots`, { timeout: TIMEOUT_MS }, () => {
      const settler = new Settler(REAL);
      for (let seed = 1; seed <= 60 * SCALE; seed++) {
        const { counterexample } = walk({ ...settings, seed, moves: 300, faultChance: 0.1 }, settler);
        if (counterexample !== null) expect.fail(`seed ${seed}: ${counterexample}`);
      }
    });
  }
});

/** Need for 2.2 s, then 3 s without; messages at these places of the whole sequence are lost. */
function standardScenario(
  lost: readonly number[],
  settings: WorldSettings,
): { world: World; messages: number; wrong: string | null } {
  const start = newWorld({ ...settings, need: true });
  let world = start;
  let messages = 0;
  const moves: Move[] = [];
  const make = (move: Move): string | null => {
    moves.push(move);
    world = perform(world, move, REAL).world;
    return violation(world);
  };
  while (world.nowUs - START_US < 5_200_000) {
    const next = nextMove(world);
    const isLost = next.what === 'deliver' && lost.includes(messages);
    if (next.what === 'deliver') messages++;
    const needEnds = next.what === 'time' && world.nowUs - START_US > 2_200_000 && world.routers[0]!.need;
    const wrong = make(
      needEnds ? { what: 'need', at: 0, cost: 0 } : isLost ? { ...next, what: 'lose', cost: 1 } : next,
    );
    if (wrong !== null) return { world, messages, wrong: tell(start, moves, REAL, wrong) };
  }
  const found = new Settler(REAL).settle(world);
  return { world, messages, wrong: found && tell(start, [...moves, ...found.moves], REAL, found.wrong) };
}

describe('an election, its renewals and its release', () => {
  it('go through without a loss, and leave nothing behind', () => {
    const { world, messages, wrong } = standardScenario([], {});
    expect(wrong).toBeNull();
    expect(unsettled(world)).toBeNull();
    expect(world.nodes[0]!.rules).toEqual([]);
    expect(messages).toBeGreaterThan(15);
  });

  it('settle whichever one or two messages are lost: a later one makes up for each', { timeout: TIMEOUT_MS }, () => {
    const { messages } = standardScenario([], {});
    for (let first = 0; first < messages; first++) {
      for (let second = first; second < messages; second++) {
        const { world, wrong } = standardScenario([first, second], {});
        if (wrong !== null) expect.fail(wrong);
        expect(unsettled(world)).toBeNull();
      }
    }
  });

  it('settle with two nodes, whichever message is lost', { timeout: TIMEOUT_MS }, () => {
    const { messages } = standardScenario([], { nodes: 2 });
    for (let lost = 0; lost < messages; lost++) expect(standardScenario([lost], { nodes: 2 }).wrong).toBeNull();
  });
});

describe("the world's check of orders", () => {
  it('decides as the real one', () => {
    const guard = new ReplayGuard();
    let greatest: bigint | undefined;
    for (const order of [5n, 5n, 4n, 6n, 1n << 32n, 7n, (1n << 32n) + 1n, 1n << 32n]) {
      expect(isFresh(greatest, order)).toBe(guard.isFresh('home', 'a', order));
      if (!isFresh(greatest, order)) continue;
      guard.note('home', 'a', order);
      greatest = order;
    }
  });
});
