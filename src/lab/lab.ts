/**
 * Builds and removes the lab of topology.ts, and makes its faults: a cut link, a silent path.
 * Everything is inside namespaces of its own; removing a namespace removes its interfaces, routes and nft tables.
 */
import { addNamespace, addSwitch, connect, connectToSwitch, masquerade, runNapi } from './namespaces.js';
import { LabNode } from './nodes.js';
import { ipBatch, sh, tryStart } from './shell.js';
import {
  CLIENT_IPV4,
  CLIENT_IPV6,
  FAR_TARGETS_IPV4,
  FAR_TARGETS_IPV6,
  LAN_INTERFACE,
  coreInterface,
  gatewayIpv4,
  gatewayIpv6,
  labNames,
  uplinkInterface,
} from './topology.js';
import type { LabNames, NodePlace } from './topology.js';

const LAN_PREFIX4 = '198.51.100.0/24';
const LAN_PREFIX6 = '2001:db8:1::/64';

export interface LabOptions {
  gateways?: number;
  /** Gateway nodes, and where each of them stands. */
  nodes?: readonly NodePlace[];
  tag?: string;
}

export class Lab {
  readonly names: LabNames;
  readonly nodes: readonly LabNode[];

  private constructor(names: LabNames, places: readonly NodePlace[]) {
    this.names = names;
    this.nodes = places.map((place, index) => new LabNode(names, index, place));
  }

  /** Builds all of it; removes what it had built when something fails in between. */
  static create({ gateways = 2, nodes = [], tag }: LabOptions = {}): Lab {
    const lab = new Lab(labNames({ gateways, nodes }, tag), nodes);
    try {
      lab.#build();
    } catch (error) {
      lab.destroy();
      throw error;
    }
    return lab;
  }

