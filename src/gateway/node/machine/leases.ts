/** Giving, extending and ending leases. What is in force follows from it in arming.ts. */
import type { Lease, Reason, Request } from '../../wire/types.js';
import type { ReceivedMessage } from '../../link/types.js';
import type { NodeRecord } from '../types.js';
import { NO_SUCH_LEASE, offerObstacle, wishObstacle } from './obstacles.js';
import { NEW_LEASE, NO_USAGE, type LeaseState, type PendingRequest } from './state.js';
import { change, changePairing, record, wireLease, type Work } from './work.js';

/** How often WITHDRAW is sent, and how far apart (section 5.1). */
const WITHDRAWALS = 3;
const WITHDRAWAL_GAP_US = 100_000;

/**
 * When a lease that is asked for now would end: counted from the receipt, so that the router, which counts from when it
 * sent, gives up first.
 */
export function requestedEndUs({ nowUs, state }: Work, { atUs }: ReceivedMessage, { leftMs }: Lease): number {
  return Math.min(atUs, nowUs) + Math.min(leftMs * 1000, state.policy.maximumLeaseUs);
}

/**
 * Gives a lease, or takes what a request for the one that runs asks for. An end that was promised is never drawn nearer:
 * the router may have heard of that one last.
 * @param before the lease of this number that runs; null: none does
 */
export function keepLease(work: Work, received: ReceivedMessage, asked: Request, before: LeaseState | null): void {
  const type = received.message.type === 'renew' ? 'renew' : 'elect';
  const request: PendingRequest = { type, echo: received.header.order, origin: received.origin };
  const endsUs = Math.max(before?.endsUs ?? 0, requestedEndUs(work, received, asked.lease));
  const lease: LeaseState = {
    ...(before ?? { sinceUs: work.nowUs, contentVersion: NEW_LEASE, confirmed: false, usage: NO_USAGE }),
    router: asked.lease.router,
    number: asked.lease.number,
    role: asked.lease.role,
    want: asked.want,
    clients: asked.clients,
    path: asked.path,
    origin: received.origin,
    endsUs,
    request,
  };
  changePairing(work, received.pairing, { lease, withdrawal: null });
  if (before?.confirmed && before.role !== lease.role) {
    record(work, received.pairing, 'renewed-role', `${before.role} -> ${lease.role}`);
  }
}

/** Takes the lease from the set that shall be in force; what the router is told of it is the caller's business. */
export function endLease(work: Work, name: string, reason: Reason): LeaseState | null {
  const lease = work.state.pairings.get(name)?.lease ?? null;
  if (lease === null) return null;
  // The set changes, so this very step makes a further `apply`: the first one without it.
  const goneVersion = work.state.arming.version + 1;
  const ended = { number: lease.number, reason, goneVersion, usage: lease.usage };
  changePairing(work, name, { lease: null, ended });
  return lease;
}

/** Ends a lease on the node's own account, and tells the router so that it does not wait for the end. */
export function withdrawLease(work: Work, name: string, reason: Reason, what: NodeRecord['what'] = 'withdrawn'): void {
  const lease = endLease(work, name, reason);
  if (lease === null) return;
  withdraw(work, name, reason, { ...wireLease(lease, work.nowUs), leftMs: 0 });
  record(work, name, what, describe(reason));
}

function withdraw(work: Work, name: string, reason: Reason, lease: Lease | null): void {
  changePairing(work, name, { withdrawal: { reason, lease, left: WITHDRAWALS, atUs: work.nowUs } });
}

/** Sends the WITHDRAW that is due of this pairing, and sets the time of the next. */
export function nextWithdrawal(work: Work, name: string): { reason: Reason; lease: Lease | null } | null {
  const withdrawal = work.state.pairings.get(name)?.withdrawal;
  if (!withdrawal || withdrawal.atUs > work.nowUs) return null;
  const left = withdrawal.left - 1;
  const next = left === 0 ? null : { ...withdrawal, left, atUs: work.nowUs + WITHDRAWAL_GAP_US };
  changePairing(work, name, { withdrawal: next });
  return withdrawal;
}

export function endExpired(work: Work): void {
  for (const [name, { lease }] of work.state.pairings) {
    if (lease === null || lease.endsUs > work.nowUs) continue;
    endLease(work, name, NO_SUCH_LEASE);
    record(work, name, 'expired', 'the router did not renew it');
  }
}

/** Leases that this machine can no longer honour end, and so does the offer: everybody who knows of it is told. */
export function endHindered(work: Work): void {
  for (const [name, { lease }] of work.state.pairings) {
    const obstacle = lease && wishObstacle(work.state, lease);
    if (obstacle) withdrawLease(work, name, obstacle);
  }
  const obstacle = offerObstacle(work.state);
  if (obstacle === null) {
    if (!work.state.offering) change(work, { offering: true });
  } else if (work.state.offering !== false && work.state.condition !== null) {
    // Before the first word about the condition nothing is known that could be told.
    endOffer(work, obstacle);
  }
}

function endOffer(work: Work, obstacle: Reason): void {
  for (const [name, { withdrawal }] of work.state.pairings) {
    if (withdrawal === null) withdraw(work, name, obstacle, null);
  }
  change(work, { offering: false });
}

export function describe({ code, text }: Reason): string {
  return text === '' ? code : `${code}: ${text}`;
}
