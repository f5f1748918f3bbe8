import { describe, expect, test } from 'vitest';
import { bypassed, bypassNotes } from '../../../src/controller/bypasses.js';
import { describeRuleInForce, ruleInForce } from '../../../src/controller/foreign-rules.js';
import type { ForeignRule } from '../../../src/controller/ports.js';
import { foreignRule } from '../../helpers/fake-planes.js';

const MAIN = { table: 254 };
const byMark = foreignRule('ipv4: 100: from all fwmark 0x1 lookup 100');
const bySource = foreignRule('ipv4: 90: from 10.0.5.0/24 lookup 90', 'addresses');
const ofLo = foreignRule('ipv4: 80: from all iif lo lookup 80', 'none');
const all: ForeignRule = { ...foreignRule('ipv4: 70: from all lookup 6800', 'addresses'), allToTable: 6800 };

describe('the rule in force', () => {
  test.each<[string, ForeignRule[], { table: number }, 'fib' | 'stack' | undefined]>([
    ['none', [], MAIN, undefined],
    ["this machine's own packets", [ofLo], MAIN, undefined],
    ['by source', [ofLo, bySource], MAIN, 'fib'],
    ['by mark, behind another', [bySource, byMark], MAIN, 'stack'],
    ['everything to some table', [all], MAIN, 'fib'],
    ["everything to Detour's table", [all], { table: 6800 }, undefined],
    ["everything to Detour's table, and another one", [all, bySource], { table: 6800 }, 'fib'],
  ])('%s', (_what, foreignRules, kernel, asks) => {
    expect(ruleInForce({ foreignRules }, kernel, 4)?.asks).toBe(asks);
    expect(ruleInForce({ foreignRules }, kernel, 6)).toBeNull();
  });

  test('is named, with what it costs and what to do', () => {
    expect(describeRuleInForce({ rule: bySource, asks: 'fib' })).toBe(
      'the policy rule "ipv4: 90: from 10.0.5.0/24 lookup 90" is not Detour\'s and may lead IPv4 packets past its ' +
        'routes: XDP asks the kernel for each packet, which is slower than its own routes; delete the rule ' +
        '(ip rule del), or add "iif lo" to it if only this machine\'s own packets are meant',
    );
    expect(describeRuleInForce({ rule: byMark, asks: 'stack' })).toContain('the stack forwards them');
  });

  test('is told once for each family', () => {
    const foreignRules = [bySource, byMark, foreignRule('ipv6: 5: from all tos 0x10 lookup 5')];
    const notes = bypassNotes({ foreignRules, ipsecPolicies: { 4: 0, 6: 0 } }, MAIN);
    expect(notes.map((note) => /"(ipv\d: \d+)/.exec(note)?.[1])).toEqual(['ipv4: 100', 'ipv6: 5']);
  });
});

describe('an IPsec policy', () => {
  const looked = { foreignRules: [bySource], ipsecPolicies: { 4: 2, 6: 0 } };

  test('leaves its family to the stack, whatever rules there are', () => {
    expect(bypassed(looked, MAIN, 4)).toMatchObject({ what: 'ipsec', asks: 'stack' });
    expect(bypassed(looked, MAIN, 6)).toBeNull();
  });

  test('is told, with what it costs', () => {
    expect(bypassNotes(looked, MAIN)).toEqual([
      'the kernel has 2 IPsec policies (ip xfrm policy) for IPv4 packets that are forwarded or leave, and XDP does not ' +
        'encrypt: the stack forwards all of IPv4; policies of xfrm interfaces (if_id) do not count',
    ]);
  });
});