  #build(): void {
    const { client, router, gateways, far } = this.names;
    addNamespace(client, false);
    addNamespace(router, true);
    addNamespace(far, false);
    this.#buildLan();
    gateways.forEach((name, index) => {
      addNamespace(name, true);
      connect(name, 'lan', router, uplinkInterface(index));
      connect(name, 'core', far, coreInterface(index));
      runNapi(name, 'lan');
    });
    this.#address();
    for (const name of gateways) masquerade(name);
    for (const node of this.nodes) node.build();
  }

  #buildLan(): void {
    const { client, router, lan } = this.names;
    if (lan === null) {
      connect(client, 'eth0', router, LAN_INTERFACE);
      runNapi(client, 'eth0');
      return;
    }
    addSwitch(lan);
    connectToSwitch(lan, client, 'eth0', 'client');
    connectToSwitch(lan, router, LAN_INTERFACE, 'router');
  }

  #address(): void {
    const { client, router, gateways, far } = this.names;
    ipBatch(client, [
      `addr add ${CLIENT_IPV4}/24 dev eth0`,
      `addr add ${CLIENT_IPV6}/64 dev eth0 nodad`,
      'route add default via 198.51.100.1',
      'route add default via 2001:db8:1::1',
    ]);
    ipBatch(router, [
      `addr add 198.51.100.1/24 dev ${LAN_INTERFACE}`,
      `addr add 2001:db8:1::1/64 dev ${LAN_INTERFACE} nodad`,
      ...gateways.flatMap((_, i) => [
        `addr add 10.64.${i}.2/24 dev ${uplinkInterface(i)}`,
        `addr add 2001:db8:64:${i}::2/64 dev ${uplinkInterface(i)} nodad`,
      ]),
    ]);
    gateways.forEach((name, i) => {
      ipBatch(name, [
        `addr add ${gatewayIpv4(i)}/24 dev lan`,
        `addr add ${gatewayIpv6(i)}/64 dev lan nodad`,
        `addr add 10.65.${i}.1/24 dev core`,
        `addr add 2001:db8:65:${i}::1/64 dev core nodad`,
        `route add ${LAN_PREFIX4} via 10.64.${i}.2`,
        `route add ${LAN_PREFIX6} via 2001:db8:64:${i}::2`,
        `route add 203.0.113.0/24 via 10.65.${i}.2`,
        `route add 2001:db8:ff::/64 via 2001:db8:65:${i}::2`,
      ]);
    });
    ipBatch(far, [
      ...FAR_TARGETS_IPV4.map((address) => `addr add ${address}/32 dev lo`),
      ...FAR_TARGETS_IPV6.map((address) => `addr add ${address}/128 dev lo nodad`),
      ...gateways.flatMap((_, i) => [
        `addr add 10.65.${i}.2/24 dev ${coreInterface(i)}`,
        `addr add 2001:db8:65:${i}::2/64 dev ${coreInterface(i)} nodad`,
      ]),
    ]);
  }

  gateway(index: number): string {
    const name = this.names.gateways[index];
    if (name === undefined)
      throw new RangeError(`the lab has ${this.names.gateways.length} gateways, not number ${index}`);
    return name;
  }

  /** Carrier gone: the far end of the uplink's cable is set down. */
  cutLink(index: number): void {
    sh('ip', '-n', this.gateway(index), 'link', 'set', 'lan', 'down');
  }

  /** IPv6 addresses and the routes through them went with the link: bring those back, too. */
  restoreLink(index: number): void {
    const gateway = this.gateway(index);
    sh('ip', '-n', gateway, 'link', 'set', 'lan', 'up');
    ipBatch(gateway, [
      `addr replace ${gatewayIpv6(index)}/64 dev lan nodad`,
      `route replace ${LAN_PREFIX4} via 10.64.${index}.2`,
      `route replace ${LAN_PREFIX6} via 2001:db8:64:${index}::2`,
    ]);
  }

  /** A new cable, after the router's interface was deleted (which deletes its peer, too). */
  reconnect(index: number): void {
    const gateway = this.gateway(index);
    const name = uplinkInterface(index);
    connect(gateway, 'lan', this.names.router, name);
    runNapi(gateway, 'lan');
    ipBatch(gateway, [`addr add ${gatewayIpv4(index)}/24 dev lan`]);
    this.restoreLink(index);
    ipBatch(this.names.router, [
      `addr add 10.64.${index}.2/24 dev ${name}`,
      `addr add 2001:db8:64:${index}::2/64 dev ${name} nodad`,
    ]);
  }

  /** Carrier stays, the gateway answers, everything beyond it is dropped. */
  silence(index: number): void {
    const drop =
      'add table inet silence; add chain inet silence f { type filter hook forward priority 0; policy drop; }';
    sh('ip', 'netns', 'exec', this.gateway(index), 'nft', drop);
  }

  unsilence(index: number): void {
    sh('ip', 'netns', 'exec', this.gateway(index), 'nft', 'delete table inet silence');
  }

  /**
   * Interface index in the far namespace -> number of the path: by which one a packet arrived. First come the gateways,
   * then the nodes.
   */
  pathByIfindex(): Map<number, number> {
    const links = JSON.parse(sh('ip', '-n', this.names.far, '-j', 'link')) as { ifindex: number; ifname: string }[];
    const { gateways } = this.names;
    return new Map(
      links.flatMap(({ ifindex, ifname }) => {
        const [, kind, index] = /^(core|cell)(\d+)$/.exec(ifname) ?? [];
        if (kind === undefined) return [];
        return [[ifindex, Number(index) + (kind === 'core' ? 0 : gateways.length)]];
      }),
    );
  }

  /** Safe to call at any time and twice. */
  destroy(): void {
    const { client, router, gateways, far, lan, nodes } = this.names;
    for (const name of [client, router, ...gateways, far, ...nodes, ...(lan === null ? [] : [lan])])
      tryStart('ip', 'netns', 'del', name);
  }
}
