/**
 * XDP forwards to the uplink, the stack to the node: a stream that moves from one to the other and back. The topology is
 * in test/helpers/edge-lab.ts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GatewayEdges, KernelFib, RouteIntentTarget } from '../../../src/controller/ports.js';
import { openDataplane, type DataPlane } from '../../../src/dataplane/index.js';
import { createGatewayEdges } from '../../../src/kernel/edges/index.js';
import { createKernelFib } from '../../../src/kernel/index.js';
import { IpAddress, type Family } from '../../../src/net/ip-address.js';
import { MacAddress } from '../../../src/net/mac-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import { mountBpffs } from '../../helpers/bpffs.js';
import { ADDRESSES, EdgeLab, missing } from '../../helpers/edge-lab.js';
import { kernelConfig } from '../../helpers/kernel-config.js';
import { ifindexOf } from '../../helpers/own-netns.js';
import { until } from '../../helpers/poll.js';

const FAMILIES = [4, 6] as const;
/** One of each for both families: what XDP sends is told apart by the route's family. */
const UPLINK = 1;
const NODE = 2;
const PORTS = ['lan0', 'wan0'];
const stateDirectory = mkdtempSync(join(tmpdir(), 'detour-edges-'));
let lab: EdgeLab;
let bpffs: ReturnType<typeof mountBpffs>;
let plane: DataPlane;
let kernel: KernelFib;
let edges: GatewayEdges;

const route = (prefix: string, target: RouteIntentTarget) => ({ prefix: Prefix.parse(prefix), target });

beforeAll(async () => {
  lab = EdgeLab.build();
  kernel = await createKernelFib(kernelConfig);
  edges = createGatewayEdges({ stateDirectory, view: () => kernel.view() });
  bpffs = mountBpffs();
  plane = openDataplane({ pinPath: join(bpffs.path, 'detour'), xdpMode: 'native', maxRoutes: 64 });
  const { router, uplink } = ADDRESSES;
  const report = await plane.apply({
    forward: true,
    ports: PORTS.map((name) => ({ ifindex: ifindexOf(name), name, redirectOk: true })),
    interfaces: PORTS.map((name) => lab.interfaceIntent(name)),
    nextHops: [
      {
        id: UPLINK,
        ifindex: ifindexOf('wan0'),
        gatewayMac: MacAddress.fromBytes(lab.far.macOf('u0')),
        redirectOk: true,
      },
      {
        id: NODE,
        ifindex: ifindexOf('lan0'),
        gatewayMac: MacAddress.fromBytes(lab.node.macOf('n0')),
        redirectOk: false,
      },
    ],
    groups: [{ id: 1, tiers: [[{ nextHop: UPLINK, weight: 1 }], [{ nextHop: NODE, weight: 1 }]] }],
    routes: [
      ...['0.0.0.0/0', '::/0'].map((prefix) => route(prefix, { kind: 'group', group: 1 })),
      ...['192.0.2.0/25', '2001:db8:1::/64'].map((prefix) => route(prefix, { kind: 'fib' })),
      ...FAMILIES.flatMap((family) =>
        [router[family], uplink[family]].map((own) => route(`${own}/${family === 4 ? 32 : 128}`, { kind: 'local' })),
      ),
    ],
  });
  expect(report.problems).toEqual([]);
});

afterAll(async () => {
  await edges?.close({ keep: false });
  await kernel?.close({ keep: false });
  await plane?.close({ keep: false });
  bpffs?.unmount();
  lab?.remove();
  rmSync(stateDirectory, { recursive: true, force: true });
});

/** First the bit, then the kernel's nexthop, as the controller does. */
function move(by: 'uplink' | 'node'): void {
  plane.setLiveness([
    { nextHop: UPLINK, alive: by === 'uplink' },
    { nextHop: NODE, alive: true },
  ]);
  lab.send(by);
}

const counted = (reason: string): number => Number(plane.readReasonCounters().get(ifindexOf('lan0'))?.[reason] ?? 0n);

describe.each(FAMILIES)('IPv%i', (family: Family) => {
  it('moves to the node and back without losing a datagram or an address', async () => {
    const table = FAMILIES.map((each) => ({
      ifname: 'lan0',
      family: each,
      node: IpAddress.parse(ADDRESSES.nextHop[each]),
      translated: true,
    }));
    expect((await edges.apply(table)).problems).toEqual([]);
    const heard = await lab.echo(lab.far, ADDRESSES.far[family], 3000);
    const { returned, end } = lab.stream(lab.client, ADDRESSES.client[family], ADDRESSES.far[family], 3000);
    const before = counted('forwarded');
    for (const by of ['uplink', 'node', 'uplink', 'node', 'uplink'] as const) {
      move(by);
      const until60 = returned.size + 60;
      await until(() => returned.size > until60, { timeoutMs: 5000, what: `answers by the ${by}` });
    }
    const sent = await end();
    const senders = [...heard].sort(([a], [b]) => a - b).map(([, sender]) => sender);
    const own = ADDRESSES.client[family];
    const nodes = ADDRESSES.nodeOutside[family];
    expect(senders.filter((one, index) => one !== senders[index - 1])).toEqual([own, nodes, own, nodes, own]);
    expect([missing(heard, sent), missing(returned, sent)]).toEqual(['', '']);
    // The uplink's share went by XDP.
    expect(counted('forwarded') - before).toBeGreaterThan(100);
  });
});
