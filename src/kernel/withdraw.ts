/** Takes away what a controller left in the kernel that did not come to withdraw it: a crash, `keep_on_exit`. */
import type { KernelConfig } from '../config/types.js';
import { native } from '../native.js';
import { findObjects } from './fib/find.js';
import { routeName } from './fib/objects.js';
import { createKernelFib, type KernelFibOptions } from './index.js';
import { NetlinkClient } from './netlink/client.js';
import { NETLINK_ROUTE, RTPROT_DETOUR } from './netlink/constants.js';

/**
 * Withdraws every route, rule and nexthop of Detour's protocol number in a network namespace, whatever configuration
 * they came from, and makes its managed neighbours ordinary ones. Only while no controller runs there.
 * @param config only what a KernelFib is opened with: what is withdrawn does not depend on it
 * @returns what there was, in words: "route 0.0.0.0/0 metric 10 table 254"
 * @throws DetourError NETLINK_REFUSED when something is left; NativeError, NetlinkError when it could not be looked for
 */
export async function withdrawLeftovers(config: KernelConfig, options: KernelFibOptions = {}): Promise<string[]> {
  const left = await ownObjects(options);
  const fib = await createKernelFib(config, options);
  await fib.close({ keep: false });
  return left;
}

async function ownObjects(options: KernelFibOptions): Promise<string[]> {
  const client = new NetlinkClient((socket) => native.openNetlink(socket), { protocol: NETLINK_ROUTE, ...options });
  try {
    const { routes, rules, nexthops } = await findObjects(client);
    return [
      ...routes.map(routeName),
      ...rules.map((rule) => `rule ${rule.text}`),
      ...nexthops
        .filter(({ protocol }) => protocol === RTPROT_DETOUR)
        .map(({ id, members }) => `${members === null ? 'nexthop' : 'nexthop group'} ${id}`),
    ];
  } finally {
    client.close();
  }
}
