/** From a probe's configuration to the work of one attempt. */
import type { Clock, ProbePath } from '../../controller/ports.js';
import type { ProbeTarget } from '../../config/target-key.js';
import type { DnsProbeConfig, HttpProbeConfig, TcpProbeConfig } from '../../config/types.js';
import type { AttemptBody } from './attempt.js';
import { dnsProbe } from './dns-probe.js';
import { httpProbe } from './http-probe.js';
import type { PathConnector } from './path-connection.js';
import { tcpProbe } from './tcp-probe.js';

export function activeProbe(
  connector: PathConnector & { clock: Clock },
  path: ProbePath,
  probe: TcpProbeConfig | HttpProbeConfig | DnsProbeConfig,
  target: ProbeTarget,
): AttemptBody {
  switch (probe.type) {
    case 'tcp':
      return () => tcpProbe(connector, path, target, probe.timeoutMs);
    case 'http':
    case 'https':
      return (signal) => httpProbe(connector, path, probe, target, signal);
    case 'dns':
      return (signal) => dnsProbe(connector, path, probe, target, signal);
  }
}
