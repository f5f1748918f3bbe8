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
 * Gateway nodes (docs/gateways.md), which are there only where they are asked for, stand in one of two places:
 *
 *   client --+                                   on the LAN, which then is a switch (a bridge in a namespace)
 *   router --+-- switch
 *   node<i> -+        +-- cell -- far            a phone on the Wi-Fi
 *   router -- side<i> -- node<i> -- cell -- far  on a link of its own: a phone on a cable
 *
 *   node<i>    on the LAN .77 + i, ::77 + i; on side<i> 10.67.<i>.0/24, 2001:db8:67:<i>::/64: router .1, node .2
 *   cell<i>    10.66.<i>.0/24, 2001:db8:66:<i>::/64: node .1, far .2
 *
 * Only addresses: building it is lab.ts and nodes.ts.
 */

/** Where a gateway node stands. */
export type NodePlace = 'lan' | 'link';

export interface LabNames {
  client: string;
  router: string;
  gateways: string[];
  far: string;
  /** The switch; null: the client is on the router's own cable. */
  lan: string | null;
  nodes: string[];
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

/** What a lab has besides its client, its router and its far server. */
export interface LabParts {
  gateways: number;
  nodes?: readonly NodePlace[];
}

/** Names carry the process id, so that two labs do not meet. */
export function labNames({ gateways, nodes = [] }: LabParts, tag = `${process.pid}`): LabNames {
  return {
    client: `dt${tag}-client`,
    router: `dt${tag}-router`,
    gateways: Array.from({ length: gateways }, (_, index) => `dt${tag}-gw${index}`),
    far: `dt${tag}-far`,
    lan: nodes.includes('lan') ? `dt${tag}-lan` : null,
    nodes: nodes.map((_, index) => `dt${tag}-node${index}`),
  };
}

export const namespacePath = (name: string): string => `/run/netns/${name}`;
export const gatewayIpv4 = (index: number): string => `10.64.${index}.1`;
export const gatewayIpv6 = (index: number): string => `2001:db8:64:${index}::1`;

/** Interfaces of a node: towards the router, and to the network. */
export const NODE_LAN_INTERFACE = 'wlan0';
export const NODE_CELL_INTERFACE = 'cell0';
/** Its cable at the router, and in the far namespace. */
export const sideInterface = (index: number): string => `side${index}`;
export const cellInterface = (index: number): string => `cell${index}`;
/** What the far server sees as the source of what comes through a node. */
export const cellIpv4 = (index: number): string => `10.66.${index}.1`;
export const cellIpv6 = (index: number): string => `2001:db8:66:${index}::1`;
