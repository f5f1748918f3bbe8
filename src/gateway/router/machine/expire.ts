/** What time alone does: offers, leases, attempts and rests end. */
import { isElectable } from '../election/exclusion.js';
import { endAndRest, end, lose, reasonOf, renewNow, stateWithoutLease } from './lease.js';
import { countFlap } from './offer.js';
import { isHolding, type HeldLease, type NodeEntry, type RouterState } from './state.js';
import { ELECT_ATTEMPTS, ELECT_ATTEMPTS_WITH_ALTERNATIVE, PATH_FAILS_AFTER_US } from './timers.js';
import type { Work } from './work.js';

const US_PER_SECOND = 1_000_000;

/** All nodes. */
export function expire(work: Work): void {
  for (const { pairing } of [...work.nodes.values()]) {
    const entry = work.entry(pairing);
    if (entry) expireEntry(work, entry);
  }
}

function expireEntry(work: Work, entry: NodeEntry): void {
  const { state, lease } = entry;
  if (lease !== null && state === 'releasing') expireReleasing(work, entry, lease);
  else if (lease !== null && state === 'electing') expireElecting(work, entry);
  else if (lease !== null && isHolding(entry)) expireElected(work, entry, lease);
  else if (state === 'resting' || state === 'offered') expireOffer(work, entry);
}

function expireReleasing(work: Work, entry: NodeEntry, { latestEndUs }: HeldLease): void {
  if (work.nowUs >= latestEndUs) end(work, entry, 'the lease has ended, RELEASE was not answered');
}

function expireElecting(work: Work, entry: NodeEntry): void {
  const { pending } = entry;
  if (pending === null || work.nowUs < pending.nextUs || pending.attempts < attemptsOf(work.state, entry)) return;
  lose(work, entry, reasonOf('path-fails', `${pending.attempts} messages were not answered`));
}

/** A node that does not answer is given up sooner while there is another. */
function attemptsOf(state: RouterState, { pairing }: NodeEntry): number {
  for (const other of state.nodes.values()) {
    if (other.pairing !== pairing && other.state === 'offered' && isElectable(state, other)) {
      return ELECT_ATTEMPTS_WITH_ALTERNATIVE;
    }
  }
  return ELECT_ATTEMPTS;
}

function expireElected(work: Work, entry: NodeEntry, { endsUs, renewAtUs }: HeldLease): void {
  const { nowUs } = work;
  if (nowUs >= endsUs) {
    endAndRest(work, entry, 'the lease has ended, RENEW was not answered');
  } else if (entry.badSinceUs !== null && nowUs - entry.badSinceUs >= PATH_FAILS_AFTER_US) {
    lose(work, entry, reasonOf('path-fails', pathCause(entry)));
  } else if (nowUs >= renewAtUs) {
    renewNow(work, entry);
  }
}

function pathCause({ measured }: NodeEntry): string {
  const bad = measured.filter(({ state }) => state === 'bad').map(({ family, detail }) => `IPv${family} ${detail}`);
  return `path bad for ${PATH_FAILS_AFTER_US / US_PER_SECOND} s: ${bad.join(', ')}`;
}

function expireOffer(work: Work, entry: NodeEntry): void {
  const next = stateWithoutLease(entry, work.nowUs);
  if (next === entry.state) return;
  if (next === 'absent') {
    // A rest that ends finds an offer that ended long ago: that was counted then, if at all.
    const counted = countFlap(work, entry, entry.state === 'offered');
    work.move(counted, 'absent', 'no advertisement within the hold time');
  } else {
    work.move(entry, next, next === 'offered' ? 'the rest is over' : entry.cause);
  }
}
