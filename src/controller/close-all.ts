import { messageOf } from '../errors.js';

/**
 * One after the other. One that fails must not leave the others in place: a program without a controller would go on
 * forwarding.
 * @throws what the first threw; AggregateError if several did
 */
export async function closeAll(closes: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of closes) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 1) throw new AggregateError(failures, failures.map(messageOf).join('; '));
  if (failures.length > 0) throw failures[0];
}
