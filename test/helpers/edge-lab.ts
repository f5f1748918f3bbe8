/**
 * A router whose way out is a neighbour on its own LAN, in the stack and in XDP:
 *
 *   client [c0] --+                                        +-- [u0] far 198.18.0.1, 2001:db8:ff::1
 *                 |-- switch -- [lan0] this process' [wan0]-+        |
 *   node   [n0] --+             namespace, the router               |
 *     [nw0] --------------------------------------------------- [x0]
 *   other  [o0] ----------------- [lan1]
 *
 * The node translates what has the router's address on the LAN, and refuses everything else of the LAN, as an armed one.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { InterfaceIntent } from '../../src/controller/ports.js';
import type { Family } from '../../src/net/ip-address.js';
import { MacAddress } from '../../src/net/mac-address.js';
import { NamedNetns } from './named-netns.js';
import { enterOwnNetns, ifindexOf, ip } from './own-netns.js';

const PASS_OBJECT = fileURLToPath(new URL('../../build/bpf/pass.bpf.o', import.meta.url));

export const ADDRESSES = {
  router: { 4: '192.0.2.1', 6: '2001:db8:1::1' },
  client: { 4: '192.0.2.50', 6: '2001:db8:1::50' },
  node: { 4: '192.0.2.9', 6: '2001:db8:1::9' },
  /** What the router sends to: in IPv6 the link-local address, as in the gateway protocol. */
  nextHop: { 4: '192.0.2.9', 6: 'fe80::9' },
  nodeOutside: { 4: '203.0.113.1', 6: '2001:db8:3::1' },
  uplink: { 4: '198.51.100.1', 6: '2001:db8:2::1' },
  other: { 4: '192.0.2.130', 6: '2001:db8:4::2' },
  /** Of the node, outside the LAN. */
  behindNode: { 4: '198.18.0.9', 6: '2001:db8:ff::9' },
  far: { 4: '198.18.0.1', 6: '2001:db8:ff::1' },
} as const satisfies Record<string, Record<Family, string>>;

const FAMILIES = [4, 6] as const;
/** Nexthop objects of the router: the uplink's, the node's, and the group that one of them is in. */
const NEXTHOPS = { uplink: { 4: 41, 6: 61 }, node: { 4: 42, 6: 62 }, group: { 4: 40, 6: 60 } } as const;
const EVERYTHING = { 4: '0.0.0.0/0', 6: '::/0' } as const;

/** Answers every datagram with itself, and says who sent it. */
const ECHO = `
import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 23) # SO_RCVBUFFORCE: the page behind each datagram counts
s.bind((sys.argv[1], int(sys.argv[2])))
print('ready', flush=True)
while True:
    data, peer = s.recvfrom(64)
    print(data.decode(), peer[0], flush=True)
    s.sendto(data, peer)
`;
/** Numbers, 200 a second, from one socket; says which came back. Ends at the end of its input, after what is under way. */
const STREAM = `
import select, socket, sys, time
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 23)
s.bind((sys.argv[3], 0))
number, due, ending = 0, time.monotonic(), None
while ending is None or time.monotonic() < ending:
    ready, _, _ = select.select([s] + ([] if ending else [sys.stdin]), [], [], max(0, due - time.monotonic()))
    if s in ready:
        print('back', s.recv(64).decode(), flush=True)
    if sys.stdin in ready:
        print('sent', number, flush=True)
        ending = time.monotonic() + 1
        due = ending
    if not ending and time.monotonic() >= due:
        s.sendto(str(number).encode(), (sys.argv[1], int(sys.argv[2])))
        number, due = number + 1, max(due, time.monotonic() - 0.02) + 0.005
`;

export class EdgeLab {
  readonly client = new NamedNetns('edge-client');
  readonly node = new NamedNetns('edge-node');
  readonly other = new NamedNetns('edge-other');
  readonly far = new NamedNetns('edge-far');
  readonly #switch = new NamedNetns('edge-switch');
  readonly #children: ChildProcess[] = [];

  /** The router is this process' main thread and its children from now on. */
  static build(): EdgeLab {
    enterOwnNetns();
    const lab = new EdgeLab();
    try {
      lab.#connect();
      lab.#configure();
      return lab;
    } catch (error) {
      lab.remove();
      throw error;
    }
  }

