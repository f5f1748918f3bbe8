/** Which nodes there are pairings with, what an earlier run left, and what people say. */
import type { PersistedLease, RouterEvent } from '../types.js';
import { NOTHING_CARRIED, reasonOf, release, stateWithoutLease } from './lease.js';
import { firstAttempt, sendDue } from './send.js';
import { activeFamilies, newEntry, type HeldLease, type Terms } from './state.js';
import { LONGEST_LEASE_US } from './timers.js';
import type { Work } from './work.js';

type Pairings = Extract<RouterEvent, { type: 'pairings' }>['pairings'];
type Operator = Extract<RouterEvent, { type: 'operator' }>;

/** A node whose pairing is gone is sent one RELEASE, while the shell still has its key, and forgotten. */
export function takePairings(work: Work, pairings: Pairings): void {
  const kept = new Set(pairings.map(({ name }) => name));
  for (const entry of [...work.nodes.values()]) {
    if (kept.has(entry.pairing)) continue;
    if (entry.lease !== null) {
      release(work, entry, entry.lease, reasonOf('operator', 'the pairing has ended'));
      sendDue(work);
    }
    const last = work.entry(entry.pairing) ?? entry;
    if (last.state !== 'absent') work.move(last, 'absent', 'the pairing has ended');
    work.remove(entry.pairing);
  }
  for (const { name, peer, approved } of pairings) {
    const entry = work.entry(name);
    if (!entry) work.put(newEntry(name, peer, approved, work.nowUs));
    else work.change(entry, { approved, node: entry.lease === null ? (peer ?? entry.node) : entry.node });
  }
}

/** Leases of an earlier run that have not ended are kept, and renewed at once. */
export function restore(work: Work, leases: readonly PersistedLease[]): void {
  for (const lease of leases) restoreOne(work, lease);
}

function restoreOne(work: Work, persisted: PersistedLease): void {
  const { nowUs } = work;
  const entry = work.entry(persisted.pairing);
  const endsUs = Math.min(persisted.endsUs, nowUs + LONGEST_LEASE_US);
  if (!entry || entry.lease !== null || endsUs <= nowUs || persisted.families.length === 0) return;
  const { origin, families, wayBack, metered, node, nodeOrder, role, number } = persisted;
  const terms: Terms = { role, families: families.map(({ family }) => family), wayBack };
  const lease: HeldLease = {
    number,
    origin,
    terms,
    confirmed: terms,
    sent: [],
    activeMaybe: activeFamilies(terms),
    sinceUs: nowUs,
    endsUs,
    latestEndUs: endsUs,
    renewAtUs: nowUs,
    openUntilUs: nowUs,
    families,
    usage: NOTHING_CARRIED,
    reason: null,
  };
  // Until it is heard it offers what it has confirmed.
  const offer = {
    offer: { families: [...families], backhaul: [], path: [], cost: { preference: 0, metered, bytesLeft: null } },
    origin,
    atUs: nowUs,
    intervalUs: 0,
    untilUs: endsUs,
    lease: null,
    mayCountUs: false,
  };
  const pending = firstAttempt('renew', nowUs);
  work.move(entry, 'elected', 'kept from an earlier run', { node, nodeOrder, lease, offer, pending });
}

export function takeOperator(work: Work, { pairing, what, by }: Operator): void {
  const entry = work.entry(pairing);
  if (!entry) return;
  if (what !== 'elect') {
    work.change(entry, { operator: what === 'auto' ? null : { what, by } });
    return;
  }
  // Who asks for it by hand does not want to wait.
  const changed = work.change(entry, { operator: { what, by }, rest: null, flapsUs: [] });
  if (entry.state === 'resting') work.move(changed, stateWithoutLease(changed, work.nowUs), `asked for by ${by}`);
}
