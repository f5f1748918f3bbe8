/** Which next hop a flow takes: by weight, by its hash alone, and what happens to it when members die. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flowHash, type Flow } from '../helpers/bpf/flow-hash.js';
import {
  addInterface,
  addNextHop,
  neighbourMac,
  RouteKind,
  SETTINGS_FORWARD,
  v4,
  v6,
} from '../helpers/bpf/little-router.js';
import { Random } from '../helpers/bpf/random.js';
import { scapyFrames } from '../helpers/bpf/scapy.js';
import { selectOracle, type OracleTier } from '../helpers/bpf/select-oracle.js';
import { TestRouter } from '../helpers/bpf/test-router.js';

const SEED = 0xfeedbeef;
const GROUP = 1;
const MEMBERS = 20;
const everybody = Array.from({ length: MEMBERS }, (_, i) => i + 1);

let router: TestRouter;
let template4: Buffer;
let template6: Buffer;

beforeAll(() => {
  [template4, template6] = scapyFrames([
    `E/IP(src='203.0.113.1', dst='198.51.100.1')/UDP(chksum=0)`,
    `E/IPv6(src='2001:db8:f::1', dst='2001:db8:1::1')/UDP(chksum=0)`,
  ]) as [Buffer, Buffer];
  router = new TestRouter();
  router.settings(SETTINGS_FORWARD, [0n, 0n], SEED);
  addInterface(router, { ifindex: 1, slot: 1 });
  router.set('tx_ports', 0, 1);
  for (const id of everybody) addNextHop(router, id);
  router.route(4, v4('198.51.100.0'), 24, RouteKind.group, GROUP);
  router.route(6, v6(0x2001, 0xdb8, 1), 48, RouteKind.group, GROUP);
});
afterAll(() => router.close());

/** A packet of the flow with these ports. */
function packetOf(family: 4 | 6, sourcePort: number, destinationPort = 4000): { frame: Buffer; flow: Flow } {
  const frame = Buffer.from(family === 4 ? template4 : template6);
  const l4 = family === 4 ? 34 : 54;
  frame.writeUInt16BE(sourcePort, l4);
  frame.writeUInt16BE(destinationPort, l4 + 2);
  const [source, destination, end] = family === 4 ? [26, 30, 34] : [22, 38, 54];
  return {
    frame,
    flow: {
      family,
      source: frame.subarray(source, destination),
      destination: frame.subarray(destination, end),
      protocol: 17,
      ports: frame.subarray(l4, l4 + 4),
    },
  };
}

/** The next hop that the packet took, by the MAC it left with; null: to the stack. */
function send(frame: Buffer): { id: number; rerouted: boolean } | null {
  const result = router.run(frame);
  if (result.verdict !== 'REDIRECT') {
    expect(result.reasons).toEqual({ '1:NO_LIVE_MEMBER': 1 });
    return null;
  }
  const id = result.frame[5] as number;
  expect(result.frame.subarray(0, 6).toString('hex')).toBe(neighbourMac(id).replaceAll(':', ''));
  expect(result.reasons).toEqual({ '1:FORWARDED': 1, ...('1:REROUTED' in result.reasons ? { '1:REROUTED': 1 } : {}) });
  return { id, rerouted: '1:REROUTED' in result.reasons };
}

/** Writes tiers to the maps, their buckets one behind the other. */
function publish(tiers: readonly OracleTier[]): void {
  let base = 0;
  router.group(
    GROUP,
    tiers.map(({ members, buckets }) => {
      buckets.forEach((id, i) => router.set('buckets', base + i, id));
      const tier = { members: [...members], bucketBase: base, bucketMask: Math.max(0, buckets.length - 1) };
      base += buckets.length;
      return tier;
    }),
  );
}

/** Buckets in proportion to the weights, members taking turns. */
function bucketsOf(weights: Record<number, number>): number[] {
  return Object.entries(weights).flatMap(([id, weight]) => Array<number>(weight).fill(Number(id)));
}

function ports(count: number): number[] {
  return Array.from({ length: count }, (_, i) => 10_000 + i);
}

