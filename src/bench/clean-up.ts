/** What a benchmark has built is undone when it ends, in any way. */

export type Defer = (undo: () => void | Promise<void>) => void;

/** Runs something, then, also after a failure, what it has deferred: the last one first. */
export async function withCleanUp<T>(run: (defer: Defer) => Promise<T>): Promise<T> {
  const undo: Parameters<Defer>[0][] = [];
  try {
    return await run((action) => void undo.push(action));
  } finally {
    for (const action of undo.reverse()) {
      try {
        await action();
      } catch (error) {
        // What is left must still be undone.
        console.error(`bench: cleaning up: ${String(error)}`);
      }
    }
  }
}
