/** Paths and probes as the controller would hand them to the telemetry source. */
import type { IcmpProbeConfig } from '../../src/config/types.js';
import type { ProbeIntent, ProbePath } from '../../src/controller/ports.js';
import { type Family, IpAddress } from '../../src/net/ip-address.js';
import { MacAddress } from '../../src/net/mac-address.js';

interface PathOptions {
  family?: Family;
  ethernet?: boolean;
  ifindex?: number;
  xdp?: boolean;
}

export function examplePath({ family = 4, ethernet = true, ifindex = 3, xdp = true }: PathOptions = {}): ProbePath {
  return {
    ifindex,
    ifname: `wan${ifindex - 3}`,
    ethernet,
    sourceMac: ethernet ? MacAddress.parse('02:00:5e:00:00:0a') : null,
    gatewayMac: ethernet ? MacAddress.parse('02:00:5e:00:00:01') : null,
    source: IpAddress.parse(family === 4 ? '192.0.2.10' : '2001:db8::10'),
    gateway: IpAddress.parse(family === 4 ? '192.0.2.1' : 'fe80::1'),
    mark: 0,
    xdp,
  };
}

export function icmpProbe(
  overrides: Partial<Omit<IcmpProbeConfig, 'targets'>> & { targets?: string[] } = {},
): IcmpProbeConfig {
  const { targets = ['198.51.100.1'], ...rest } = overrides;
  return {
    type: 'icmp',
    name: 'icmp-1',
    intervalMs: 20,
    timeoutMs: 20,
    failAfter: 3,
    recoverAfter: 3,
    windowSamples: 100,
    quorum: 1,
    limits: {},
    targets: targets.map((target) => (target === 'gateway' ? target : IpAddress.parse(target))),
    ...rest,
  };
}

export function icmpIntent(probe: IcmpProbeConfig, path: ProbePath | null = examplePath(), reason = ''): ProbeIntent {
  return { uplink: 'fibre', family: 4, probe, path, reason };
}
