/** One step while it is being made: the state so far, and the actions in order. Lives no longer than the step. */
import type { Origin } from '../../link/types.js';
import type { Lease, Message, Order } from '../../wire/types.js';
import type { NodeAction, NodeRecord } from '../types.js';
import type { LeaseState, NodeState, PairingState } from './state.js';

export interface Work {
  readonly nowUs: number;
  state: NodeState;
  readonly actions: NodeAction[];
}

export function change(work: Work, changes: Partial<NodeState>): void {
  work.state = { ...work.state, ...changes };
}

/** @param name of a pairing that exists; otherwise nothing happens */
export function changePairing(work: Work, name: string, changes: Partial<PairingState>): void {
  const before = work.state.pairings.get(name);
  if (before === undefined) return;
  change(work, { pairings: new Map(work.state.pairings).set(name, { ...before, ...changes }) });
}

/** @param name of a pairing with a lease; otherwise nothing happens */
export function changeLease(work: Work, name: string, changes: Partial<LeaseState>): void {
  const lease = work.state.pairings.get(name)?.lease;
  if (lease) changePairing(work, name, { lease: { ...lease, ...changes } });
}

/** The order of the newest message that this machine has sent. */
export function newestOrder({ epoch, sequence }: NodeState): Order {
  return (BigInt(epoch) << 32n) + BigInt(sequence);
}

/** Sends with an order of its own: a repetition is a new message (section 7). */
export function send(work: Work, pairing: string, to: Origin | null, message: Message): void {
  change(work, { sequence: work.state.sequence + 1 });
  work.actions.push({ type: 'send', outgoing: { pairing, to, order: newestOrder(work.state), message } });
}

export function record(work: Work, pairing: string | null, what: NodeRecord['what'], cause: string): void {
  work.actions.push({ type: 'record', record: { pairing, what, cause, atUs: work.nowUs } });
}

/** The lease as messages carry it, with what is left of it now. */
export function wireLease({ router, number, role, endsUs }: LeaseState, nowUs: number): Lease {
  return { router, number, role, leftMs: Math.max(0, Math.floor((endsUs - nowUs) / 1000)) };
}

/** @returns a fraction, 0 <= x < 1, from the state's own generator (mulberry32) */
export function random(work: Work): number {
  const seed = (work.state.random + 0x6d2b79f5) >>> 0;
  change(work, { random: seed });
  let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
