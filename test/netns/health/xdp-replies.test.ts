/** ICMP probes whose replies are recognised, timed and consumed by the XDP program on both uplinks. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DataPlane } from '../../../src/dataplane/index.js';
import type { ProbePath } from '../../../src/controller/ports.js';
import type { Family } from '../../../src/net/ip-address.js';
import { mountBpffs } from '../../helpers/bpffs.js';
import { enterOwnNetns } from '../../helpers/own-netns.js';
import { until } from '../../helpers/poll.js';
import { icmpProbe } from '../../helpers/probe-intents.js';
import { ProbeBench } from './probe-bench.js';
import { ONLY_A, SHARED, TwoUplinks } from './two-uplinks.js';

let bpffs: ReturnType<typeof mountBpffs>;
let lab: TwoUplinks;
let plane: DataPlane;
let bench: ProbeBench;

const path = (uplink: 0 | 1, family: Family): ProbePath => ({ ...lab.path(uplink, family), xdp: true });
const counter = (name: string): number => bench.source.statistics()[name]!;
beforeAll(async () => {
  enterOwnNetns();
  bpffs = mountBpffs();
  lab = new TwoUplinks('own');
  plane = DataPlane.open({ pinPath: `${bpffs.path}/detour`, xdpMode: 'auto', maxRoutes: 16 });
  const interfaces = ([0, 1] as const).map((uplink) => {
    const { ifindex, ifname, sourceMac } = lab.path(uplink, 4);
    const forward = { 4: false, 6: false };
    return {
      ifindex,
      name: ifname,
      portIfindex: ifindex,
      vlanId: 0,
      innerVlanId: 0,
      mac: sourceMac!,
      mtu: 1500,
      forward,
      egress: true,
      rpFilter: 0,
    };
  });
  const ports = interfaces.map(({ ifindex, name }) => ({ ifindex, name, redirectOk: true }));
  const report = await plane.apply({ forward: false, ports, interfaces, nextHops: [], groups: [], routes: [] });
  expect(report.problems).toEqual([]);
});
afterAll(async () => {
  await plane?.close({ keep: false });
  lab?.close();
  bpffs?.unmount();
});
beforeEach(() => {
  bench = new ProbeBench(plane.replies);
});
afterEach(() => bench.source.close());

describe.each([4, 6] as const)('IPv%i', (family) => {
  it.each([0, 1] as const)('replies by uplink %i are taken out of the stack and reported', async (uplink) => {
    const before = lab.echoRepliesInStack();
    const probe = icmpProbe({ targets: [SHARED[family], 'gateway'], timeoutMs: 500 });
    const outcomes = await bench.outcomes(probe, path(uplink, family), 20);
    expect(new Set(outcomes)).toEqual(new Set(['ok']));
    expect(new Set(bench.samples.map(({ target }) => target))).toEqual(new Set([SHARED[family], 'gateway']));
    expect(lab.echoRepliesInStack()).toBe(before);
  });
});

it('silence is noticed, and its end', async () => {
  const ok = (wanted: boolean) => (): boolean => bench.samples.some(({ outcome }) => outcome.ok === wanted);
  bench.source.apply([bench.intent(icmpProbe({ targets: [SHARED[4]], timeoutMs: 100 }), path(0, 4))]);
  await until(ok(true), { what: 'replies' });
  lab.dropReplies('a', 'icmp type echo-reply');
  try {
    await until(ok(false), { what: 'losses' });
  } finally {
    lab.restoreReplies('a');
  }
  bench.samples.length = 0;
  await until(ok(true), { what: 'replies again' });
});

it('a genuine reply by the other uplink is recognised as such and counts as none', async () => {
  const undo = lab.crossReplies();
  try {
    const probe = icmpProbe({ targets: [ONLY_A], timeoutMs: 100 });
    const outcomes = await bench.outcomes(probe, path(0, 4), 5);
    expect(new Set(outcomes)).toEqual(new Set(['no reply within 100 ms']));
    expect(counter('icmpWrongPath')).toBeGreaterThan(0);
  } finally {
    undo();
  }
});