describe('a healthy group', () => {
  it('spreads flows by weight, IPv4 and IPv6', () => {
    publish([{ members: [1, 2, 3], buckets: bucketsOf({ 1: 8, 2: 16, 3: 40 }) }]);
    router.alive(everybody);
    for (const family of [4, 6] as const) {
      const counts = new Map<number, number>();
      for (const port of ports(4000)) {
        const { id } = send(packetOf(family, port).frame) ?? { id: 0 };
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      // Expected 500, 1000, 2500; four standard deviations are 84, 110 and 123.
      expect(Math.abs((counts.get(1) ?? 0) - 500)).toBeLessThan(84);
      expect(Math.abs((counts.get(2) ?? 0) - 1000)).toBeLessThan(110);
      expect(Math.abs((counts.get(3) ?? 0) - 2500)).toBeLessThan(123);
    }
  });

  it('keeps all packets of a flow together, and all fragments of a packet', () => {
    publish([{ members: [1, 2], buckets: bucketsOf({ 1: 8, 2: 8 }) }]);
    router.alive(everybody);
    const fragments = scapyFrames(
      [
        `flags='MF', frag=0, proto=17)/UDP(sport=1, dport=2)/Raw(b'x'*16)`,
        `flags='MF', frag=3, proto=17)/Raw(b'y'*16)`,
        `frag=5, proto=17)/Raw(b'z'*3)`,
      ].flatMap((rest) => ports(20).map((n) => `E/IP(src='203.0.113.${n - 9999}', dst='198.51.100.1', id=7, ${rest}`)),
    );
    const taken = fragments.map((frame) => send(frame)?.id);
    for (let host = 0; host < 20; host++) {
      expect(new Set([taken[host], taken[host + 20], taken[host + 40]]).size).toBe(1);
    }
    expect(new Set(taken).size).toBe(2);
    const fragments6 = scapyFrames(
      [`offset=0, m=1, id=9)/UDP()/Raw(b'x'*16)`, `offset=3, m=0, id=9, nh=17)/Raw(b'z'*3)`].flatMap((rest) =>
        ports(20).map((n) => `E/IPv6(src='2001:db8:f::${n - 9999}', dst='2001:db8:1::1')/IPv6ExtHdrFragment(${rest}`),
      ),
    );
    const taken6 = fragments6.map((frame) => send(frame)?.id);
    for (let host = 0; host < 20; host++) expect(taken6[host]).toBe(taken6[host + 20]);
    expect(new Set(taken6).size).toBe(2);
  });

  it('finds the ports behind destination options', () => {
    publish([{ members: [1, 2], buckets: bucketsOf({ 1: 8, 2: 8 }) }]);
    router.alive(everybody);
    const frames = scapyFrames(
      ports(30).flatMap((port) =>
        ['', 'IPv6ExtHdrDestOpt()/'].map(
          (extra) => `E/IPv6(src='2001:db8:f::1', dst='2001:db8:1::1')/${extra}UDP(sport=${port}, dport=9)`,
        ),
      ),
    );
    const taken = frames.map((frame) => send(frame)?.id);
    for (let i = 0; i < taken.length; i += 2) expect(taken[i]).toBe(taken[i + 1]);
    expect(new Set(taken).size).toBe(2);
  });

  it('does not take Ethernet padding for ports', () => {
    publish([{ members: [1, 2], buckets: bucketsOf({ 1: 8, 2: 8 }) }]);
    router.alive(everybody);
    const [bare] = scapyFrames([`E/IP(src='203.0.113.1', dst='198.51.100.1', proto=17)/Raw(b'')`]) as [Buffer];
    const taken = ports(30).map((port) => send(Buffer.concat([bare, Buffer.alloc(26, port & 255)]))?.id);
    expect(new Set(taken).size).toBe(1);
  });

  it('moves about half of the flows of two members when the seed changes, so that the seed counts', () => {
    publish([{ members: [1, 2], buckets: bucketsOf({ 1: 8, 2: 8 }) }]);
    router.alive(everybody);
    const before = ports(400).map((port) => send(packetOf(4, port).frame)?.id);
    router.settings(SETTINGS_FORWARD, [0n, 0n], SEED + 1);
    const after = ports(400).map((port) => send(packetOf(4, port).frame)?.id);
    router.settings(SETTINGS_FORWARD, [0n, 0n], SEED);
    const moved = before.filter((id, i) => id !== after[i]).length;
    expect(Math.abs(moved - 200)).toBeLessThan(40);
  });
});

describe('a member dies', () => {
  it('moves its own flows and nobody else, and spreads them by weight', () => {
    publish([{ members: [1, 2, 3], buckets: bucketsOf({ 1: 32, 2: 8, 3: 24 }) }]);
    router.alive(everybody);
    const flows = ports(3000).map((port) => packetOf(4, port).frame);
    const before = flows.map((frame) => send(frame)?.id);
    router.alive(everybody.filter((id) => id !== 1));
    const after = flows.map((frame) => send(frame));
    const inherited = new Map<number, number>();
    before.forEach((id, i) => {
      const now = after[i];
      if (id !== 1) expect(now).toEqual({ id, rerouted: false });
      else {
        expect(now?.rerouted).toBe(true);
        inherited.set(now?.id ?? 0, (inherited.get(now?.id ?? 0) ?? 0) + 1);
      }
    });
    const orphans = before.filter((id) => id === 1).length;
    // By weight 8 : 24. One flow in 32 ends in the walk, which takes no notice of weights.
    expect(Math.abs((inherited.get(2) ?? 0) / orphans - 0.25)).toBeLessThan(0.06);
    expect([...inherited.keys()].sort()).toEqual([2, 3]);
  });

  it('takes its flows back when it lives again', () => {
    publish([{ members: [1, 2], buckets: bucketsOf({ 1: 8, 2: 8 }) }]);
    router.alive(everybody);
    const flows = ports(200).map((port) => packetOf(6, port).frame);
    const before = flows.map((frame) => send(frame));
    router.alive([2]);
    for (const frame of flows) expect(send(frame)?.id).toBe(2);
    router.alive(everybody);
    expect(flows.map((frame) => send(frame))).toEqual(before);
  });

  it('leaves the tier only when the whole tier is dead, and then for the next best', () => {
    publish([
      { members: [1, 2], buckets: bucketsOf({ 1: 8, 2: 8 }) },
      { members: [3], buckets: [] },
      { members: [4, 5], buckets: bucketsOf({ 4: 1, 5: 1 }) },
      { members: [6], buckets: [] },
    ]);
    const flows = ports(100).map((port) => packetOf(4, port).frame);
    const taken = (alive: number[]) => {
      router.alive(alive);
      return [...new Set(flows.map((frame) => send(frame)?.id ?? 0))].sort();
    };
    expect(taken([1, 2, 3, 4, 5, 6])).toEqual([1, 2]);
    expect(taken([2, 3, 4, 5, 6])).toEqual([2]);
    expect(taken([3, 4, 5, 6])).toEqual([3]);
    expect(taken([4, 5, 6])).toEqual([4, 5]);
    expect(taken([5, 6])).toEqual([5]);
    expect(taken([6])).toEqual([6]);
    expect(taken([])).toEqual([0]);
  });

  it('finds the only survivor of sixteen, wherever it is and however few buckets it has', () => {
    const members = everybody.slice(0, 16);
    publish([{ members, buckets: [...members.slice(0, 15), ...Array<number>(48).fill(1), 16] }]);
    const flows = ports(60).map((port) => packetOf(4, port).frame);
    for (const survivor of members) {
      router.alive([survivor]);
      expect([...new Set(flows.map((frame) => send(frame)?.id))]).toEqual([survivor]);
    }
  });

  it('is never confused by buckets that name nobody', () => {
    publish([{ members: [1, 2], buckets: [0, 0, 0, 0] }]);
    router.alive([2]);
    for (const port of ports(20)) expect(send(packetOf(4, port).frame)).toEqual({ id: 2, rerouted: true });
  });
});

describe('random groups', () => {
  it('choose as the oracle does', () => {
    const random = new Random(20261123);
    for (let round = 0; round < 60; round++) {
      const tiers = Array.from({ length: random.between(1, 4) }, (): OracleTier => {
        const members = random.shuffle(everybody).slice(0, random.between(1, 16));
        const count = 1 << random.between(1, 7);
        const single = members.length === 1 && random.between(0, 1) === 1;
        const buckets = single ? [] : Array.from({ length: count }, () => random.pick(members));
        return { members, buckets };
      });
      publish(tiers);
      for (const living of [MEMBERS, random.between(0, MEMBERS), 3, 1]) {
        const alive = random.shuffle(everybody).slice(0, living);
        router.alive(alive);
        for (let n = 0; n < 8; n++) {
          const { frame, flow } = packetOf(
            random.pick([4, 6] as const),
            random.between(0, 65535),
            random.between(0, 65535),
          );
          const expected = selectOracle(tiers, new Set(alive), flowHash(flow, SEED));
          expect({ round, alive, choice: send(frame) }).toEqual({ round, alive, choice: expected });
        }
      }
    }
  });
});
