/**
 * Policy rules of others: while one of them may lead forwarded packets past Detour's routes, XDP must not choose by
 * its own table, or it and the kernel disagree. Pure.
 */
import type { KernelConfig } from '../config/types.js';
import type { Family } from '../net/ip-address.js';
import type { ForeignRule, KernelView } from './ports.js';

export interface RuleInForce {
  rule: ForeignRule;
  /**
   * Whom XDP asks instead of its own routes. `fib`: bpf_fib_lookup, which goes through the rules (without
   * BPF_FIB_LOOKUP_DIRECT) with source, destination and ingress interface. `stack`: what the rule looks at is set
   * after XDP (a mark, by nftables) or not told apart reliably there.
   */
  asks: 'fib' | 'stack';
}

/** The rule that counts for forwarded packets of this family; null: XDP may choose by itself. */
export function ruleInForce(
  { foreignRules }: Pick<KernelView, 'foreignRules'>,
  { table }: Pick<KernelConfig, 'table'>,
  family: Family,
): RuleInForce | null {
  // A rule that leads everything to the table where Detour's routes are is what makes them count.
  const others = foreignRules.filter(
    (rule) => rule.family === family && rule.selects !== 'none' && rule.allToTable !== table,
  );
  const unknowable = others.find((rule) => rule.selects === 'more');
  if (unknowable) return { rule: unknowable, asks: 'stack' };
  const [rule] = others;
  return rule ? { rule, asks: 'fib' } : null;
}

/** One sentence with a remedy. */
export function describeRuleInForce({ rule, asks }: RuleInForce): string {
  const effect =
    asks === 'fib'
      ? 'XDP asks the kernel for each packet, which is slower than its own routes'
      : 'the stack forwards them all, for the rule looks at what XDP does not know';
  return (
    `the policy rule "${rule.text}" is not Detour's and may lead IPv${rule.family} packets past its routes: ${effect}; ` +
    `delete the rule (ip rule del), or add "iif lo" to it if only this machine's own packets are meant`
  );
}
