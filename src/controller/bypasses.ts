/**
 * What of the kernel's would be gone past if XDP chose by its own routes: policy rules of others, and IPsec policies,
 * by which the stack encrypts what matches them. Both are looked at by family. Pure.
 */
import type { KernelConfig } from '../config/types.js';
import type { Family } from '../net/ip-address.js';
import { describeRuleInForce, ruleInForce } from './foreign-rules.js';
import type { RuleInForce } from './foreign-rules.js';
import type { KernelView } from './ports.js';

export type Bypassed =
  ({ what: 'rule' } & RuleInForce) | { what: 'ipsec'; family: Family; policies: number; asks: 'stack' };

type Looked = Pick<KernelView, 'foreignRules' | 'ipsecPolicies'>;

/** What decides instead of Detour's routes in XDP (`asks`, see RuleInForce); null: nothing does. */
export function bypassed(view: Looked, kernel: Pick<KernelConfig, 'table'>, family: Family): Bypassed | null {
  const policies = view.ipsecPolicies[family];
  // Which packets they select would have to be looked up for each one, and what is encrypted has another destination.
  if (policies > 0) return { what: 'ipsec', family, policies, asks: 'stack' };
  const inForce = ruleInForce(view, kernel, family);
  return inForce && { what: 'rule', ...inForce };
}

/** One sentence with a remedy. */
export function describeBypassed(found: Bypassed): string {
  if (found.what === 'rule') return describeRuleInForce(found);
  const { family, policies } = found;
  return (
    `the kernel has ${policies === 1 ? 'an IPsec policy' : `${policies} IPsec policies`} (ip xfrm policy) for IPv${family} ` +
    `packets that are forwarded or leave, and XDP does not encrypt: the stack forwards all of IPv${family}; ` +
    `policies of xfrm interfaces (if_id) do not count`
  );
}

/** For health: what slows a family down, once for each. */
export function bypassNotes(view: Looked, kernel: Pick<KernelConfig, 'table'>): string[] {
  return ([4, 6] as const).flatMap((family) => {
    const found = bypassed(view, kernel, family);
    return found ? [describeBypassed(found)] : [];
  });
}
