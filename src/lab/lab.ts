/**
 * Builds and removes the lab of topology.ts, and makes its faults: a cut link, a silent path.
 * Everything is inside namespaces of its own; removing a namespace removes its interfaces, routes and nft tables.
 */
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
import type { LabNames } from './topology.js';

const PASS_OBJECT = 'build/bpf/pass.bpf.o';
const LAN_PREFIX4 = '198.51.100.0/24';
const LAN_PREFIX6 = '2001:db8:1::/64';

export interface LabOptions {
  gateways?: number;
  tag?: string;
}

function addNamespace(name: string, forwarding: boolean): void {
  sh('ip', 'netns', 'add', name);
  const sysctl = (key: string, value: number): string =>
    sh('ip', 'netns', 'exec', name, 'sysctl', '-qw', `${key}=${value}`);
  // Duplicate address detection would keep every IPv6 address unusable for a second.
  sysctl('net.ipv6.conf.all.accept_dad', 0);
  sysctl('net.ipv6.conf.default.accept_dad', 0);
  sysctl('net.ipv4.ip_forward', forwarding ? 1 : 0);
  sysctl('net.ipv6.conf.all.forwarding', forwarding ? 1 : 0);
  sh('ip', '-n', name, 'link', 'set', 'lo', 'up');
}

/**
 * One veth pair between two namespaces, both ends up. A veth leaves checksums for a NIC that never comes, and a frame that
 * XDP redirects no longer carries the note that says so: the sender must compute them.
 */
function connect(a: string, nameA: string, b: string, nameB: string): void {
  sh('ip', '-n', a, 'link', 'add', nameA, 'type', 'veth', 'peer', 'name', nameB, 'netns', b);
  for (const [namespace, name] of [
    [a, nameA],
    [b, nameB],
  ] as const) {
    sh('ip', 'netns', 'exec', namespace, 'ethtool', '-K', name, 'tx', 'off');
    sh('ip', '-n', namespace, 'link', 'set', name, 'up');
  }
}

/** A veth takes redirected frames only while its peer runs NAPI: an XDP program on the peer makes it so. */
function runNapi(namespace: string, name: string): void {
  sh('ip', '-n', namespace, 'link', 'set', 'dev', name, 'xdpdrv', 'obj', PASS_OBJECT, 'sec', 'xdp.frags');
}

/** As the gateway of a home line does: so an answer comes back by the path that the question took. */
function masquerade(gateway: string): void {
  const rules =
    'add table inet gateway; add chain inet gateway post { type nat hook postrouting priority srcnat; }; ' +
    'add rule inet gateway post oifname "core" masquerade';
  sh('ip', 'netns', 'exec', gateway, 'nft', rules);
}

export class Lab {
  readonly names: LabNames;

  private constructor(names: LabNames) {
    this.names = names;
  }

  /** Builds all of it; removes what it had built when something fails in between. */
  static create({ gateways = 2, tag }: LabOptions = {}): Lab {
    const lab = new Lab(labNames(gateways, tag));
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
    connect(client, 'eth0', router, LAN_INTERFACE);
    runNapi(client, 'eth0');
    gateways.forEach((name, index) => {
      addNamespace(name, true);
      connect(name, 'lan', router, uplinkInterface(index));
      connect(name, 'core', far, coreInterface(index));
      runNapi(name, 'lan');
    });
    this.#address();
    for (const name of gateways) masquerade(name);
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

  /** Interface index in the far namespace -> gateway index: by which path a packet arrived. */
  pathByIfindex(): Map<number, number> {
    const links = JSON.parse(sh('ip', '-n', this.names.far, '-j', 'link')) as { ifindex: number; ifname: string }[];
    return new Map(
      links.flatMap(({ ifindex, ifname }) => {
        const match = /^core(\d+)$/.exec(ifname);
        return match ? [[ifindex, Number(match[1])]] : [];
      }),
    );
  }

  /** Safe to call at any time and twice. */
  destroy(): void {
    const { client, router, gateways, far } = this.names;
    for (const name of [client, router, ...gateways, far]) tryStart('ip', 'netns', 'del', name);
  }
}
