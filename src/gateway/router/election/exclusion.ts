/** Who cannot be elected, whatever the order; docs/gateway-protocol.md, section 6.1. */
import type { Family } from '../../../net/ip-address.js';
import type { ReasonCode } from '../../wire/types.js';
import type { HeldOffer, NodeEntry, RouterState } from '../machine/state.js';
import type { MeasuredPath } from '../types.js';

export interface Exclusion {
  /** The rest of "cannot be elected: ...". */
  why: string;
  /**
   * It still carries traffic as well as before: where it is elected it stays until another one is found good. Otherwise
   * traffic leaves at once.
   */
  soft: boolean;
  /** What RELEASE says, where it is elected. */
  code: ReasonCode;
}

const hard = (code: ReasonCode, why: string): Exclusion => ({ code, why, soft: false });
const soft = (code: ReasonCode, why: string): Exclusion => ({ code, why, soft: true });

/** @returns null: it can be elected, as far as the node itself is concerned */
export function exclusionOf(state: RouterState, entry: NodeEntry): Exclusion | null {
  return (
    personExclusion(state, entry) ?? stateExclusion(entry) ?? loopExclusion(state, entry) ?? costExclusion(state, entry)
  );
}

export const isElectable = (state: RouterState, entry: NodeEntry): boolean => exclusionOf(state, entry) === null;

function personExclusion({ policy }: RouterState, { approved, operator }: NodeEntry): Exclusion | null {
  if (operator?.what === 'release') return hard('operator', `released by ${operator.by}`);
  return policy.approval === 'manual' && !approved ? hard('operator', 'nobody has approved it') : null;
}

function stateExclusion({ state, cause, offer, lease }: NodeEntry): Exclusion | null {
  if (state === 'resting') return hard('path-fails', `rests: ${cause}`);
  if (state === 'releasing') return hard('path-fails', 'waits for RELEASED');
  if (offer === null || state === 'absent') return hard('path-fails', 'not heard');
  if (offer.offer.families.length === 0) return hard('nothing-offered', 'offers no family');
  const { slots } = offer.offer;
  const isFull =
    slots !== undefined && lease === null && offer.lease === null && slots.used - ownSlots(offer) >= slots.total;
  return isFull ? hard('busy', `no slot is free (${slots.used} of ${slots.total})`) : null;
}

/** What it said while it was asked, and we have since given back or never had. */
const ownSlots = ({ mayCountUs }: HeldOffer): number => (mayCountUs ? 1 : 0);

/** Its traffic would come back here: it leaves through this router, or through one that this router serves. */
function loopExclusion({ policy, downstream }: RouterState, { offer, node }: NodeEntry): Exclusion | null {
  const ours = new Set([policy.self, ...downstream]);
  const passes = offer?.offer.path.find((id) => ours.has(id));
  if (passes !== undefined)
    return hard('loop', `a loop: its traffic passes ${passes === policy.self ? 'this router' : passes}`);
  return node !== null && downstream.includes(node) ? hard('loop', 'a loop: this router serves it') : null;
}

function costExclusion({ policy }: RouterState, entry: NodeEntry): Exclusion | null {
  const { cost, power } = entry.offer?.offer ?? {};
  if (policy.metered === 'never' && cost?.metered) return soft('operator', 'metered');
  if (entry.budgetExhausted) return soft('budget', 'the byte budget is used up');
  if (cost?.bytesLeft === 0n) return soft('budget', 'it may carry no more bytes');
  const percent = power?.batteryPercent ?? null;
  if (percent !== null && !power?.charging && percent < policy.minimumBatteryPercent) {
    return soft('battery', `battery at ${percent} %, at least ${policy.minimumBatteryPercent} % is asked for`);
  }
  return null;
}

/** Families that it offers. */
export const offeredFamilies = ({ offer }: NodeEntry): Family[] =>
  offer?.offer.families.map(({ family }) => family) ?? [];

export const measuredState = (entry: NodeEntry, family: Family): MeasuredPath['state'] =>
  entry.measured.find((path) => path.family === family)?.state ?? 'unknown';

/** Elected, and found to work by this router's own probes. */
export const isProved = (entry: NodeEntry, family: Family): boolean =>
  entry.state === 'elected' &&
  measuredState(entry, family) === 'good' &&
  entry.lease?.families.some((offered) => offered.family === family) === true;
