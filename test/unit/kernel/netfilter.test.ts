/** Which chains and tables count as being in the way of XDP. */
import { describe, expect, test } from 'vitest';
import type { NetfilterChain } from '../../../src/kernel/netfilter/chain.js';
import { concernsChains } from '../../../src/kernel/netfilter/chain.js';
import { hooksOf } from '../../../src/kernel/netfilter/hooks.js';
import { legacyHooks } from '../../../src/kernel/netfilter/legacy.js';

const chain = (change: Partial<NetfilterChain>): NetfilterChain => ({
  family: 'inet',
  table: 't',
  name: 'c',
  type: 'filter',
  hook: 'forward',
  policy: 'accept',
  rules: 1,
  devices: null,
  ...change,
});

test.each<[string, Partial<NetfilterChain>, families: number[], text: string]>([
  ['of both families', {}, [4, 6], 'nft table inet t, chain c (forward)'],
  ['IPv4', { family: 'ip', hook: 'prerouting' }, [4], 'nft table ip t, chain c (prerouting)'],
  ['IPv6', { family: 'ip6', hook: 'postrouting' }, [6], 'nft table ip6 t, chain c (postrouting)'],
  ['translating', { type: 'nat', hook: 'postrouting' }, [4, 6], 'nft table inet t, chain c (nat, postrouting)'],
  ['without rules', { rules: 0 }, [], ''],
  ['without rules, dropping', { rules: 0, policy: 'drop' }, [4, 6], 'nft table inet t, chain c (policy drop)'],
  ['for this machine', { hook: 'input', policy: 'drop' }, [], ''],
  ['of this machine', { hook: 'output' }, [], ''],
  ['of bridges', { family: 'bridge' }, [], ''],
  ['of ARP', { family: 'arp', hook: 'other' }, [], ''],
  [
    'of a device',
    { family: 'netdev', hook: 'egress', devices: ['a', 'b'] },
    [4, 6],
    'nft table netdev t, chain c (egress on a, b)',
  ],
])('a chain %s', (_what, change, families, text) => {
  const hooks = hooksOf(chain(change));
  expect(hooks.map(({ family }) => family)).toEqual(families);
  for (const hook of hooks) expect(hook.text).toBe(text);
});

test("rules of Detour's own are not in the way of XDP as a router, and are marked as a node", () => {
  const own = (table: string, family: NetfilterChain['family'] = 'inet') =>
    hooksOf(chain({ family, table, type: 'nat', hook: 'postrouting' })).map(({ leased }) => leased);
  expect(own('detour-edge')).toEqual([]);
  expect(own('detour-gateway')).toEqual([true, true]);
  // Somebody else's, by chance.
  expect([own('detour-edge', 'ip'), own('detour-gateway', 'ip6'), own('detour-edges')]).toEqual([
    [undefined],
    [undefined],
    [undefined, undefined],
  ]);
});

test('sets and their elements change no chain', () => {
  const concerns = (type: number): boolean =>
    concernsChains({ type: (10 << 8) | type, flags: 0, sequence: 0, portId: 0, payload: Buffer.alloc(4) });
  // NEWCHAIN, DELRULE, DELTABLE; NEWSET, NEWSETELEM, NEWGEN
  expect([3, 8, 2, 9, 12, 15].map(concerns)).toEqual([true, true, true, false, false, false]);
});

describe('tables of the old iptables', () => {
  const read = (files: Record<string, string | Error>) => (path: string) => {
    const found = files[path.replace('/proc/self/net/', '')];
    if (typeof found === 'string') return found;
    throw found ?? Object.assign(new Error('none'), { code: 'ENOENT' });
  };

  test('count while they are there, for nobody says whether they are empty', () => {
    const hooks = legacyHooks(read({ ip_tables_names: 'nat\nfilter\n', ip6_tables_names: 'raw\n' }));
    expect(hooks.map(({ family, text, translates }) => [family, text, translates])).toEqual([
      [4, 'iptables-legacy table nat', true],
      [4, 'iptables-legacy table filter', false],
      [6, 'ip6tables-legacy table raw', false],
    ]);
  });

  test('are none without the module', () => {
    expect(legacyHooks(read({}))).toEqual([]);
    expect(legacyHooks(read({ ip_tables_names: '' }))).toEqual([]);
  });

  test('count if we must not look', () => {
    const refused = Object.assign(new Error('refused'), { code: 'EACCES' });
    expect(legacyHooks(read({ ip_tables_names: refused })).map(({ text }) => text)).toEqual([
      'iptables-legacy (/proc/self/net/ip_tables_names is not readable)',
    ]);
  });
});
