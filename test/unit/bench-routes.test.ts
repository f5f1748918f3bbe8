import { describe, expect, it } from 'vitest';
import { ROUTES, detourRoutes, kernelRoutes } from '../../src/bench/forward-routes.js';
import { parseConfig } from '../../src/config/index.js';
import { demoConfig } from '../../src/lab/demo-config.js';
import { gatewayIpv4, gatewayIpv6 } from '../../src/lab/topology.js';

const yaml = demoConfig({ socket: '/run/b.sock', pinPath: '/sys/fs/bpf/b', extra: detourRoutes() });
const parsed = parseConfig(yaml, 'bench.yaml');
if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors));
const { config } = parsed;
const GATEWAYS = {
  primary: { 4: gatewayIpv4(0), 6: gatewayIpv6(0) },
  backup: { 4: gatewayIpv4(1), 6: gatewayIpv6(1) },
};

/** What Detour is configured to do while every uplink works, in the words of `ip route`. */
function asKernelRoutes(): string[] {
  return config.routes.map(({ prefix, target }) => {
    if (target.kind !== 'group') throw new Error(`${prefix.toString()} has no group`);
    const [tier] = config.groups.find(({ name }) => name === target.group)?.tiers ?? [];
    const uplink = tier?.[0]?.uplink as keyof typeof GATEWAYS;
    return `route add ${prefix.toString()} via ${GATEWAYS[uplink][prefix.family]}`;
  });
}

describe('the routes of the forwarding benchmark', () => {
  it('are a hundred in each family', () => {
    expect(config.routes).toHaveLength(2 * ROUTES);
  });

  it('lead both contenders to the same gateways', () => {
    // Compared as sets; the kernel writes 2001:db8:100:0::/64 otherwise.
    const canonical = (line: string): string => line.replace(':100:0::/', ':100::/');
    expect(kernelRoutes('add').map(canonical).sort()).toEqual(asKernelRoutes().sort());
  });
});
