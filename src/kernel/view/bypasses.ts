/** What of the stack XDP would go past, outside rtnetlink: netfilter's rules and IPsec's policies. */
import type { KernelChange, NetfilterHook } from '../../controller/ports.js';
import type { Family } from '../../net/ip-address.js';
import { concernsChains, dumpChainsRequest, NFNLGRP_NFTABLES, readChain } from '../netfilter/chain.js';
import { hooksOf, isEdgeChain } from '../netfilter/hooks.js';
import { legacyHooks } from '../netfilter/legacy.js';
import type { OpenNetlink } from '../netlink/client.js';
import { NETLINK_NETFILTER, NETLINK_XFRM } from '../netlink/constants.js';
import { dumpPoliciesRequest, readPolicyFamilies, XFRMNLGRP_POLICY } from '../xfrm/policy.js';
import { Collection } from './collection.js';
import { Flattened } from './flattened.js';
import { FollowedDump } from './followed-dump.js';

interface HooksOfChain {
  hooks: readonly NetfilterHook[];
  /** How many, where that matters. */
  rules?: number;
}

interface PolicyCount {
  family: Family;
  policies: number;
}

export interface BypassOptions {
  open: OpenNetlink;
  netns?: string;
  onChange: (change: KernelChange) => void;
}

export class BypassSources {
  readonly #chains: FollowedDump<HooksOfChain>;
  readonly #policies: FollowedDump<PolicyCount>;
  readonly #legacy = new Collection<NetfilterHook>();
  /** /proc is that of this process's namespace. */
  readonly #hasLegacy: boolean;
  readonly #hooks = new Flattened((record: HooksOfChain | NetfilterHook) =>
    'hooks' in record ? record.hooks : [record],
  );

  constructor({ onChange, ...where }: BypassOptions) {
    this.#hasLegacy = where.netns === undefined;
    this.#chains = new FollowedDump({
      ...where,
      protocol: NETLINK_NETFILTER,
      group: NFNLGRP_NFTABLES,
      request: dumpChainsRequest(),
      concerns: concernsChains,
      gather: (message, collection) => {
        const chain = readChain(message);
        const hooks = chain ? hooksOf(chain) : [];
        if (!chain) return;
        const key = `${chain.family} ${chain.table} ${chain.name}`;
        // Our own keep nothing from XDP, but it must be noticed that somebody has flushed them.
        if (isEdgeChain(chain)) collection.addDumped(key, { hooks, rules: chain.rules });
        else if (hooks.length > 0) collection.addDumped(key, { hooks });
      },
      onChange: () => onChange('netfilter'),
    });
    this.#policies = new FollowedDump({
      ...where,
      protocol: NETLINK_XFRM,
      group: XFRMNLGRP_POLICY,
      request: dumpPoliciesRequest(),
      concerns: () => true,
      gather: (message, collection) => {
        for (const family of readPolicyFamilies(message)) {
          const before = collection.gathered(String(family))?.policies ?? 0;
          collection.addDumped(String(family), { family, policies: before + 1 });
        }
      },
      onChange: () => onChange('ipsec'),
    });
  }

  /** What `KernelView` says of it. */
  view(): { netfilter: readonly NetfilterHook[]; ipsecPolicies: Record<Family, number> } {
    const count = (family: Family): number => this.#policies.collection.get(String(family))?.policies ?? 0;
    return {
      netfilter: this.#hooks.of([this.#chains.collection.values(), this.#legacy.values()]),
      ipsecPolicies: { 4: count(4), 6: count(6) },
    };
  }

  async start(): Promise<void> {
    this.#readLegacy();
    await Promise.all([this.#chains.start(), this.#policies.start()]);
  }

  /** For the audit: the kinds that can be made true again, each by itself. */
  trackers(): {
    change: KernelChange;
    tracker: { resync(): Promise<boolean>; resyncSoon(onChange: () => void): void };
  }[] {
    const legacy = { resync: () => Promise.resolve(this.#readLegacy()), resyncSoon: () => undefined };
    return [
      { change: 'netfilter', tracker: this.#chains },
      { change: 'netfilter', tracker: legacy },
      { change: 'ipsec', tracker: this.#policies },
    ];
  }

  close(): void {
    this.#chains.close();
    this.#policies.close();
  }

  /** @returns whether anything changed */
  #readLegacy(): boolean {
    if (!this.#hasLegacy) return false;
    this.#legacy.beginDump();
    for (const hook of legacyHooks()) this.#legacy.addDumped(hook.text, hook);
    return this.#legacy.finishDump();
  }
}
