/**
 * The lab: a client, the router, N gateways and a far server, each in a network namespace of its own.
 *
 *                                  +-- wan0 -- gw0 -- core0 --+
 *   client -- lan0 --- router -----+-- wan1 -- gw1 -- core1 --+--- far (203.0.113.1, 2001:db8:ff::1)
 *                                  +-- ...                    +
 *
 *   lan     198.51.100.0/24   2001:db8:1::/64      client .2, router .1
 *   wan<i>  10.64.<i>.0/24    2001:db8:64:<i>::/64 gateway .1, router .2
 *   core<i> 10.65.<i>.0/24    2001:db8:65:<i>::/64 gateway .1, far .2
 *
 * Only addresses: building it is lab.ts.
 */

export interface LabNames {
  client: string;
  router: string;
  gateways: string[];
  far: string;
}

export const LAN_INTERFACE = 'lan0';
export const uplinkInterface = (index: number): string => `wan${index}`;
export const coreInterface = (index: number): string => `core${index}`;

export const FAR_IPV4 = '203.0.113.1';
export const FAR_IPV6 = '2001:db8:ff::1';
/** More addresses of the far server, so that probes can have several targets beyond the gateways. */
export const FAR_TARGETS_IPV4 = [FAR_IPV4, '203.0.113.2', '203.0.113.3'];
export const FAR_TARGETS_IPV6 = [FAR_IPV6, '2001:db8:ff::2', '2001:db8:ff::3'];
export const CLIENT_IPV4 = '198.51.100.2';
export const CLIENT_IPV6 = '2001:db8:1::2';

/** Names carry the process id, so that two labs do not meet. */
export function labNames(gateways: number, tag = `${process.pid}`): LabNames {
  return {
    client: `dt${tag}-client`,
    router: `dt${tag}-router`,
    gateways: Array.from({ length: gateways }, (_, index) => `dt${tag}-gw${index}`),
    far: `dt${tag}-far`,
  };
}

export const namespacePath = (name: string): string => `/run/netns/${name}`;
export const gatewayIpv4 = (index: number): string => `10.64.${index}.1`;
export const gatewayIpv6 = (index: number): string => `2001:db8:64:${index}::1`;
