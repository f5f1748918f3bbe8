/** Messages of routers. Whatever comes, at most an answer goes back and one lease changes: that of its pairing. */
import type { ReceivedMessage } from '../../link/types.js';
import type { DiscardReason, Lease, Order, Reason, Request } from '../../wire/types.js';
import { describe, endLease, keepLease, requestedEndUs } from './leases.js';
import { NO_SUCH_LEASE, slotObstacle, wishObstacle, type Wish } from './obstacles.js';
import type { LeaseState, NodeState, PairingState } from './state.js';
import { changePairing, newestOrder, record, send, type Work } from './work.js';

export function takeMessage(work: Work, received: ReceivedMessage): void {
  const pairing = work.state.pairings.get(received.pairing);
  const { message, header } = received;
  // The pairing was removed while the message was on its way through the shell.
  if (pairing === undefined) return discard(work, 'key', received);
  if (message.type !== 'elect' && message.type !== 'renew' && message.type !== 'release') {
    return discard(work, 'role', received);
  }
  if (!isOfThisEpoch(work.state, message.echo)) return discard(work, 'echo', received);
  if (message.lease.router !== header.sender || message.lease.number === 0n) {
    return discard(work, 'malformed', received);
  }
  switch (message.type) {
    case 'elect':
      return takeElect(work, received, message, pairing);
    case 'renew':
      return takeRenew(work, received, message, pairing);
    case 'release':
      return takeRelease(work, received, message, pairing);
  }
}

/** Who echoes an order of this epoch has heard us since we started: the message is not from before (section 4.3). */
function isOfThisEpoch(state: NodeState, echo: Order): boolean {
  return echo > BigInt(state.epoch) << 32n && echo <= newestOrder(state);
}

function discard(work: Work, reason: DiscardReason, received: ReceivedMessage): void {
  work.actions.push({ type: 'discarded', reason, origin: received.origin });
}

function takeElect(work: Work, received: ReceivedMessage, asked: Request, { lease }: PairingState): void {
  const same = lease?.number === asked.lease.number ? lease : null;
  const obstacle =
    wishObstacle(work.state, wishOf(asked)) ??
    (lease ? null : slotObstacle(work.state, received.pairing)) ??
    (same ? null : lateness(work, received, asked));
  if (obstacle) return refuse(work, received, asked.lease, obstacle, same);
  if (lease && same === null) {
    // A router has one lease at a time: it has forgotten the old one.
    endLease(work, received.pairing, NO_SUCH_LEASE);
    record(work, received.pairing, 'released', 'the router has elected anew');
  }
  keepLease(work, received, asked, same);
}

function takeRenew(work: Work, received: ReceivedMessage, asked: Request, { lease, ended }: PairingState): void {
  if (lease?.number !== asked.lease.number) {
    const reason = ended?.number === asked.lease.number ? ended.reason : NO_SUCH_LEASE;
    return refuse(work, received, asked.lease, reason, null);
  }
  const obstacle = wishObstacle(work.state, wishOf(asked));
  if (obstacle) return refuse(work, received, asked.lease, obstacle, lease);
  keepLease(work, received, asked, lease);
}

function wishOf({ lease, path, want }: Request): Wish {
  return { router: lease.router, path, want };
}

function lateness(work: Work, received: ReceivedMessage, { lease }: Request): Reason | null {
  if (requestedEndUs(work, received, lease) > work.nowUs) return null;
  return { code: 'no-such-lease', text: 'its time was over when it was read' };
}

/** @param lease that this refusal ends; null: none */
function refuse(work: Work, received: ReceivedMessage, asked: Lease, reason: Reason, lease: LeaseState | null): void {
  if (lease) endLease(work, received.pairing, reason);
  const echo = received.header.order;
  send(work, received.pairing, received.origin, { type: 'refuse', lease: { ...asked, leftMs: 0 }, echo, reason });
  record(work, received.pairing, 'refused', describe(reason));
}

function takeRelease(
  work: Work,
  received: ReceivedMessage,
  asked: { lease: Lease; reason: Reason },
  { lease }: PairingState,
): void {
  if (lease?.number === asked.lease.number) {
    endLease(work, received.pairing, NO_SUCH_LEASE);
    record(work, received.pairing, 'released', describe(asked.reason));
  }
  // Of a number that is not known, too, the answer waits for the rules of the last lease that ended.
  const afterVersion = work.state.pairings.get(received.pairing)?.ended?.goneVersion ?? 0;
  changePairing(work, received.pairing, {
    release: {
      lease: { ...asked.lease, leftMs: 0 },
      echo: received.header.order,
      origin: received.origin,
      afterVersion,
    },
  });
}
