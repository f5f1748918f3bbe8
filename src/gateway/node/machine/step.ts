/**
 * One step: what time has ended ends first, then the event is taken, then what follows is written, answered and told, in
 * this order, so that no answer is given before the `apply` that it depends on.
 */
import type { Usage } from '../../wire/types.js';
import type { NodeAction, NodeEvent } from '../types.js';
import { announce, mayAdvertise } from './advertise.js';
import { answer, reconcile, takeApplied } from './arming.js';
import { endExpired, endHindered } from './leases.js';
import { NEW_PAIRING, type NodeState, type PairingState } from './state.js';
import { takeMessage } from './requests.js';
import { change, changeLease, changePairing, record, send, wireLease, type Work } from './work.js';

export interface StepResult {
  state: NodeState;
  actions: NodeAction[];
}

/**
 * Pure; the given state is not touched. Never throws, whatever a message says.
 * @param nowUs monotonic microseconds; never less than in the step before
 * @returns the next state, and what to do, in order
 */
export function step(state: NodeState, event: NodeEvent, nowUs: number): StepResult {
  const work: Work = { nowUs, state, actions: [] };
  endExpired(work);
  take(work, event);
  endHindered(work);
  reconcile(work);
  answer(work);
  announce(work);
  return { state: work.state, actions: work.actions };
}

function take(work: Work, event: NodeEvent): void {
  switch (event.type) {
    case 'configure':
      return change(work, { policy: event.policy });
    case 'pairings':
      return takePairings(work, event.names);
    case 'condition':
      return change(work, { condition: event.condition });
    case 'message':
      return takeMessage(work, event.received);
    case 'applied':
      return takeApplied(work, event.version, event.problem);
    case 'usage':
      return takeUsage(work, event.usage);
    case 'tick':
      return;
    case 'stop':
      if (work.state.stopping === null) change(work, { stopping: event.reason });
      return;
  }
}

function takePairings(work: Work, names: readonly string[]): void {
  for (const name of work.state.pairings.keys()) if (!names.includes(name)) part(work, name);
  const kept = names.map((name): [string, PairingState] => [
    name,
    work.state.pairings.get(name) ?? { ...NEW_PAIRING, advertiseAtUs: work.nowUs },
  ]);
  change(work, { pairings: new Map(kept) });
}

/** Said once, as a router does when it revokes a key: the shell has this one no longer than until its next change. */
function part(work: Work, name: string): void {
  const lease = work.state.pairings.get(name)?.lease ?? null;
  const reason = { code: 'owner', text: 'the pairing was removed' } as const;
  const ended = lease && { ...wireLease(lease, work.nowUs), leftMs: 0 };
  if (ended || work.state.offering)
    send(work, name, null, { type: 'withdraw', reason, ...(ended && { lease: ended }) });
  if (lease) record(work, name, 'withdrawn', reason.text);
}

/** Counters of a lease that is just being disarmed come last of all, and belong into RELEASED. */
function takeUsage(work: Work, usages: ReadonlyMap<string, Usage>): void {
  for (const [name, usage] of usages) {
    const pairing = work.state.pairings.get(name);
    if (pairing?.lease) changeLease(work, name, { usage });
    else if (pairing?.ended) changePairing(work, name, { ended: { ...pairing.ended, usage } });
  }
}

/** When the shell must send a `tick` at the latest; null: time alone will change nothing. */
export function nextDeadlineUs(state: NodeState): number | null {
  let earliestUs = state.arming.retryAtUs ?? Infinity;
  for (const pairing of state.pairings.values()) {
    if (pairing.lease) earliestUs = Math.min(earliestUs, pairing.lease.endsUs);
    if (pairing.withdrawal) earliestUs = Math.min(earliestUs, pairing.withdrawal.atUs);
    if (mayAdvertise(state, pairing)) earliestUs = Math.min(earliestUs, pairing.advertiseAtUs);
  }
  return Number.isFinite(earliestUs) ? earliestUs : null;
}
