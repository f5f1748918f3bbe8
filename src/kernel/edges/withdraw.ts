/** Takes away what a controller left for its gateway nodes without coming to withdraw it: a crash, `keep_on_exit`. */
import { DetourError } from '../../errors.js';
import { NftError } from '../../nft.js';
import { createGatewayEdges } from './index.js';
import { installedMarks } from './installed.js';
import { EDGE_TABLE } from './ruleset.js';

const NOTHING = { links: new Map(), routes: [], nexthops: new Map() };

/**
 * In the network namespace of this process, and only while no controller runs there.
 * @param stateDirectory where the settings that were found are written down
 * @returns what there was, in words
 * @throws DetourError NETLINK_REFUSED when something is left
 */
export async function withdrawEdges(stateDirectory: string): Promise<string[]> {
  const hadTable = await isThere();
  const { writes, problems } = await createGatewayEdges({ stateDirectory, view: () => NOTHING }).apply([]);
  if (problems.length > 0) {
    throw new DetourError('NETLINK_REFUSED', { what: 'the withdrawal', detail: problems.join('; ') });
  }
  const settings = writes - (hadTable ? 1 : 0);
  return [
    ...(hadTable ? [`nft table ${EDGE_TABLE}`] : []),
    ...(settings > 0 ? [`${settings} settings of gateway nodes (send_redirects), which are as they were found`] : []),
  ];
}

async function isThere(): Promise<boolean> {
  try {
    return (await installedMarks()) !== null;
  } catch (error) {
    if (error instanceof NftError) return false;
    throw error;
  }
}
