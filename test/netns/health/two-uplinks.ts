/**
 * A router with two uplinks, each to a machine of its own that answers at the same addresses:
 *
 *        wan0 192.0.2.10, 2001:db8:a::10 ---- .1 uplink-a  lo 203.0.113.1, 2001:db8:f::1, 203.0.113.3
 *   router
 *        wan1 198.51.100.10, 2001:db8:b::10 - .1 uplink-b  lo 203.0.113.1, 2001:db8:f::1, 203.0.113.2
 *
 * The main table knows only wan1. What is marked 1 uses wan0's table, what is marked 2 wan1's.
 */
import { execFileSync } from 'node:child_process';
import type { ProbePath } from '../../../src/controller/ports.js';
import { type Family, IpAddress } from '../../../src/net/ip-address.js';
import { MacAddress } from '../../../src/net/mac-address.js';

/** The target that both uplinks have, by family. */
export const SHARED: Record<Family, string> = { 4: '203.0.113.1', 6: '2001:db8:f::1' };
/** Only behind wan0. */
export const ONLY_A = '203.0.113.3';
/** Only behind wan1. */
export const ONLY_B = '203.0.113.2';

const UPLINKS = [
  { name: 'wan0', side: 'a', net4: '192.0.2', net6: '2001:db8:a:', mac: '02:00:5e:00:0a' },
  { name: 'wan1', side: 'b', net4: '198.51.100', net6: '2001:db8:b:', mac: '02:00:5e:00:0b' },
] as const;

let made = 0;

export class TwoUplinks {
  /** The router's namespace; null: the one that the test's process is in. */
  readonly router: string | null;
  readonly #name = `dt-health-${process.pid}-${made++}`;

  constructor(router: 'named' | 'own' = 'named') {
    this.router = router === 'named' ? this.#name : null;
    try {
      this.#build();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Path of the router's namespace. */
  get netns(): string {
    return `/run/netns/${this.#name}`;
  }

  #build(): void {
    for (const namespace of this.#namespaces) {
      run('ip', 'netns', 'add', namespace);
      ip(namespace, 'link set lo up');
    }
    // No waiting for duplicates, and no second opinion about the way back.
    for (const namespace of [this.router, this.far('a'), this.far('b')]) {
      sysctl(namespace, 'net.ipv6.conf.default.accept_dad=0');
      for (const device of ['all', 'default']) sysctl(namespace, `net.ipv4.conf.${device}.rp_filter=0`);
    }
    UPLINKS.forEach((uplink, index) => this.#connect(uplink, index + 1));
    ip(this.far('a'), `address add ${ONLY_A}/32 dev lo`);
    ip(this.far('b'), `address add ${ONLY_B}/32 dev lo`);
  }

  #connect({ name, side, net4, net6, mac }: (typeof UPLINKS)[number], mark: number): void {
    const { router } = this;
    const far = this.far(side);
    const peer = `peer name near netns ${far} address ${mac}:01`;
    ip(router, `link add ${name} address ${mac}:0a type veth ${peer}`);
    for (const [namespace, device, host] of [
      [router, name, '10'],
      [far, 'near', '1'],
    ] as const) {
      ip(namespace, `address add ${net4}.${host}/24 dev ${device}`);
      ip(namespace, `address add ${net6}:${host}/64 dev ${device} nodad`);
      ip(namespace, `link set ${device} up`);
    }
    // A lost solicitation is repeated only after a second, in which every probe would be lost.
    for (const address of [`${net4}.10`, `${net6}:10`]) ip(far, `neighbour add ${address} lladdr ${mac}:0a dev near`);
    ip(far, `address add ${SHARED[4]}/32 dev lo`);
    ip(far, `address add ${SHARED[6]}/128 dev lo nodad`);
    for (const [family, gateway] of [
      ['-4', `${net4}.1`],
      ['-6', `${net6}:1`],
    ]) {
      ip(router, `${family} route add default via ${gateway} dev ${name} table ${100 + mark}`);
      ip(router, `${family} rule add fwmark ${mark} lookup ${100 + mark} priority 1000`);
      if (name === 'wan1') ip(router, `${family} route add default via ${gateway} dev ${name}`);
    }
  }

  far(side: 'a' | 'b'): string {
    return `${this.#name}-${side}`;
  }

  get #namespaces(): string[] {
    return [...(this.router === null ? [] : [this.router]), this.far('a'), this.far('b')];
  }

