/**
 * What must hold of the node's machine whatever comes: random events, counterexamples shrunk by fast-check. The seed is
 * fixed; GATEWAY_SEED and GATEWAY_RUNS look elsewhere and for longer.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReceivedMessage } from '../../../src/gateway/link/types.js';
import { leaseViews, nextDeadlineUs, step } from '../../../src/gateway/node/machine.js';
import type { ArmedLease, NodeAction, NodeEvent } from '../../../src/gateway/node/types.js';
import type { Message, OfferedFamily } from '../../../src/gateway/wire/types.js';
import type { Prefix } from '../../../src/net/prefix.js';
import {
  condition,
  MS,
  NODE_EPOCH,
  NODE_ID,
  NodeRig,
  originOf,
  ROUTER_IDS,
  V4,
  V6,
} from '../../helpers/gateway/node-rig.js';

const SETTINGS = {
  seed: Number(process.env['GATEWAY_SEED'] ?? 20260101),
  numRuns: Number(process.env['GATEWAY_RUNS'] ?? 300),
};

const router = fc.constantFrom('home', 'shed', 'barn');
const role = fc.constantFrom('standby' as const, 'active' as const);
const leftMs = fc.constantFrom(0, 1, 100, 2_000, 15_000, 0xffff_ffff);
const path = fc.constantFrom<string[]>(
  [],
  [ROUTER_IDS['home']!],
  [ROUTER_IDS['shed']!, ROUTER_IDS['barn']!],
  [NODE_ID],
);
const families = fc.constantFrom<(4 | 6)[]>([4], [6], [4, 6], []);
/** Mostly an order that the node has used; the rest is nonsense. */
const echo = fc.oneof(
  { weight: 8, arbitrary: fc.constant((BigInt(NODE_EPOCH) << 32n) + 1n) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
);
const reason = fc.record({ code: fc.constantFrom('operator' as const, 'battery' as const), text: fc.string() });

function lease(name: string, numbers = fc.constantFrom(0n, 1n, 2n, 2n ** 64n - 1n)) {
  const id = fc.oneof(
    { weight: 9, arbitrary: fc.constant(ROUTER_IDS[name]!) },
    { weight: 1, arbitrary: fc.constant(NODE_ID) },
  );
  return fc.record({ router: id, number: numbers, role, leftMs });
}

const anyMessage = router.chain((name) => {
  const request = {
    lease: lease(name),
    echo,
    want: fc.record({ families, wayBack: fc.constantFrom('router' as const, 'direct' as const) }),
    clients: fc.constant<Prefix[]>([]),
    path,
  };
  const message = fc.oneof(
    fc.record({ type: fc.constantFrom('elect' as const, 'renew' as const), ...request }),
    fc.record({ type: fc.constant('release' as const), lease: lease(name), echo, reason }),
    fc.record({
      type: fc.constant('accept' as const),
      lease: lease(name),
      echo,
      families: fc.constant<OfferedFamily[]>([]),
    }),
    fc.record({ type: fc.constant('withdraw' as const), reason }),
  );
  return fc
    .record({
      message,
      lateUs: fc.constantFrom(-5, 0, 10 * MS, 20_000 * MS),
      order: fc.bigInt({ min: 1n, max: 1n << 40n }),
    })
    .map((parts) => ({ name, ...parts }));
});

type Happening =
  | { what: 'event'; event: NodeEvent }
  | { what: 'message'; message: { name: string; message: Message; lateUs: number; order: bigint } }
  | { what: 'applied'; behind: number; problem: string | null }
  | { what: 'pass'; us: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 8, arbitrary: anyMessage.map((message) => ({ what: 'message' as const, message })) },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant('applied' as const),
      behind: fc.constantFrom(0, 0, 0, 1, 2, -1),
      problem: fc.constantFrom(null, null, null, 'a problem'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('pass' as const),
      us: fc.constantFrom(0, 1, 100 * MS, 1999 * MS, 15_000 * MS),
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .oneof(
        fc
          .record({
            obstacle: fc.option(reason),
            families: fc.constantFrom<OfferedFamily[][]>([V4], [V6], [V4, V6], []),
            upstream: path,
          })
          .map((changes): NodeEvent => ({ type: 'condition', condition: condition(changes) })),
        fc.subarray(Object.keys(ROUTER_IDS)).map((names): NodeEvent => ({ type: 'pairings', names })),
        fc.constant<NodeEvent>({ type: 'tick' }),
        fc.constant<NodeEvent>({
          type: 'usage',
          usage: new Map([['home', { toNetworkBytes: 1n, fromNetworkBytes: 2n }]]),
        }),
      )
      .map((event) => ({ what: 'event' as const, event })),
  },
  {
    weight: 1,
    arbitrary: reason.map((reason) => ({ what: 'event' as const, event: { type: 'stop' as const, reason } })),
  },
);

