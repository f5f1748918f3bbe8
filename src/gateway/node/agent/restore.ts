/** What `detour gateway restore` does: never beside an agent that runs. */
import { native } from '../../../native.js';
import { ensurePrivateDirectory } from '../../state-file.js';
import { openArming } from '../arming/index.js';
import { lockAgent } from './lock.js';

/**
 * @returns what was put back, in words; empty: there was nothing
 * @throws DetourError ALREADY_RUNNING, STATE_UNUSABLE, NOT_PERMITTED
 */
export async function restoreNode(stateDirectory: string): Promise<string[]> {
  ensurePrivateDirectory(stateDirectory);
  const unlock = lockAgent(native, { stateDirectory });
  try {
    const arming = openArming({ stateDirectory, backhaul: () => ({}), routedPrefixes: () => [] });
    const words = await arming.restore();
    await arming.close();
    return words;
  } finally {
    unlock();
  }
}
