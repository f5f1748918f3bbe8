/** ICMP probes on the wire: real transmitter, real echo replies, each by its own uplink whatever the main table says. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { IcmpProbeConfig } from '../../../src/config/types.js';
import { until } from '../../helpers/poll.js';
import { icmpProbe } from '../../helpers/probe-intents.js';
import { ProbeBench } from './probe-bench.js';
import { ONLY_A, SHARED, TwoUplinks, ip } from './two-uplinks.js';

let lab: TwoUplinks;
let bench: ProbeBench;

beforeAll(() => {
  lab = new TwoUplinks();
});
afterAll(() => lab?.close());
beforeEach(() => {
  bench = new ProbeBench(lab.netns);
});
afterEach(() => bench.source.close());

/** A timeout that a busy test machine keeps. */
const probe = (overrides: Partial<Omit<IcmpProbeConfig, 'targets'>> & { targets?: string[] } = {}): IcmpProbeConfig =>
  icmpProbe({ intervalMs: 20, timeoutMs: 500, ...overrides });
const answered = (): number => bench.source.statistics().icmpAnswered!;

describe.each([4, 6] as const)('IPv%i', (family) => {
  it.each([0, 1] as const)('is answered by uplink %i', async (uplink) => {
    const outcomes = await bench.outcomes(probe({ targets: [SHARED[family]] }), lab.path(uplink, family), 20);
    expect(new Set(outcomes)).toEqual(new Set(['ok']));
    expect(bench.samples.at(-1)!.window.latencyUs).toBeGreaterThan(0);
  });

  it('reaches the gateway itself', async () => {
    const outcomes = await bench.outcomes(probe({ targets: ['gateway'] }), lab.path(0, family), 5);
    expect(new Set(outcomes)).toEqual(new Set(['ok']));
    expect(bench.samples[0]!.target).toBe('gateway');
  });

  it('notices the silence of one uplink only on that one, and its end', async () => {
    const config = probe({ targets: [SHARED[family]], timeoutMs: 100 });
    const count = (uplink: string, ok: boolean): number =>
      bench.samples.filter((sample) => sample.uplink === uplink && sample.outcome.ok === ok).length;
    bench.source.apply([
      bench.intent(config, lab.path(0, family), 'a'),
      bench.intent(config, lab.path(1, family), 'b'),
    ]);
    await until(() => count('a', true) > 10 && count('b', true) > 10, { what: 'replies by both' });
    lab.dropReplies('a', family === 4 ? 'icmp type echo-reply' : 'icmpv6 type echo-reply');
    try {
      bench.samples.length = 0;
      await until(() => count('a', false) >= 5, { what: 'losses by a' });
      expect(count('b', true)).toBeGreaterThan(0);
      expect(bench.samples.find(({ outcome }) => !outcome.ok)!.outcome).toEqual({
        ok: false,
        cause: 'no reply within 100 ms',
      });
    } finally {
      lab.restoreReplies('a');
    }
    bench.samples.length = 0;
    await until(() => count('a', true) >= 3, { what: 'replies by a again' });
  });
});

describe('the exact path', () => {
  it('is what counts: a reply that comes back by the other uplink is none', async () => {
    const undo = lab.crossReplies();
    try {
      const before = lab.echoRepliesInStack();
      const config = probe({ targets: [ONLY_A], timeoutMs: 100 });
      const outcomes = await bench.outcomes(config, lab.path(0, 4), 5);
      expect(new Set(outcomes)).toEqual(new Set(['no reply within 100 ms']));
      // They did come.
      expect(lab.echoRepliesInStack()).toBeGreaterThan(before);
    } finally {
      undo();
    }
    expect(new Set(await bench.outcomes(probe({ targets: [ONLY_A] }), lab.path(0, 4), 5))).toEqual(new Set(['ok']));
  });
});

describe('an interface', () => {
  it('that is down is named as the cause', async () => {
    bench.source.apply([bench.intent(probe({ targets: [SHARED[4]] }), lab.path(0, 4))]);
    await until(() => answered() > 3, { what: 'replies' });
    ip(lab.router, 'link set wan0 down');
    try {
      const isNamed = (): boolean =>
        bench.samples.some(({ outcome }) => !outcome.ok && outcome.cause === 'send failed: ENETDOWN');
      await until(isNamed, { what: 'ENETDOWN as a cause' });
    } finally {
      ip(lab.router, 'link set wan0 up');
      ip(lab.router, 'route add default via 192.0.2.1 dev wan0 table 101');
    }
    const before = answered();
    await until(() => answered() > before + 3, { what: 'replies again' });
  });

  it('that does not exist gives losses which say so, and no exception', async () => {
    const path = { ...lab.path(0, 4), ifindex: 9999, ifname: 'wan9' };
    const outcomes = await bench.outcomes(probe({ targets: [SHARED[4]] }), path, 2);
    expect(outcomes[0]).toMatch(/wan9: ENODEV|ENODEV|ENXIO/);
  });
});

it('a busy controller declares nothing lost', async () => {
  bench.source.apply([bench.intent(probe({ targets: [SHARED[4]], timeoutMs: 60 }), lab.path(0, 4))]);
  await until(() => answered() > 5, { what: 'replies' });
  bench.samples.length = 0;
  const stalledUntil = performance.now() + 200;
  while (performance.now() < stalledUntil);
  await bench.enough(15);
  expect(bench.samples.filter(({ outcome }) => !outcome.ok)).toEqual([]);
});
