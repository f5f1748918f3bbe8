/**
 * One attempt of an active probe, with a deadline that a stalled event loop cannot fake: when the timer fires, what the
 * kernel already holds for the sockets is read first, and if the timer itself fired late there is no verdict at all.
 */
import type { Clock } from '../../controller/ports.js';
import type { ProbeOutcome } from '../reporting.js';
import { failureText, isTimeout } from './failure-text.js';

/** Does the work; rejects or resolves. `signal` aborts it: it must then free what it holds. */
export type AttemptBody = (signal: AbortSignal) => Promise<ProbeOutcome>;

/** The event loop was late by more than this: the attempt says nothing. */
const STALL_US = 50_000;

/** @returns null: the process stalled meanwhile, no verdict */
export async function attempt(clock: Clock, timeoutMs: number, body: AttemptBody): Promise<ProbeOutcome | null> {
  const abort = new AbortController();
  const dueUs = clock.nowUs() + timeoutMs * 1000;
  const timedOut: ProbeOutcome = { ok: false, cause: `no answer within ${timeoutMs} ms` };
  let cancelTimer = (): void => {};
  const deadline = new Promise<ProbeOutcome | null>((resolve) => {
    cancelTimer = clock.at(dueUs, () => {
      const stalled = clock.nowUs() - dueUs > STALL_US;
      afterPoll(() => resolve(stalled ? null : timedOut));
    });
  });
  try {
    return await Promise.race([body(abort.signal).catch((error: unknown) => failed(error, timedOut)), deadline]);
  } finally {
    cancelTimer();
    abort.abort();
  }
}

function failed(error: unknown, timedOut: ProbeOutcome): ProbeOutcome {
  return isTimeout(error) ? timedOut : { ok: false, cause: failureText(error) };
}

/** Two turns: one in which the sockets are read, one in which what was read works its way through the streams. */
function afterPoll(callback: () => void): void {
  setImmediate(() => setImmediate(callback));
}