/** Plays it all, with a check after each step. Ticks at deadlines are not made: that must be safe, too. */
function play(happenings: readonly Happening[], check: (rig: NodeRig) => void): NodeRig {
  const rig = new NodeRig({ routers: Object.keys(ROUTER_IDS), policy: { slots: 2 } });
  for (const each of happenings) {
    if (each.what === 'pass') rig.nowUs += each.us;
    else if (each.what === 'event') rig.step(each.event);
    else if (each.what === 'applied') rig.applied(each.problem, rig.state.arming.version - each.behind);
    else rig.step({ type: 'message', received: received(rig, each.message) });
    if (each.what !== 'pass') check(rig);
  }
  return rig;
}

function received(
  rig: NodeRig,
  { name, message, lateUs, order }: { name: string; message: Message; lateUs: number; order: bigint },
): ReceivedMessage {
  const header = { sender: ROUTER_IDS[name]!, receiver: NODE_ID, order };
  return { pairing: name, header, message, origin: originOf(name), atUs: rig.nowUs - lateUs };
}

const lastApply = (rig: NodeRig): ArmedLease[] =>
  rig.actions.flatMap((action) => (action.type === 'apply' ? [action.leases] : [])).at(-1) ?? [];

/** Addresses compare by their text. */
const plain = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'bigint' ? String(each) : each instanceof Map ? [...each] : each,
  );

describe('whatever happens, the node', () => {
  const property = (check: (rig: NodeRig) => void): void =>
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => void play(happenings, check)),
      SETTINGS,
    );

  it('never throws, never writes to a state, and does the same again for the same events', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
        const nothing = () => undefined;
        const [one, two] = [play(happenings, nothing), play(happenings, nothing)];
        expect(plain(one.actions)).toBe(plain(two.actions));
        expect(plain(one.state)).toBe(plain(two.state));
      }),
      SETTINGS,
    );
  });

  it('has no lease in its last apply that is over, after any event at or after its end', () => {
    property((rig) => {
      for (const { endsUs } of lastApply(rig)) expect(endsUs).toBeGreaterThan(rig.nowUs);
    });
  });

  it('has a deadline no later than the end of each lease', () => {
    property((rig) => {
      for (const { endsUs } of lastApply(rig)) expect(nextDeadlineUs(rig.state)).toBeLessThanOrEqual(endsUs);
    });
  });

  it('never grants longer than the owner allows, nor more routers than slots', () => {
    property((rig) => {
      expect(lastApply(rig).length).toBeLessThanOrEqual(2);
      for (const { endsUs } of lastApply(rig)) {
        expect(endsUs).toBeLessThanOrEqual(rig.nowUs + rig.state.policy.maximumLeaseUs);
      }
    });
  });

  it('wants in force exactly the leases that it shows, and offers nothing else than what its condition allows', () => {
    property((rig) => {
      const shown = leaseViews(rig.state, rig.nowUs);
      expect(lastApply(rig).map(({ pairing }) => pairing)).toEqual(shown.map(({ pairing }) => pairing));
      if (rig.state.condition?.obstacle || rig.state.stopping) expect(shown).toEqual([]);
    });
  });

  it('accepts, and says RELEASED, only when the shell has said so of the version with, or without, the rules', () => {
    property((rig) => {
      // The steps in between only matter by what was applied: nothing may be said while the newest is a problem.
      const says = rig.last.filter(isSent('accept', 'status', 'released'));
      if (says.length > 0) expect(rig.state.arming.broken).toBe(false);
      for (const view of leaseViews(rig.state, rig.nowUs)) {
        if (rig.sentOf('accept').some((message) => message.lease.router === view.router)) expect(view.armed).toBe(true);
      }
    });
  });

  it('is quiet when nothing is left to do: a second tick in the same moment does nothing', () => {
    property((rig) => {
      const { actions } = step(rig.state, { type: 'tick' }, rig.nowUs);
      expect(actions).toEqual([]);
    });
  });
});

function isSent(...types: Message['type'][]) {
  return (action: NodeAction): boolean => action.type === 'send' && types.includes(action.outgoing.message.type);
}
