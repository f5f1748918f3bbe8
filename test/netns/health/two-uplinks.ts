/**
 * A router with two uplinks, each to a machine of its own that answers at the same addresses:
 *
 *        wan0 192.0.2.10, 2001:db8:a::10 ---- .1 uplink-a  lo 203.0.113.1, 2001:db8:f::1
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
/** Only behind wan1. */
export const ONLY_B = '203.0.113.2';

const UPLINKS = [
  { name: 'wan0', side: 'a', net4: '192.0.2', net6: '2001:db8:a:', mac: '02:00:5e:00:0a' },
  { name: 'wan1', side: 'b', net4: '198.51.100', net6: '2001:db8:b:', mac: '02:00:5e:00:0b' },
] as const;

let made = 0;

export class TwoUplinks {
  readonly router = `dt-health-${process.pid}-${made++}`;
  readonly netns = `/run/netns/${this.router}`;

  constructor() {
    try {
      this.#build();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #build(): void {
    for (const namespace of this.#namespaces) {
      run('ip', 'netns', 'add', namespace);
      run('ip', '-n', namespace, 'link', 'set', 'lo', 'up');
    }
    UPLINKS.forEach(({ name, side, net4, net6, mac }, index) => {
      const far = this.far(side);
      const { router } = this;
      run(
        ...words(
          `ip -n ${router} link add ${name} address ${mac}:0a type veth peer name near netns ${far} address ${mac}:01`,
        ),
      );
      for (const [namespace, device, host] of [
        [router, name, '10'],
        [far, 'near', '1'],
      ] as const) {
        run(...words(`ip -n ${namespace} address add ${net4}.${host}/24 dev ${device}`));
        run(...words(`ip -n ${namespace} address add ${net6}:${host}/64 dev ${device} nodad`));
        run(...words(`ip -n ${namespace} link set ${device} up`));
      }
      run(...words(`ip -n ${far} address add ${SHARED[4]}/32 dev lo`));
      run(...words(`ip -n ${far} address add ${SHARED[6]}/128 dev lo nodad`));
      for (const [family, gateway] of [
        ['-4', `${net4}.1`],
        ['-6', `${net6}:1`],
      ]) {
        run(
          ...words(`ip -n ${router} ${family} route add default via ${gateway} dev ${name} table ${100 + index + 1}`),
        );
        run(...words(`ip -n ${router} ${family} rule add fwmark ${index + 1} lookup ${100 + index + 1} priority 1000`));
        if (index === 1) run(...words(`ip -n ${router} ${family} route add default via ${gateway} dev ${name}`));
      }
    });
    run(...words(`ip -n ${this.far('b')} address add ${ONLY_B}/32 dev lo`));
  }

  far(side: 'a' | 'b'): string {
    return `${this.router}-${side}`;
  }

  get #namespaces(): string[] {
    return [this.router, this.far('a'), this.far('b')];
  }

  /** As the controller would describe it. Replies come by sockets: there is no XDP program here. */
  path(uplink: 0 | 1, family: Family): ProbePath {
    const { name, net4, net6, mac } = UPLINKS[uplink];
    const links = JSON.parse(run('ip', '-j', '-n', this.router, 'link', 'show', 'dev', name)) as { ifindex: number }[];
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

function words(command: string): [string, ...string[]] {
  return command.split(' ') as [string, ...string[]];
}

export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
