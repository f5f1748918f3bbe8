/** Can a TCP connection be made? The round trip is the handshake, timed in the addon. */
import { Socket } from 'node:net';
import type { ProbePath } from '../../controller/ports.js';
import type { ProbeTarget } from '../../config/target-key.js';
import type { ProbeOutcome } from '../reporting.js';
import { type PathConnector, connectByPath } from './path-connection.js';

export async function tcpProbe(
  connector: PathConnector,
  path: ProbePath,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const { fd, connectUs } = await connectByPath(connector, 'tcp', path, target.address!, target.port!, timeoutMs);
  // A reset, not a FIN: a probe every second would otherwise fill this machine with sockets in TIME_WAIT.
  new Socket({ fd }).on('error', () => {}).resetAndDestroy();
  return { ok: true, rttUs: connectUs };
}
