/**
 * A node on the LAN itself that answers clients straight: the router's XDP program sends their packets out by the port
 * that they came in on. The topology is in test/helpers/edge-lab.ts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ForwardingIntent } from '../../../src/controller/ports.js';
import { openDataplane, type DataPlane } from '../../../src/dataplane/index.js';
import { MacAddress } from '../../../src/net/mac-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import { mountBpffs } from '../../helpers/bpffs.js';
import { ADDRESSES, EdgeLab, missing } from '../../helpers/edge-lab.js';
import { ifindexOf, ip } from '../../helpers/own-netns.js';
import { until } from '../../helpers/poll.js';

const NODE = 1;
const PORTS = ['lan0', 'wan0'];
let lab: EdgeLab;
let bpffs: ReturnType<typeof mountBpffs>;
let plane: DataPlane;

const forwarding = (kind: 'group' | 'fib', rpFilter: number): ForwardingIntent => ({
  forward: true,
  ports: PORTS.map((name) => ({ ifindex: ifindexOf(name), name, redirectOk: true })),
  interfaces: PORTS.map((name) => lab.interfaceIntent(name, rpFilter)),
  nextHops: [
    {
      id: NODE,
      ifindex: ifindexOf('lan0'),
      gatewayMac: MacAddress.fromBytes(lab.node.macOf('n0')),
      redirectOk: true,
    },
  ],
  groups: [{ id: 1, tiers: [[{ nextHop: NODE, weight: 1 }]] }],
  routes: ['0.0.0.0/0', '::/0'].map((prefix) => ({
    prefix: Prefix.parse(prefix),
    target: kind === 'group' ? { kind, group: 1 } : { kind },
  })),
});

beforeAll(() => {
  lab = EdgeLab.build();
  lab.serveClients();
  bpffs = mountBpffs();
  plane = openDataplane({ pinPath: join(bpffs.path, 'detour'), xdpMode: 'native', maxRoutes: 64 });
});

afterAll(async () => {
  await plane?.close({ keep: false });
  bpffs?.unmount();
  lab?.remove();
});

/** Packets that the router's stack has forwarded. */
function stackForwarded(family: 4 | 6): number {
  if (family === 6) {
    const line = readFileSync('/proc/thread-self/net/snmp6', 'utf8').match(/^Ip6OutForwDatagrams\s+(\d+)/m);
    return Number(line![1]);
  }
  const [names, values] = readFileSync('/proc/thread-self/net/snmp', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Ip:'))
    .map((line) => line.split(' '));
  return Number(values![names!.indexOf('ForwDatagrams')]);
}

const counted = (reason: string): number => Number(plane.readReasonCounters().get(ifindexOf('lan0'))?.[reason] ?? 0n);

describe.each([
  [4, 'group', 0],
  [6, 'group', 0],
  [4, 'group', 2],
  [4, 'fib', 0],
  [6, 'fib', 0],
] as const)('IPv%i, by %s, rp_filter %i', (family, kind, rpFilter) => {
  it('leaves by the port that it came in on, without the stack and without a loss', async () => {
    lab.send('node');
    // The kernel's FIB is asked for neighbours that it has resolved.
    ip(`neigh replace ${ADDRESSES.nextHop[family]} lladdr ${hex(lab.node.macOf('n0'))} dev lan0 nud permanent`);
    expect((await plane.apply(forwarding(kind, rpFilter))).problems).toEqual([]);
    plane.setLiveness([{ nextHop: NODE, alive: true }]);
    const reason = kind === 'group' ? 'forwarded' : 'forwarded-fib';
    const before = { stack: stackForwarded(family), xdp: counted(reason) };
    const port = 2000 + family * 10 + rpFilter + (kind === 'fib' ? 5 : 0);
    const heard = await lab.echo(lab.far, ADDRESSES.far[family], port);
    const { returned, end } = lab.stream(lab.client, ADDRESSES.client[family], ADDRESSES.far[family], port);
    await until(() => returned.size > 100, { timeoutMs: 10_000, what: 'answers straight from the node' });
    const sent = await end();
    expect(new Set(heard.values())).toEqual(new Set([ADDRESSES.nodeOutside[family]]));
    expect([missing(heard, sent), missing(returned, sent)]).toEqual(['', '']);
    // Outside groups the stack gets one packet in 4 s, so that the kernel goes on verifying the neighbour.
    const refreshes = kind === 'fib' ? 10 : 0;
    expect(counted(reason) - before.xdp).toBeGreaterThanOrEqual(sent - refreshes);
    expect(stackForwarded(family) - before.stack).toBeLessThanOrEqual(refreshes);
  });
});

const hex = (mac: Buffer): string => mac.toString('hex').replace(/..(?=.)/g, '$&:');
