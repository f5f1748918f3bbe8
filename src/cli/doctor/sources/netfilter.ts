/** The rules of netfilter that forwarded packets go through. Asked apart from the view, which does not say that it may not look. */
import type { NetfilterHook } from '../../../controller/ports.js';
import { dumpChainsRequest, readChain } from '../../../kernel/netfilter/chain.js';
import { hooksOf } from '../../../kernel/netfilter/hooks.js';
import { legacyHooks } from '../../../kernel/netfilter/legacy.js';
import { NetlinkClient, type OpenNetlink } from '../../../kernel/netlink/client.js';
import { NETLINK_NETFILTER } from '../../../kernel/netlink/constants.js';

/** @throws NativeError or NetlinkError, e.g. where the kernel has no nf_tables */
export async function readHooks(open: OpenNetlink): Promise<NetfilterHook[]> {
  const client = new NetlinkClient(open, { protocol: NETLINK_NETFILTER });
  try {
    const chains = await client.dumpAll(dumpChainsRequest(), readChain);
    return [...chains.flatMap(hooksOf), ...legacyHooks()];
  } finally {
    client.close();
  }
}