  /** As the controller would describe it. Replies come by sockets: there is no XDP program here. */
  path(uplink: 0 | 1, family: Family): ProbePath {
    const { name, net4, net6, mac } = UPLINKS[uplink];
    const links = JSON.parse(ip(this.router, `-j link show dev ${name}`)) as { ifindex: number }[];
    return {
      ifindex: links[0]!.ifindex,
      ifname: name,
      ethernet: true,
      sourceMac: MacAddress.parse(`${mac}:0a`),
      gatewayMac: MacAddress.parse(`${mac}:01`),
      source: IpAddress.parse(family === 4 ? `${net4}.10` : `${net6}:10`),
      gateway: IpAddress.parse(family === 4 ? `${net4}.1` : `${net6}:1`),
      mark: uplink + 1,
      xdp: false,
    };
  }

  /**
   * From now on uplink-a sends its IPv4 answers to wan0's address through uplink-b, so that they come in by wan1.
   * @returns a function that undoes it
   */
  crossReplies(): () => void {
    const [a, b] = [this.far('a'), this.far('b')];
    ip(a, `link add cross type veth peer name cross netns ${b}`);
    for (const [namespace, host] of [
      [a, '1'],
      [b, '2'],
    ] as const) {
      ip(namespace, `address add 10.9.9.${host}/24 dev cross`);
      ip(namespace, 'link set cross up');
    }
    sysctl(b, 'net.ipv4.ip_forward=1');
    ip(a, 'route add 192.0.2.10/32 via 10.9.9.2');
    ip(b, 'route add 192.0.2.10/32 via 198.51.100.10');
    return () => {
      ip(a, 'link delete cross');
      ip(b, 'route delete 192.0.2.10/32');
    };
  }

  /** Echo replies that the router's stack has received since it was made. */
  echoRepliesInStack(): number {
    const output =
      this.router === null
        ? run('nstat', '-asz', 'IcmpInEchoReps')
        : run('ip', 'netns', 'exec', this.router, 'nstat', '-asz', 'IcmpInEchoReps');
    return Number(/IcmpInEchoReps\s+(\d+)/.exec(output)?.[1]);
  }

  /** Silences a side: packets that match are dropped on their way out of it ("ip protocol icmp"). */
  dropReplies(side: 'a' | 'b', match: string): void {
    this.nft(side, `add table inet detour_test`);
    this.nft(side, `add chain inet detour_test out { type filter hook output priority 0 ; }`);
    this.nft(side, `add rule inet detour_test out ${match} drop`);
  }

  restoreReplies(side: 'a' | 'b'): void {
    this.nft(side, 'delete table inet detour_test');
  }

  nft(side: 'a' | 'b', command: string): void {
    run('ip', 'netns', 'exec', this.far(side), 'nft', command);
  }

  close(): void {
    for (const namespace of this.#namespaces) {
      try {
        run('ip', 'netns', 'delete', namespace);
      } catch {
        // It was never made.
      }
    }
  }
}

/** `ip` in a namespace (null: this process's), arguments separated by blanks. */
export function ip(namespace: string | null, command: string): string {
  return run('ip', ...(namespace === null ? [] : ['-n', namespace]), ...command.split(' '));
}

function sysctl(namespace: string | null, setting: string): void {
  if (namespace === null) run('sysctl', '-qw', setting);
  else run('ip', 'netns', 'exec', namespace, 'sysctl', '-qw', setting);
}

export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
