/** For commands that change what a controller uses, without one. The addon is loaded only when they run. */

/**
 * Alone with these pins and in this network namespace for as long as `work` takes: it would attach to, or pull away,
 * what a running controller forwards with.
 * @throws DetourError NOT_PERMITTED, ALREADY_RUNNING
 */
export async function alone<T>(what: string, pinPath: string, work: () => Promise<T>): Promise<T> {
  const { requireCapabilities } = await import('../privileges.js');
  requireCapabilities(what);
  const { lockInstance } = await import('../instance-lock.js');
  const release = lockInstance(pinPath);
  try {
    return await work();
  } finally {
    release();
  }
}
