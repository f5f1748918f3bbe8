/** When ADVERTISE and WITHDRAW are sent. Both go to everybody on the link, once for each pairing. */
import type { Message, Slots } from '../../wire/types.js';
import { nextWithdrawal } from './leases.js';
import { offerObstacle } from './obstacles.js';
import { type NodeState, type PairingState } from './state.js';
import { change, changePairing, random, send, wireLease, type Work } from './work.js';

/** An interval is shortened at random by up to this part, so that many nodes don't fall into step. */
const JITTER = 1 / 4;
/** Changes are told at once, but not more often than this. */
const MINIMUM_GAP_US = 50_000;

export function announce(work: Work): void {
  hurryIfChanged(work);
  for (const name of work.state.pairings.keys()) {
    const due = nextWithdrawal(work, name);
    if (due) send(work, name, null, { type: 'withdraw', reason: due.reason, ...(due.lease && { lease: due.lease }) });
    const pairing = work.state.pairings.get(name)!;
    if (mayAdvertise(work.state, pairing) && pairing.advertiseAtUs <= work.nowUs) advertise(work, name, pairing);
  }
}

/** A WITHDRAW that is to be repeated goes first: an ADVERTISE between two of them would be forgotten at once. */
export function mayAdvertise(state: NodeState, { withdrawal }: PairingState): boolean {
  return withdrawal === null && offerObstacle(state) === null;
}

function advertise(work: Work, name: string, { lease }: PairingState): void {
  const { state, nowUs } = work;
  const intervalUs = state.policy.advertiseIntervalUs;
  const message: Message = {
    type: 'advertise',
    intervalMs: Math.ceil(intervalUs / 1000),
    ...state.condition!.offer,
    slots: slots(state),
    ...(lease?.confirmed && { lease: wireLease(lease, nowUs) }),
  };
  const advertiseAtUs = nowUs + Math.round(intervalUs * (1 - JITTER * random(work)));
  changePairing(work, name, { advertisedUs: nowUs, advertiseAtUs });
  send(work, name, null, message);
}

function hurryIfChanged(work: Work): void {
  if (offerObstacle(work.state) !== null) {
    if (work.state.announced !== null) change(work, { announced: null });
    return;
  }
  const announced = digest(work.state);
  if (announced === work.state.announced) return;
  change(work, { announced });
  for (const [name, { advertisedUs, advertiseAtUs }] of work.state.pairings) {
    const soonestUs = advertisedUs === null ? work.nowUs : Math.max(work.nowUs, advertisedUs + MINIMUM_GAP_US);
    if (soonestUs < advertiseAtUs) changePairing(work, name, { advertiseAtUs: soonestUs });
  }
}

function slots({ policy, pairings }: NodeState): Slots {
  return { total: policy.slots, used: [...pairings.values()].filter(({ lease }) => lease !== null).length };
}

/** What routers choose by. Figures that drift all the time (bytes left, per cents, round trips) are told when it is time. */
function digest(state: NodeState): string {
  const { families, name, capacity, cost, power, backhaul, path } = state.condition!.offer;
  return JSON.stringify([
    state.policy.advertiseIntervalUs,
    families,
    name,
    capacity,
    [cost?.preference, cost?.metered],
    [power?.charging, power?.batteryPercent === null],
    backhaul.map((each) => [each.family, each.state]),
    path,
    slots(state),
  ]);
}