  remove(): void {
    for (const child of this.#children) child.kill();
    for (const netns of [this.client, this.node, this.other, this.far, this.#switch]) netns.remove();
  }

  /** The group's nexthop, as a failover replaces it. */
  send(by: 'uplink' | 'node'): void {
    for (const family of FAMILIES) {
      ip(`nexthop replace id ${NEXTHOPS.group[family]} group ${NEXTHOPS[by][family]} proto 68`);
    }
  }

  /** Senders that a receiver has heard, one entry for each number. */
  echo(where: NamedNetns, address: string, port = 7): Promise<Map<number, string>> {
    const heard = new Map<number, string>();
    const lines = this.#python(where, ECHO, [address, `${port}`]).lines;
    return new Promise((resolve) => {
      lines.on('line', (line) => {
        const [number, sender = ''] = line.split(' ');
        if (number === 'ready') resolve(heard);
        else heard.set(Number(number), sender);
      });
    });
  }

  /** A stream that goes on until it is ended; then all that came back and how many were sent. */
  stream(
    from: NamedNetns | null,
    source: string,
    to: string,
    port = 7,
  ): { returned: Set<number>; end: () => Promise<number> } {
    const returned = new Set<number>();
    let sent = -1;
    const { child, lines } = this.#python(from, STREAM, [to, `${port}`, source]);
    lines.on('line', (line) => {
      const [what, number] = line.split(' ');
      if (what === 'back') returned.add(Number(number));
      else sent = Number(number);
    });
    const closed = new Promise<void>((resolve) => lines.on('close', resolve));
    const end = async (): Promise<number> => {
      child.stdin!.end();
      await closed;
      return sent;
    };
    return { returned, end };
  }

  /** The node translates whatever source it gets, and answers clients straight. */
  serveClients(): void {
    const rules = 'flush chain inet armed others\nadd rule inet armed translate oifname nw0 masquerade\n';
    execFileSync('ip', ['netns', 'exec', this.node.name, 'nft', '--file', '-'], { input: rules });
  }

  macOf(name: string): Buffer {
    const [link] = JSON.parse(ip(`-json link show dev ${name}`)) as [{ address: string }];
    return Buffer.from(link.address.replaceAll(':', ''), 'hex');
  }

  /** One of the router's interfaces, as the data plane is to have it. */
  interfaceIntent(name: string, rpFilter = 0): InterfaceIntent {
    return {
      ifindex: ifindexOf(name),
      name,
      portIfindex: ifindexOf(name),
      vlanId: 0,
      innerVlanId: 0,
      mac: MacAddress.fromBytes(this.macOf(name)),
      mtu: 1500,
      forward: { 4: true, 6: true },
      egress: true,
      rpFilter,
    };
  }

  #python(
    where: NamedNetns | null,
    program: string,
    args: string[],
  ): { child: ChildProcess; lines: ReturnType<typeof createInterface> } {
    const inside = where ? ['ip', 'netns', 'exec', where.name] : ['env'];
    const child = spawn(inside[0]!, [...inside.slice(1), 'python3', '-c', program, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    return { child, lines: createInterface(child.stdout) };
  }

  #connect(): void {
    for (const netns of [this.client, this.node, this.other, this.far, this.#switch]) {
      for (const where of ['all', 'default']) netns.exec('sysctl', ['-qw', `net.ipv6.conf.${where}.accept_dad=0`]);
    }
    for (const where of ['all', 'default']) writeFileSync(`/proc/sys/net/ipv6/conf/${where}/accept_dad`, '0');
    this.#switch.ip('link add name bridge0 type bridge mcast_snooping 0');
    this.#switch.ip('link set bridge0 up');
    for (const [netns, name, port] of [
      [this.client, 'c0', 'pc'],
      [this.node, 'n0', 'pn'],
    ] as const) {
      netns.ip(`link add ${name} type veth peer name ${port} netns ${this.#switch.name}`);
      wholeChecksums(netns, name);
      netns.ip(`link set ${name} up`);
      this.#plug(port);
    }
    ip(`link add lan0 type veth peer name pr netns ${this.#switch.name}`);
    this.#plug('pr');
    cable('lan1', 'o0', this.other);
    cable('wan0', 'u0', this.far);
    this.node.ip(`link add nw0 type veth peer name x0 netns ${this.far.name}`);
    this.node.ip('link set nw0 up');
    this.far.ip('link set x0 up');
    for (const name of ['lan0', 'lan1', 'wan0']) ip(`link set ${name} up`);
  }

  /** A port of the switch; it takes redirected frames because it has a program. */
  #plug(port: string): void {
    this.#switch.ip(`link set dev ${port} xdpdrv obj ${PASS_OBJECT} sec xdp.frags`);
    this.#switch.ip(`link set ${port} master bridge0`);
    this.#switch.ip(`link set ${port} up`);
  }

  #configure(): void {
    const { router, client, node, nextHop, nodeOutside, behindNode, uplink, other, far } = ADDRESSES;
    const here = (command: string): string => ip(command);
    give(here, 'lan0', [`${router[4]}/25`, `${router[6]}/64`]);
    give(here, 'lan1', ['192.0.2.129/25', '2001:db8:4::1/64']);
    give(here, 'wan0', [`${uplink[4]}/24`, `${uplink[6]}/64`]);
    give(this.client.ip.bind(this.client), 'c0', [`${client[4]}/25`, `${client[6]}/64`]);
    give(this.node.ip.bind(this.node), 'n0', [`${node[4]}/25`, `${node[6]}/64`, `${nextHop[6]}/64`]);
    give(this.node.ip.bind(this.node), 'nw0', [`${nodeOutside[4]}/24`, `${nodeOutside[6]}/64`]);
    give(this.node.ip.bind(this.node), 'lo', [`${behindNode[4]}/32`, `${behindNode[6]}/128`]);
    give(this.other.ip.bind(this.other), 'o0', [`${other[4]}/25`, `${other[6]}/64`]);
    give(this.far.ip.bind(this.far), 'u0', ['198.51.100.2/24', '2001:db8:2::2/64']);
    give(this.far.ip.bind(this.far), 'x0', ['203.0.113.2/24', '2001:db8:3::2/64']);
    give(this.far.ip.bind(this.far), 'lo', [`${far[4]}/32`, `${far[6]}/128`]);
    for (const key of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) writeFileSync(`/proc/sys/net/${key}`, '1');
    for (const key of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'])
      this.node.exec('sysctl', ['-qw', `${key}=1`]);
    this.client.ip(`route add default via ${router[4]}`);
    this.client.ip(`route add default via ${router[6]}`);
    this.other.ip('route add default via 192.0.2.129');
    this.other.ip('route add default via 2001:db8:4::1');
    this.node.ip('route add default via 203.0.113.2');
    this.node.ip('route add default via 2001:db8:3::2');
    this.node.ip(`route add 192.0.2.128/25 via ${router[4]}`);
    this.node.ip(`route add 2001:db8:4::/64 via ${router[6]}`);
    for (const inside of ['192.0.2.0/24']) this.far.ip(`route add ${inside} via ${uplink[4]}`);
    for (const inside of ['2001:db8:1::/64', '2001:db8:4::/64']) this.far.ip(`route add ${inside} via ${uplink[6]}`);
    this.#armNode();
    ip(`nexthop add id ${NEXTHOPS.uplink[4]} via 198.51.100.2 dev wan0 proto 68`);
    ip(`nexthop add id ${NEXTHOPS.uplink[6]} via 2001:db8:2::2 dev wan0 proto 68`);
    for (const family of FAMILIES) {
      ip(`nexthop add id ${NEXTHOPS.node[family]} via ${nextHop[family]} dev lan0 proto 68`);
      ip(`nexthop add id ${NEXTHOPS.group[family]} group ${NEXTHOPS.uplink[family]} proto 68`);
      ip(`-${family} route add ${EVERYTHING[family]} nhid ${NEXTHOPS.group[family]} proto 68`);
    }
  }

  #armNode(): void {
    const rules = `
      table inet armed {
        chain translate {
          type nat hook postrouting priority srcnat
          oifname nw0 ip saddr ${ADDRESSES.router[4]} masquerade
          oifname nw0 ip6 saddr ${ADDRESSES.router[6]} masquerade
        }
        chain others {
          type filter hook forward priority filter
          iifname n0 ip saddr != ${ADDRESSES.router[4]} drop
          iifname n0 ip6 saddr != ${ADDRESSES.router[6]} drop
        }
      }\n`;
    execFileSync('ip', ['netns', 'exec', this.node.name, 'nft', '--file', '-'], { input: rules });
  }
}

/** Which of the numbers that were sent are not there, for people: "17-21, 40"; none: "". */
export function missing(numbers: { has(number: number): boolean }, sent: number): string {
  const ranges: [first: number, last: number][] = [];
  for (let number = 0; number < sent; number++) {
    if (numbers.has(number)) continue;
    const last = ranges.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(', ');
}

function give(run: (command: string) => string, name: string, addresses: string[]): void {
  for (const address of addresses) run(`address add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`);
}

/** From the router to somebody's namespace. */
function cable(here: string, there: string, netns: NamedNetns): void {
  ip(`link add ${here} type veth peer name ${there} netns ${netns.name}`);
  netns.ip(`link set dev ${there} xdpdrv obj ${PASS_OBJECT} sec xdp.frags`);
  wholeChecksums(netns, there);
  netns.ip(`link set ${there} up`);
}

/** A veth's sender that leaves checksums to the device is not believed once XDP has redirected its frames. */
function wholeChecksums(netns: NamedNetns, name: string): void {
  netns.exec('ethtool', ['-K', name, 'tx', 'off']);
}
