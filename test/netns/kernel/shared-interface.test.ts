/**
 * A gateway node on the LAN: its path has the router's own interface and address, and the router's own traffic there
 * must not notice.
 *
 *   dt-kernel-PID-N                             dt-kernel-PID-N-far
 *     wan0 192.0.2.2/24, 2001:db8:1::2/64 ------- wan0 192.0.2.1/24, 2001:db8:1::1/64
 *     lan0 10.9.0.1/24, 2001:db8:9::1/64 -------- lan0 10.9.0.2/24, 2001:db8:9::2/64: client, and the node
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FibIntent, KernelFib } from '../../../src/controller/ports.js';
import { createKernelFib } from '../../../src/kernel/index.js';
import { IpAddress, type Family } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import { kernelConfig as config } from '../../helpers/kernel-config.js';
import { Namespace } from './namespace.js';

const ADDRESSES = {
  4: { wan: '192.0.2.2', gateway: '192.0.2.1', lan: '10.9.0.1', node: '10.9.0.2', to: '203.0.113.9' },
  6: {
    wan: '2001:db8:1::2',
    gateway: '2001:db8:1::1',
    lan: '2001:db8:9::1',
    node: '2001:db8:9::2',
    to: '2001:db8:f::9',
  },
} as const;

let space: Namespace;
let fib: KernelFib;

beforeEach(async () => {
  space = new Namespace();
  space.veth('wan0', ['192.0.2.2/24', '2001:db8:1::2/64'], ['192.0.2.1/24', '2001:db8:1::1/64']);
  space.veth('lan0', ['10.9.0.1/24', '2001:db8:9::1/64'], ['10.9.0.2/24', '2001:db8:9::2/64']);
  await space.settled();
  fib = await createKernelFib(config, { netns: space.path });
});

afterEach(async () => {
  await fib.close({ keep: true });
  space.close();
});

function intent(family: Family, active: 'fibre' | 'gw-phone'): FibIntent {
  const { wan, gateway, lan, node } = ADDRESSES[family];
  const path = { family, usable: true };
  return {
    paths: [
      {
        ...path,
        uplinkIndex: 0,
        uplink: 'fibre',
        ifindex: space.ifindexOf('wan0'),
        ifname: 'wan0',
        gateway: IpAddress.parse(gateway),
        source: IpAddress.parse(wan),
      },
      {
        ...path,
        uplinkIndex: 1,
        uplink: 'gw-phone',
        ifindex: space.ifindexOf('lan0'),
        ifname: 'lan0',
        gateway: IpAddress.parse(node),
        source: IpAddress.parse(lan),
        shared: true,
      },
    ],
    groups: [{ groupIndex: 0, group: 'internet', family, active: [{ uplink: active, weight: 1 }], fallback: [] }],
    routes: [{ prefix: Prefix.everything(family), target: { kind: 'group', groupIndex: 0 } }],
  };
}

interface Way {
  dev: string;
  gateway: string | null;
}

function wayTo(address: string, selectors = ''): Way {
  const [route] = space.json<{ dev: string; gateway?: string }>(`route get ${address}${selectors}`);
  return { dev: route!.dev, gateway: route!.gateway ?? null };
}

const rulesOf = (family: Family): string[] =>
  space
    .ip(`-N -${family} rule show`)
    .split('\n')
    .filter((line) => line.includes('proto 68'));

for (const family of [4, 6] as const) {
  const { lan, node, gateway, to } = ADDRESSES[family];

  describe(`IPv${family}`, () => {
    test('only the mark of its probes leads to the node', async () => {
      expect((await fib.applyFib(intent(family, 'fibre'))).problems).toEqual([]);
      expect(rulesOf(family).filter((rule) => / lookup 6801 /.test(rule))).toEqual([
        expect.stringContaining('fwmark 0x6801'),
      ]);
      expect(rulesOf(family).filter((rule) => rule.includes('lan0') || rule.includes(`from ${lan} `))).toEqual([]);
      expect(wayTo(to, ' mark 0x6801')).toEqual({ dev: 'lan0', gateway: node });
    });

    test("the router's own packets from its LAN address go where they went before", async () => {
      await fib.applyFib(intent(family, 'fibre'));
      expect(wayTo(to, ` from ${lan}`)).toEqual({ dev: 'wan0', gateway });
      expect(wayTo(node, ` from ${lan}`)).toEqual({ dev: 'lan0', gateway: null });
    });

    test('clients reach the router whoever carries the traffic', async () => {
      for (const active of ['fibre', 'gw-phone'] as const) {
        await fib.applyFib(intent(family, active));
        expect(space.farExec(`ping -c 1 -W 5 -I ${node} ${lan}`)).toContain(' 0% packet loss');
      }
      expect(wayTo(to)).toEqual({ dev: 'lan0', gateway: node });
      expect(wayTo(to, ` from ${lan}`)).toEqual({ dev: 'lan0', gateway: node });
    });

    test('a second pass writes nothing, and the end leaves nothing', async () => {
      await fib.applyFib(intent(family, 'gw-phone'));
      expect((await fib.applyFib(intent(family, 'gw-phone'))).writes).toBe(0);
      await fib.applyFib({ paths: [], groups: [], routes: [] });
      expect(rulesOf(family)).toEqual([]);
      expect(space.ip(`-N -${family} route show table all proto 68`)).toBe('');
    });
  });
}
