/** Follows the live events of a controller across losses of the connection, also across its restarts. */
import { DetourError } from '../errors.js';
import type { ApiClient } from './client.js';
import { pause } from './interrupt.js';
import { SseParser, type ServerSentEvent } from './sse.js';

const RETRY_MS = 1000;

export interface FollowHandlers {
  onMessage: (message: ServerSentEvent) => void;
  /** The connection is gone; it is tried again. Called once for each loss. */
  onLost: () => void;
}

/**
 * Ends when the signal aborts.
 * @param after cursor of the last entry already seen, as the API gives it
 * @throws DetourError when the first connection fails, or when the API refuses a later one
 */
export async function follow(
  client: ApiClient,
  after: string,
  { onMessage, onLost }: FollowHandlers,
  signal: AbortSignal,
): Promise<void> {
  let cursor = after;
  let everConnected = false;
  let connected = false;
  while (!signal.aborted) {
    try {
      const stream = await client.stream('/v1/events', { 'last-event-id': cursor }, signal);
      everConnected = connected = true;
      const parser = new SseParser();
      for await (const chunk of stream as AsyncIterable<string>) {
        for (const message of parser.push(chunk)) {
          cursor = message.id ?? cursor;
          onMessage(message);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!everConnected || !isConnectionLoss(error)) throw error;
    }
    if (signal.aborted) return;
    if (connected) onLost();
    connected = false;
    await pause(RETRY_MS, signal);
  }
}

/** NOT_RUNNING while it restarts, 503 while it is busy, or the bare error of a connection that broke. */
function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof DetourError)) return (error as NodeJS.ErrnoException).code !== undefined;
  return error.status === 503 || (error.code === 'INTERNAL' && error.cause !== undefined);
}
