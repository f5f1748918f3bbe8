/**
 * The router's decision: `step(state, event, nowUs) -> { state, actions }`. Pure; the given state is not touched.
 *
 * An event is taken in, then time is: what has ended ends; then the plan is made and carried out, and what is due is sent.
 * Most messages are advertisements that say what they said before: they only move the hold time.
 */
import type { ReceivedMessage } from '../../link/types.js';
import type { Reason } from '../../wire/types.js';
import { measuredState } from '../election/exclusion.js';
import type { MeasuredPath, RouterAction, RouterEvent } from '../types.js';
import { takeAnswer } from './answers.js';
import { deadlineOf } from './deadline.js';
import { expire } from './expire.js';
import { letGo, release } from './lease.js';
import { takeAdvertise, takeWithdraw } from './offer.js';
import { tell } from './outputs.js';
import { restore, takeOperator, takePairings } from './pairings.js';
import { reconcile } from './reconcile.js';
import { sendDue } from './send.js';
import { isHolding, type RouterState } from './state.js';
import { Work } from './work.js';

export interface RouterStep {
  state: RouterState;
  actions: RouterAction[];
}

/**
 * @param event about a pairing that there is not: ignored
 * @param nowUs monotonic microseconds; never less than in the step before
 * @returns the next state, and what to do, in order
 */
export function step(state: RouterState, event: RouterEvent, nowUs: number): RouterStep {
  const work = new Work(state, nowUs);
  const matters = take(work, event);
  if (matters) settle(work);
  return { state: work.state, actions: work.actions };
}

/** When the shell must send a `tick` at the latest; null: time alone will change nothing. */
export function nextDeadlineUs(state: RouterState): number | null {
  return state.deadlineUs;
}

function settle(work: Work): void {
  judgePaths(work);
  expire(work);
  reconcile(work);
  sendDue(work);
  tell(work);
  work.set({ deadlineUs: deadlineOf(work.state, work.nowUs) });
}

/** @returns false: nothing but the time of an advertisement has changed */
function take(work: Work, event: RouterEvent): boolean {
  switch (event.type) {
    case 'configure':
      work.set({ policy: event.policy });
      return true;
    case 'pairings':
      takePairings(work, event.pairings);
      return true;
    case 'restore':
      restore(work, event.leases);
      return true;
    case 'message':
      return takeMessage(work, event.received);
    case 'need':
      work.set({ need: event.need });
      return true;
    case 'measured':
      takeMeasured(work, event.pairing, event.paths);
      return true;
    case 'budget': {
      const entry = work.entry(event.pairing);
      if (entry) work.change(entry, { budgetExhausted: event.exhausted });
      return true;
    }
    case 'preference':
      work.set({ preference: event.order });
      return true;
    case 'downstream':
      work.set({ downstream: event.routers });
      return true;
    case 'left':
      takeLeft(work, event.pairing);
      return true;
    case 'operator':
      takeOperator(work, event);
      return true;
    case 'tick':
      return true;
    case 'stop':
      if (!work.stopped) stop(work, event.reason);
      return true;
  }
}

function takeMessage(work: Work, received: ReceivedMessage): boolean {
  const { header, message, pairing } = received;
  const known = work.entry(pairing);
  // A second machine with the same key does not speak for the one that holds the lease.
  if (!known || (work.stopped && message.type === 'advertise')) return false;
  if (known.lease !== null && known.node !== null && header.sender !== known.node) return false;
  const nodeOrder = known.nodeOrder !== null && known.nodeOrder > header.order ? known.nodeOrder : header.order;
  const entry = work.change(known, { node: header.sender, nodeOrder, lastHeardUs: work.nowUs });
  switch (message.type) {
    case 'advertise':
      return takeAdvertise(work, entry, received, message);
    case 'withdraw':
      takeWithdraw(work, entry, message);
      return true;
    case 'accept':
    case 'refuse':
    case 'status':
    case 'released':
      takeAnswer(work, entry, received, message);
      return true;
    case 'elect':
    case 'renew':
    case 'release':
      return false;
  }
}

function takeMeasured(work: Work, pairing: string, measured: readonly MeasuredPath[]): void {
  const entry = work.entry(pairing);
  if (entry?.state === 'elected' || entry?.state === 'leaving') work.change(entry, { measured });
}

/** Since when every family that is asked of an elected node is bad. */
function judgePaths(work: Work): void {
  for (const entry of [...work.nodes.values()]) {
    const { lease, state } = entry;
    if (lease === null || (state !== 'elected' && state !== 'leaving')) continue;
    const bad = lease.terms.families.every((family) => measuredState(entry, family) === 'bad');
    const badSinceUs = bad ? (entry.badSinceUs ?? work.nowUs) : null;
    if (badSinceUs !== entry.badSinceUs) work.change(entry, { badSinceUs });
  }
}

function takeLeft(work: Work, pairing: string): void {
  const entry = work.entry(pairing);
  const reason = entry?.lease?.reason;
  if (entry?.state === 'leaving' && entry.lease && reason) letGo(work, entry, entry.lease, reason);
}

function stop(work: Work, reason: Reason): void {
  for (const entry of [...work.nodes.values()]) {
    if (entry.lease !== null && isHolding(entry)) release(work, entry, entry.lease, reason);
  }
  work.set({ stopped: true });
}
