/** How much longer to wait in `make test-vm`, whose emulated machine runs JavaScript about eight times slower. */
export const SLOWNESS = process.env['DETOUR_VM'] ? 8 : 1;

/** Bounded polling: the only way that a test waits for the world. The bound is for an ordinary, busy machine. */
export async function until<T>(
  predicate: () => T | Promise<T>,
  {
    timeoutMs = 10_000,
    everyMs = 10,
    what = 'the condition',
  }: { timeoutMs?: number; everyMs?: number; what?: string } = {},
): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
  const deadline = performance.now() + timeoutMs * SLOWNESS;
  for (;;) {
    const value = await predicate();
    if (value) return value as Exclude<T, false | null | undefined | 0 | ''>;
    if (performance.now() > deadline) throw new Error(`${what} did not come true within ${timeoutMs * SLOWNESS} ms`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
