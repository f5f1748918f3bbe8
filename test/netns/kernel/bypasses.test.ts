/** What of the stack XDP would go past, as the view sees it: in a namespace with a veth pair, rules and policies come and go. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KernelChange } from '../../../src/controller/ports.js';
import { KernelState } from '../../../src/kernel/view/view.js';
import { native } from '../../../src/native.js';
import { describeWith } from '../../helpers/kernel-features.js';
import { until } from '../../helpers/poll.js';
import { Namespace } from './namespace.js';

let space: Namespace;
let state: KernelState;
let told: Set<KernelChange>;

beforeEach(async () => {
  space = new Namespace();
  space.veth('up0', ['192.0.2.2/24'], ['192.0.2.1/24']);
  await open();
});

afterEach(() => {
  state.close();
  space.close();
});

async function open(): Promise<void> {
  state = await KernelState.open({
    open: (socket) => native.openNetlink(socket),
    netns: space.path,
    table: 254,
    isOwnPort: () => false,
  });
  told = new Set();
  state.onChange((changes) => changes.forEach((change) => told.add(change)));
}

const hooks = (): string[] => state.view().netfilter.map(({ family, text }) => `${family} ${text}`);
const nft = (rules: string): string => space.exec(`nft ${rules}`);
const hear = (expected: string[]): Promise<unknown> =>
  until(() => hooks().join('\n') === expected.join('\n'), {
    timeoutMs: 10_000,
    what: `hooks ${expected.join(', ') || 'none'}`,
  });

describe('rules of netfilter', () => {
  test('count once they see forwarded packets, and until they are gone', async () => {
    nft('add table inet fw');
    nft('add chain inet fw f { type filter hook forward priority 0; }');
    nft('add chain inet fw i { type filter hook input priority 0; policy drop; }');
    nft('add chain inet fw jumped');
    nft('add rule inet fw jumped counter');
    nft('add table ip nat');
    nft('add chain ip nat post { type nat hook postrouting priority srcnat; }');
    nft('add rule ip nat post masquerade');
    const nat = '4 nft table ip nat, chain post (nat, postrouting)';
    await hear([nat]);
    expect(told).toContain('netfilter');
    expect(state.view().netfilter[0]).toMatchObject({ translates: true, devices: null });

    nft('add rule inet fw f counter');
    const forward = 'nft table inet fw, chain f (forward)';
    await hear([nat, `4 ${forward}`, `6 ${forward}`]);
    nft('chain inet fw f { policy drop; }');
    await hear([nat, ...[4, 6].map((family) => `${family} nft table inet fw, chain f (policy drop)`)]);
    nft('flush ruleset');
    await hear([]);
  });

  test("of the router's own towards gateway nodes keep nothing from XDP, but who takes them away is heard", async () => {
    nft('add table inet detour-edge');
    nft('add chain inet detour-edge translate { type nat hook postrouting priority srcnat; }');
    nft('add rule inet detour-edge translate masquerade');
    for (const change of ['flush chain inet detour-edge translate', 'flush ruleset']) {
      // What is heard of these two may not be what is still on its way from before.
      nft('add table ip marker');
      nft('add chain ip marker f { type filter hook forward priority 0; policy drop; }');
      await hear(['4 nft table ip marker, chain f (policy drop)']);
      nft('delete table ip marker');
      await hear([]);
      told.clear();
      nft(change);
      await until(() => told.has('netfilter'), { timeoutMs: 10_000, what: `news of "${change}"` });
      expect(hooks()).toEqual([]);
    }
  });

  test('that were there before are seen from the start', async () => {
    state.close();
    nft('add table ip6 t');
    nft('add chain ip6 t p { type filter hook prerouting priority 0; policy drop; }');
    await open();
    expect(hooks()).toEqual(['6 nft table ip6 t, chain p (policy drop)']);
  });

  test('of a device say which one', async () => {
    nft('add table netdev t');
    nft('add chain netdev t c { type filter hook ingress device up0 priority 0; policy drop; }');
    const text = 'nft table netdev t, chain c (policy drop on up0)';
    await hear([`4 ${text}`, `6 ${text}`]);
    expect(state.view().netfilter[0]?.devices).toEqual(['up0']);
  });

  test('in a chain are followed without asking for each of them', async () => {
    nft('add table ip big');
    nft('add chain ip big f { type filter hook forward priority 0; }');
    for (let i = 0; i < 20; i++) nft('add rule ip big f counter');
    await hear(['4 nft table ip big, chain f (forward)']);
  });
});

describeWith('IPsec policies (CONFIG_XFRM_USER)', 'IPsec policies', () => {
  const policy = (direction: string, rest = ''): string =>
    `src 198.51.100.0/24 dst 203.0.113.2/32 dir ${direction}${rest}`;
  const template = ' tmpl src 192.0.2.2 dst 192.0.2.1 proto esp mode tunnel';
  const counted = (expected: Record<4 | 6, number>): Promise<unknown> =>
    until(() => JSON.stringify(state.view().ipsecPolicies) === JSON.stringify(expected), {
      timeoutMs: 10_000,
      what: `policies ${JSON.stringify(expected)}`,
    });

  test('count by family, if they are about packets that leave or are forwarded', async () => {
    expect(state.view().ipsecPolicies).toEqual({ 4: 0, 6: 0 });
    space.ip(`xfrm policy add ${policy('in')}${template}`);
    space.ip(`xfrm policy add ${policy('out')}${template}`);
    space.ip(`xfrm policy add ${policy('fwd')}${template}`);
    space.ip(`xfrm policy add src 2001:db8:1::/64 dst 2001:db8:2::/64 dir out${template}`);
    await counted({ 4: 2, 6: 1 });
    expect(told).toContain('ipsec');
    space.ip(`xfrm policy delete ${policy('out')}`);
    await counted({ 4: 1, 6: 1 });
    space.ip('xfrm policy flush');
    await counted({ 4: 0, 6: 0 });
  });

  test('of an xfrm interface do not count', async () => {
    space.ip(`xfrm policy add ${policy('out', ' if_id 7')}${template}`);
    space.ip(`xfrm policy add ${policy('fwd')}${template}`);
    await counted({ 4: 1, 6: 0 });
  });
});
