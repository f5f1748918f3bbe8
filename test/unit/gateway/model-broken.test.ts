/** The checker can fail: machines that are broken on purpose, each of which it must catch, and say how. */
import { describe, expect, it } from 'vitest';
import { explore, type ExploreSettings } from '../../helpers/gateway/explore.js';
import { REAL, type Machines, type NodeState, type RouterState } from '../../helpers/gateway/world.js';
import type { NodeEvent } from '../../../src/gateway/node/types.js';

interface Broken {
  machines: Partial<Machines>;
  wrong: RegExp;
  settings?: Partial<ExploreSettings>;
}

const BROKEN: Record<string, Broken> = {
  'a node that keeps a lease ten times as long': {
    machines: {
      nodeStep: (state, event, nowUs) =>
        REAL.nodeStep(
          state,
          withLeases(event, ({ leftMs }) => leftMs * 10),
          nowUs,
        ),
    },
    wrong: /^N1 means to keep lease #1 longer than was asked for/,
  },
  'a node that accepts before its rules are in force': {
    machines: {
      nodeStep: (state, event, nowUs) => {
        const first = REAL.nodeStep(state, event, nowUs);
        if (!first.actions.some(({ type }) => type === 'apply')) return first;
        const applied: NodeEvent = { type: 'applied', version: first.state.arming.version, problem: null };
        const second = REAL.nodeStep(first.state, applied, nowUs);
        return { state: second.state, actions: [...first.actions, ...second.actions] };
      },
    },
    wrong: /^R1 counts N1 as elected, whose rules have never been in force/,
  },
  'a node that is deaf to ELECT after its first lease': {
    machines: {
      nodeStep: (state, event, nowUs) =>
        REAL.nodeStep(state, isSecondElect(state, event) ? { type: 'tick' } : event, nowUs),
    },
    wrong: /^left alone, it never settles: 1 need a gateway, 1 may be had, 0 have one/,
    settings: { needChanges: 'fault' },
  },
  'a router that counts a lease from the receipt of the answer': {
    machines: {
      routerStep: (state, event, nowUs) => {
        const result = REAL.routerStep(state, event, nowUs);
        if (event.type !== 'message' || !('lease' in event.received.message)) return result;
        const { message, pairing } = { ...event.received, message: event.received.message };
        const leftUs = (message.lease?.leftMs ?? 0) * 1000;
        const counts = message.type === 'accept' || message.type === 'status';
        return counts ? { ...result, state: withLease(result.state, pairing, { endsUs: nowUs + leftUs }) } : result;
      },
    },
    wrong: /^R1 counts on N1, lease #1, for longer than the node will keep it/,
  },
  'a router that forgets which nodes may still take themselves to be active': {
    machines: {
      routerStep: (state, event, nowUs) => {
        const result = REAL.routerStep(state, event, nowUs);
        const pairings = [...result.state.nodes.keys()];
        return {
          ...result,
          state: pairings.reduce((each, name) => withLease(each, name, { activeMaybe: [] }), result.state),
        };
      },
    },
    wrong: /are both active for R1, which counts on both/,
    settings: { nodes: 2, maximumFaults: 2 },
  },
  'receivers that compare the sequence, but not the epoch': {
    machines: {
      isFresh: (greatest, order) => greatest === undefined || (order & 0xffff_ffffn) > (greatest & 0xffff_ffffn),
    },
    wrong: /^left alone, it/,
    settings: { horizonUs: 20_000_000, needChanges: 'never' },
  },
};

function withLeases(event: NodeEvent, leftMs: (lease: { leftMs: number }) => number): NodeEvent {
  if (event.type !== 'message' || (event.received.message.type !== 'elect' && event.received.message.type !== 'renew'))
    return event;
  const { message } = event.received;
  const lease = { ...message.lease, leftMs: leftMs(message.lease) };
  return { ...event, received: { ...event.received, message: { ...message, lease } } };
}

const isSecondElect = (state: NodeState, event: NodeEvent): boolean =>
  event.type === 'message' &&
  event.received.message.type === 'elect' &&
  state.pairings.get(event.received.pairing)?.ended !== null;

type HeldLease = NonNullable<
  Parameters<RouterState['nodes']['forEach']>[0] extends (entry: infer Entry, ...rest: never[]) => void
    ? Entry extends { lease: infer Lease }
      ? Lease
      : never
    : never
>;

function withLease(state: RouterState, pairing: string, changes: Partial<HeldLease>): RouterState {
  const entry = state.nodes.get(pairing);
  if (!entry?.lease) return state;
  return { ...state, nodes: new Map(state.nodes).set(pairing, { ...entry, lease: { ...entry.lease, ...changes } }) };
}

describe('the checker catches', () => {
  for (const [name, { machines, wrong, settings }] of Object.entries(BROKEN)) {
    it(name, { timeout: 120_000 }, () => {
      const ordinary = { need: true, needChanges: 'never', maximumStates: 30_000, horizonUs: 3_500_000 } as const;
      const { counterexample } = explore({ ...ordinary, ...settings, machines: { ...REAL, ...machines } });
      expect(counterexample).toMatch(wrong);
      // Readable: what was sent, what arrived, what went wrong on the way.
      expect(counterexample).toMatch(/after \d+ moves:\n/);
      expect(counterexample).toMatch(/> advertise to R1 \[\d+\.\d+\] arrives/);
      if (process.env['GATEWAY_MODEL_TRACES']) process.stdout.write(`${counterexample}\n\n`);
    });
  }
});
