/**
 * Does the resolver answer by this path? Any well-formed answer to our question that a working resolver gives counts,
 * also NXDOMAIN: what is asked is the path and the resolver, not the name.
 */
import { randomInt } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { adoptUdp } from '../../connected-udp.js';
import type { Clock, ProbePath } from '../../controller/ports.js';
import type { ProbeTarget } from '../../config/target-key.js';
import type { DnsProbeConfig } from '../../config/types.js';
import type { ProbeOutcome } from '../reporting.js';
import { encodeQuery, readResponse } from './dns-codec.js';
import { type PathConnector, connectByPath } from './path-connection.js';

const HEALTHY_RCODES: ReadonlySet<string> = new Set(['NOERROR', 'NXDOMAIN']);

export async function dnsProbe(
  connector: PathConnector & { clock: Clock },
  path: ProbePath,
  probe: DnsProbeConfig,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const { clock } = connector;
  const query = encodeQuery(randomInt(0x10000), probe.query, probe.queryType);
  const address = target.address!;
  const { fd } = await connectByPath(connector, 'udp', path, address, target.port!, probe.timeoutMs);
  // The id is random and the port is the kernel's random choice: an answer from elsewhere does not match.
  const { socket, send } = await adoptUdp(fd, address.family);
  try {
    signal.throwIfAborted();
    const startUs = clock.nowUs();
    const answer = firstAnswer(socket, query, signal);
    const [outcome] = await Promise.all([answer, send(query)]);
    return outcome.ok ? { ok: true, rttUs: clock.nowUs() - startUs } : outcome;
  } finally {
    socket.close();
  }
}

function firstAnswer(
  socket: Socket,
  query: Uint8Array,
  signal: AbortSignal,
): Promise<{ ok: true } | { ok: false; cause: string }> {
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    socket.on('message', (message) => {
      const verdict = readResponse(query, message);
      if (verdict.kind === 'unrelated') return;
      if (verdict.kind === 'malformed') resolve({ ok: false, cause: `malformed DNS answer: ${verdict.detail}` });
      else if (HEALTHY_RCODES.has(verdict.rcode)) resolve({ ok: true });
      else resolve({ ok: false, cause: `DNS ${verdict.rcode}` });
    });
  });
}
