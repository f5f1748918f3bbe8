/** ACCEPT, REFUSE, STATUS and RELEASED: only what echoes a message of ours that may still be answered. */
import type { ReceivedMessage } from '../../link/types.js';
import type { Message } from '../../wire/types.js';
import { confirm, end, endAndRest } from './lease.js';
import { endByNode } from './offer.js';
import type { HeldLease, NodeEntry, SentRequest } from './state.js';
import type { Work } from './work.js';

type Answer = Extract<Message, { type: 'accept' | 'refuse' | 'status' | 'released' }>;
type Refuse = Extract<Message, { type: 'refuse' }>;

/** Of a lease whose messages are remembered, else counted as `echo` (section 4.2). */
export function takeAnswer(work: Work, entry: NodeEntry, { origin }: ReceivedMessage, answer: Answer): void {
  const held = entry.lease;
  const request = held?.sent.find(({ order }) => order === answer.echo);
  const ours = answer.lease.router === work.policy.self && answer.lease.number === held?.number;
  if (held && request && ours) answerTo(work, entry, held, request, answer);
  else work.actions.push({ type: 'discarded', reason: 'echo', origin });
}

function answerTo(work: Work, entry: NodeEntry, held: HeldLease, request: SentRequest, answer: Answer): void {
  switch (answer.type) {
    case 'accept':
      if (entry.state !== 'releasing') confirm(work, entry, held, request, answer.lease.leftMs, answer.families);
      return;
    case 'status':
      takeStatus(work, entry, held, request, answer);
      return;
    case 'refuse':
      takeRefuse(work, entry, answer);
      return;
    case 'released':
      takeUsage(work, entry, held, answer);
      if (entry.state === 'releasing') end(work, entry, `released: ${held.reason?.text ?? 'not needed'}`);
  }
}

function takeStatus(
  work: Work,
  entry: NodeEntry,
  held: HeldLease,
  request: SentRequest,
  status: Extract<Message, { type: 'status' }>,
): void {
  takeUsage(work, entry, held, status);
  if (entry.state === 'releasing') return;
  const { backhaul, power, cost, usage } = status;
  const offer = entry.offer && {
    ...entry.offer,
    offer: { ...entry.offer.offer, backhaul, ...(power && { power }), ...(cost && { cost }) },
  };
  confirm(work, { ...entry, offer }, { ...held, usage }, request, status.lease.leftMs, status.families);
}

function takeUsage(
  work: Work,
  { pairing }: NodeEntry,
  { number }: HeldLease,
  { usage }: Pick<Extract<Answer, { type: 'released' }>, 'usage'>,
): void {
  work.actions.push({ type: 'usage', pairing, usage, leaseNumber: number });
}

function takeRefuse(work: Work, entry: NodeEntry, { reason }: Refuse): void {
  const cause = `refused (${reason.code}${reason.text === '' ? '' : `: ${reason.text}`})`;
  if (entry.state === 'releasing') end(work, entry, cause);
  else if (reason.code === 'no-such-lease') endByNode(work, entry, cause);
  else endAndRest(work, entry, cause);
}
