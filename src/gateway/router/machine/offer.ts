/** ADVERTISE and WITHDRAW. */
import type { Origin, ReceivedMessage } from '../../link/types.js';
import { INTERVAL_RANGE_MS } from '../../wire/kinds-offer.js';
import type { Message, Offer } from '../../wire/types.js';
import { doublings } from '../election/compare.js';
import { askAnew, endAndRest, end, nextRest, renewNow, stateWithoutLease } from './lease.js';
import { isHolding, type HeldOffer, type NodeEntry } from './state.js';
import { FLAP_WINDOW_US, FLAPS, HOLD_INTERVALS, LONGEST_LEASE_US, ORIGIN_SILENT_INTERVALS } from './timers.js';
import type { Work } from './work.js';

const US_PER_MS = 1000;

type Advertise = Extract<Message, { type: 'advertise' }>;
type Withdraw = Extract<Message, { type: 'withdraw' }>;

/** @returns whether anything that matters for elections, states or timers may have changed */
export function takeAdvertise(work: Work, entry: NodeEntry, { origin }: ReceivedMessage, message: Advertise): boolean {
  const { offer: before } = entry;
  if (before !== null && !isHeardFrom(before, origin, work.nowUs)) return false;
  const held = heldOffer(work, entry, origin, message);
  const heard = work.change(entry, { offer: held });
  if (isHolding(entry) || entry.state === 'releasing') {
    const named = message.lease?.number === entry.lease?.number;
    // It no longer knows the lease, or WITHDRAW was lost: RENEW finds out.
    if (entry.state === 'elected' && !named) renewNow(work, heard);
    if (entry.state === 'electing' && named) askAnew(work, heard);
    return true;
  }
  if (entry.state === 'absent') appear(work, heard);
  return entry.state === 'absent' || !sameForElection(before, held);
}

function appear(work: Work, entry: NodeEntry): void {
  const flapping = isFlapping(entry, work.nowUs) && !(entry.rest !== null && entry.rest.untilUs > work.nowUs);
  const rested = flapping ? { ...entry, rest: nextRest(work, entry) } : entry;
  const cause = flapping ? `its offer ended ${entry.flapsUs.length} times within a minute` : 'advertises';
  work.move(rested, stateWithoutLease(rested, work.nowUs), cause);
}

/** Its messages come by each family and link that it is on: one of them is believed while it is heard. */
function isHeardFrom({ origin, atUs, intervalUs }: HeldOffer, from: Origin, nowUs: number): boolean {
  const same = origin.ifindex === from.ifindex && origin.address.equals(from.address);
  return same || nowUs - atUs > ORIGIN_SILENT_INTERVALS * intervalUs;
}

function heldOffer(work: Work, { state }: NodeEntry, origin: Origin, message: Advertise): HeldOffer {
  const { type: _type, intervalMs, lease, ...offer } = message;
  const { nowUs, policy } = work;
  const { minimum, maximum } = INTERVAL_RANGE_MS;
  const boundedMs = Math.min(Math.max(intervalMs, minimum), maximum);
  const intervalUs = boundedMs * US_PER_MS;
  const ours = lease !== undefined && lease.router === policy.self;
  return {
    offer,
    origin,
    atUs: nowUs,
    intervalUs,
    untilUs: nowUs + Math.round(HOLD_INTERVALS * intervalUs),
    lease: ours ? { number: lease.number, endsUs: nowUs + Math.min(lease.leftMs * US_PER_MS, LONGEST_LEASE_US) } : null,
    mayCountUs: state === 'electing',
  };
}

/** Two offers that no election tells apart: 500 nodes that say the same each second cost little. */
function sameForElection(before: HeldOffer | null, now: HeldOffer): boolean {
  return (
    before !== null &&
    before.lease?.number === now.lease?.number &&
    before.mayCountUs === now.mayCountUs &&
    isSameOffer(before.offer, now.offer)
  );
}

const isSameOffer = (one: Offer, other: Offer): boolean =>
  isSameList(one.families, other.families, (a, b) => a.family === b.family && a.gateway.equals(b.gateway)) &&
  isSameList(one.backhaul, other.backhaul, (a, b) => a.family === b.family && a.state === b.state) &&
  isSameList(one.path, other.path, (a, b) => a === b) &&
  doublings(one.capacity?.downKbps) === doublings(other.capacity?.downKbps) &&
  doublings(one.capacity?.upKbps) === doublings(other.capacity?.upKbps) &&
  one.cost?.preference === other.cost?.preference &&
  one.cost?.metered === other.cost?.metered &&
  (one.cost?.bytesLeft === 0n) === (other.cost?.bytesLeft === 0n) &&
  one.power?.batteryPercent === other.power?.batteryPercent &&
  one.power?.charging === other.power?.charging &&
  hasSlot(one) === hasSlot(other);

const hasSlot = ({ slots }: Offer): boolean => slots === undefined || slots.used < slots.total;

const isSameList = <T>(one: readonly T[], other: readonly T[], isSame: (a: T, b: T) => boolean): boolean =>
  one.length === other.length && one.every((each, index) => isSame(each, other[index]!));

export function takeWithdraw(work: Work, entry: NodeEntry, { reason, lease }: Withdraw): void {
  const cause = `withdrew its offer (${reason.code}${reason.text === '' ? '' : `: ${reason.text}`})`;
  const stale = entry.offer && { ...entry.offer, untilUs: work.nowUs };
  const withdrawn = countFlap(work, { ...entry, offer: stale }, (entry.offer?.untilUs ?? 0) > work.nowUs);
  if (isHolding(entry) || entry.state === 'releasing') {
    const named = lease?.router === work.policy.self && lease.number === entry.lease?.number;
    if (named) end(work, withdrawn, cause);
    else if (entry.state === 'elected') renewNow(work, withdrawn);
  } else if (entry.state === 'offered') {
    work.move(withdrawn, 'absent', cause);
  }
}

/** An offer, or a lease with it, ended by the node's doing. */
export function countFlap(work: Work, entry: NodeEntry, ended: boolean): NodeEntry {
  if (!ended) return work.put(entry);
  const recent = entry.flapsUs.filter((atUs) => work.nowUs - atUs < FLAP_WINDOW_US);
  return work.change(entry, { flapsUs: [...recent, work.nowUs].slice(-FLAPS) });
}

export const isFlapping = ({ flapsUs }: NodeEntry, nowUs: number): boolean =>
  flapsUs.filter((atUs) => nowUs - atUs < FLAP_WINDOW_US).length >= FLAPS;

/** The node says that it has no such lease, or ends it: at once again, unless it makes a habit of it. */
export function endByNode(work: Work, entry: NodeEntry, cause: string): void {
  const counted = countFlap(work, entry, true);
  if (isFlapping(counted, work.nowUs)) endAndRest(work, counted, cause);
  else end(work, counted, cause);
}
