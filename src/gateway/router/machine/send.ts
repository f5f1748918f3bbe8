/** ELECT, RENEW and RELEASE: made, sent, repeated (sections 3.3 and 7). */
import type { Prefix } from '../../../net/prefix.js';
import { MAXIMUM_CLIENTS, MAXIMUM_PATH } from '../../wire/kinds-lease.js';
import type { Message, Reason } from '../../wire/types.js';
import { activeFamilies, unique, type HeldLease, type NodeEntry, type Pending } from './state.js';
import { FIRST_REPEAT_US, LONGEST_REPEAT_US, REMEMBERED_ORDERS } from './timers.js';
import type { Work } from './work.js';

const US_PER_MS = 1000;
const UNKNOWN_REASON: Reason = { code: 'operator', text: '' };

/** Due at once; takes the place of what was being repeated. */
export const firstAttempt = (kind: Pending['kind'], nowUs: number): Pending => ({
  kind,
  attempts: 0,
  nextUs: nowUs,
  intervalUs: FIRST_REPEAT_US,
  anew: false,
});

/** Sends what is due to every node, in the order of their names in the state. */
export function sendDue(work: Work): void {
  for (const { pairing } of work.nodes.values()) {
    const entry = work.entry(pairing);
    if (entry?.pending && entry.pending.nextUs <= work.nowUs) sendPending(work, entry, entry.pending);
  }
}

function sendPending(work: Work, entry: NodeEntry, pending: Pending): void {
  const { lease, nodeOrder } = entry;
  if (lease === null || nodeOrder === null) return;
  const order = work.nextOrder();
  const { nowUs, policy } = work;
  const message =
    pending.kind === 'release' ? release(work, lease, nodeOrder) : request(work, pending.kind, lease, nodeOrder);
  work.actions.push({ type: 'send', outgoing: { pairing: entry.pairing, to: lease.origin, order, message } });
  const extending = pending.kind !== 'release';
  const endUs = nowUs + policy.leaseUs;
  work.change(entry, {
    lease: {
      ...lease,
      sent: [...lease.sent, { order, atUs: nowUs, leaseUs: policy.leaseUs, terms: lease.terms }].slice(
        -REMEMBERED_ORDERS,
      ),
      activeMaybe: unique([...lease.activeMaybe, ...activeFamilies(lease.terms)]),
      ...(extending && { latestEndUs: Math.max(lease.latestEndUs, endUs) }),
      ...(extending && entry.state === 'electing' && { endsUs: endUs }),
    },
    pending: {
      ...pending,
      attempts: pending.attempts + 1,
      nextUs: nowUs + pending.intervalUs,
      intervalUs: Math.min(pending.intervalUs * 2, LONGEST_REPEAT_US),
    },
  });
}

function request(work: Work, type: 'elect' | 'renew', lease: HeldLease, echo: bigint): Message {
  const { policy } = work;
  const { families, wayBack } = lease.terms;
  return {
    type,
    lease: leaseOnWire(work, lease, policy.leaseUs),
    echo,
    want: { families: [...families], wayBack },
    clients: distinctClients(policy.clients),
    path: unique([policy.self, ...work.state.downstream]).slice(0, MAXIMUM_PATH),
  };
}

const release = (work: Work, lease: HeldLease, echo: bigint): Message => ({
  type: 'release',
  lease: leaseOnWire(work, lease, 0),
  echo,
  reason: lease.reason ?? UNKNOWN_REASON,
});

const leaseOnWire = ({ policy: { self } }: Work, { number, terms: { role } }: HeldLease, leftUs: number) => ({
  router: self,
  number,
  role,
  leftMs: Math.round(leftUs / US_PER_MS),
});

function distinctClients(clients: readonly Prefix[]): Prefix[] {
  const byText = new Map(clients.map((prefix) => [prefix.toString(), prefix]));
  return [...byText.values()].slice(0, MAXIMUM_CLIENTS);
}
