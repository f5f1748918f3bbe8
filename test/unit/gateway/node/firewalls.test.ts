/** Does somebody else's firewall let through what is leased? Rules in the form of `nft --json`. */
import { describe, expect, test } from 'vitest';
import { judge, type Chain, type Hindrances, type Rule } from '../../../../src/gateway/node/arming/firewalls.js';
import { passagesOf } from '../../../../src/gateway/node/arming/passages.js';
import { armedLease } from '../../../helpers/gateway/armed-lease.js';

const passages = passagesOf([armedLease('192.0.2.1')], { 4: 'wwan0' }).leases.flatMap((lease) => lease.passages);

function verdict(policy: string, ...rules: [chain: string, ...expr: Record<string, unknown>[]][]): string {
  return verdictOf('inet', policy, ...rules);
}
function verdictOf(
  family: string,
  policy: string,
  ...rules: [chain: string, ...expr: Record<string, unknown>[]][]
): string {
  const chain: Chain = { family, table: 'wall', name: 'f', hook: 'forward', policy };
  const into: Hindrances = { certain: [], possible: [] };
  judge(
    chain,
    rules.map(([name, ...expr]): Rule => ({ chain: name, expr })),
    passages,
    into,
  );
  return into.certain.length > 0 ? 'drops' : into.possible.length > 0 ? 'may drop' : 'passes';
}
const meta = (key: string, right: unknown, op = '=='): Record<string, unknown> => ({
  match: { op, left: { meta: { key } }, right },
});
const state = (...right: string[]): Record<string, unknown> => ({
  match: { op: 'in', left: { ct: { key: 'state' } }, right },
});
const accept = { accept: null };
const drop = { drop: null };
const stateMap = (data: unknown): Record<string, unknown> => ({ vmap: { key: { ct: { key: 'state' } }, data } });

describe('a chain', () => {
  test.each([
    ['policy accept', verdict('accept', ['f', meta('iifname', 'x'), drop])],
    ['another family', verdictOf('ip6', 'drop')],
  ])('of %s passes', (_, given) => expect(given).toBe('passes'));

  test.each([
    ['nothing but its policy', verdict('drop')],
    ['a rule for replies', verdict('drop', ['f', state('established', 'related'), accept])],
    ['a map for replies', verdict('drop', ['f', stateMap({ set: [['established', accept]] })])],
    [
      'rules for other interfaces',
      verdict('drop', ['f', meta('iifname', 'docker*'), accept], ['f', meta('oifname', { set: ['a', 'b'] }), accept]),
    ],
    ['a rule for all but ours', verdict('drop', ['f', meta('iifname', 'lan0', '!='), accept])],
    [
      'a jump to a chain that accepts nothing of ours',
      verdict('drop', ['f', { jump: { target: 'g' } }], ['g', meta('oif', 'br0'), accept]),
    ],
    [
      'chains that jump in a circle',
      verdict('drop', ['f', { jump: { target: 'g' } }], ['g', { goto: { target: 'f' } }]),
    ],
    [
      'a last rule that rejects all',
      verdict('accept', ['f', state('established'), accept], ['f', { counter: {} }, { reject: {} }]),
    ],
  ])('that drops, with %s, drops it', (_, given) => expect(given).toBe('drops'));

  test.each([
    ['our interfaces', verdict('drop', ['f', meta('iifname', 'lan*'), meta('oifname', ['wwan0', 'x']), accept])],
    ['new connections', verdict('drop', ['f', state('new', 'established'), accept])],
    ['new connections by a map', verdict('drop', ['f', stateMap({ set: [['new', accept]] })])],
    ['a named set of interfaces', verdict('drop', ['f', meta('iifname', '@trusted'), accept])],
    ['something that is not understood', verdict('drop', ['f', { xt: null }, accept])],
    ['a jump to a chain that may', verdict('drop', ['f', { jump: { target: 'g' } }], ['g', accept])],
  ])('that drops, with a rule for %s, may let it through', (_, given) => expect(given).toBe('may drop'));
});
