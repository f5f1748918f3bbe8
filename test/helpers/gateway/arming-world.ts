/**
 *     router [r0] ----------- [lan.7] node [wan] ----------- [f0] far
 *       192.0.2.1, .9 (a neighbour)  192.0.2.2  198.51.100.2    198.51.100.1
 *       2001:db8:1::1, ::9, fe80::1  ::2        2001:db8:2::2   2001:db8:2::1
 *                                                               and beyond: 203.0.113.1, 2001:db8:9::1
 *
 * The far machine knows no way to the LAN: what is answered was translated. It answers each datagram with the address that
 * it came from.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connectNetns, NamedNetns } from '../named-netns.js';
import { until } from '../poll.js';
import { transpile } from '../transpile.js';
import type { AgentCommand, AgentLease, AgentSettings } from './arming-agent.js';

const ANSWERING = `
import select, socket
sockets = []
for family, address in ((socket.AF_INET, '203.0.113.1'), (socket.AF_INET6, '2001:db8:9::1')):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((address, 7777))
    sockets.append(s)
while True:
    for s in select.select(sockets, [], [])[0]:
        data, peer = s.recvfrom(2048)
        s.sendto(peer[0].encode().ljust(len(data), b' '), peer)
`;
const ASKING = `
import socket, sys
source, destination, wait, size = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
s = socket.socket(socket.AF_INET6 if ':' in source else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((source, 0)); s.settimeout(wait)
try:
    s.sendto(b'x' * size, (destination, 7777)); print(s.recvfrom(2048)[0].decode().strip())
except OSError: print('nothing')
`;
/** RFC 4861, section 4.2; the kernel adds source and checksum. */
const ADVERTISING = `
import socket, struct, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.sendto(struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, int(sys.argv[1]), 0, 0), ('ff02::1', 0, 0, socket.if_nametoindex('f0')))
`;
/** Behind the node's gateway, so that the default route decides. */
export const FAR = { 4: '203.0.113.1', 6: '2001:db8:9::1' } as const;
const GATEWAY = { 4: '198.51.100.1', 6: '2001:db8:2::1' } as const;
/** How long silence must last to be believed, seconds; a wrong answer would come in less than a millisecond. */
const SILENCE_S = '0.3';
const PATIENCE_S = '10';

const NOBODY = 65534;
const ORDINARY_USER = [
  ...['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'],
  ...['inh-caps', 'ambient-caps', 'bounding-set'].map((set) => `--${set}=-all,+net_admin`),
];

export class ArmingWorld {
  readonly router = new NamedNetns('arm-router');
  readonly node = new NamedNetns('arm-node');
  readonly far = new NamedNetns('arm-far');
  readonly stateDirectory = mkdtempSync(join(tmpdir(), `dt-arming-${process.pid}-`));
  readonly #code = transpile('test/helpers/gateway/arming-agent.ts');
  readonly #far: ChildProcess;
  readonly #agents: Agent[] = [];

  constructor() {
    const { router, node, far } = this;
    const lan = ['192.0.2.1/24', '192.0.2.9/24', '2001:db8:1::1/64', '2001:db8:1::9/64', 'fe80::1/64'];
    connectNetns(router, 'r0', lan, node, 'lan.7', ['192.0.2.2/24', '2001:db8:1::2/64']);
    connectNetns(node, 'wan', ['198.51.100.2/24', '2001:db8:2::2/64'], far, 'f0', [
      '198.51.100.1/24',
      '2001:db8:2::1/64',
    ]);
    far.ip(`address add ${FAR[4]}/32 dev lo`);
    far.ip(`address add ${FAR[6]}/128 dev lo nodad`);
    for (const family of ['-4', '-6'])
      router.ip(`${family} route add default via ${family === '-4' ? '192.0.2.2' : '2001:db8:1::2'}`);
    for (const family of ['-4', '-6'])
      node.ip(`${family} route add default via ${GATEWAY[family === '-4' ? 4 : 6]} dev wan`);
    this.#far = spawn('ip', ['netns', 'exec', far.name, 'python3', '-c', ANSWERING], { stdio: 'ignore' });
  }

  async ready(): Promise<this> {
    // Link-local addresses are in the routing table once they have been found to be unique.
    const tentative = (): boolean => this.node.ip('-6 address show tentative') !== '';
    await until(() => !tentative(), { what: 'the duplicate address detection' });
    await until(
      () => this.node.exec('python3', ['-c', ASKING, '198.51.100.2', FAR[4], SILENCE_S, '10']).startsWith('198'),
      {
        what: 'the far machine answering',
      },
    );
    await until(
      () => this.node.exec('python3', ['-c', ASKING, '2001:db8:2::2', FAR[6], SILENCE_S, '10']).startsWith('2001'),
      {
        what: 'the far machine answering by IPv6',
      },
    );
    return this;
  }

  /** Sends one datagram; @returns the address that the far machine saw */
  seenFrom(source: string, { size = 50 } = {}): string {
    return this.#ask(source, PATIENCE_S, size);
  }

  isSilent(source: string): boolean {
    return this.#ask(source, SILENCE_S, 50) === 'nothing';
  }

  #ask(source: string, wait: string, size: number): string {
    const destination = FAR[source.includes(':') ? 6 : 4];
    return this.router.exec('python3', ['-c', ASKING, source, destination, wait, String(size)]).trim();
  }

  /** One router advertisement from the far machine, which is the default router for so long, seconds. */
  async advertise(lifetimeS: number): Promise<void> {
    await until(() => this.far.ip('-6 address show dev f0 scope link -tentative') !== '', {
      what: 'the link-local address',
    });
    this.far.exec('python3', ['-c', ADVERTISING, String(lifetimeS)]);
  }

  /** Everything that arming may touch, as text; without seconds that run. */
  snapshot(): string {
    const files =
      'grep -H . /proc/sys/net/ipv4/ip_forward ' +
      '/proc/sys/net/ipv[46]/conf/*/forwarding /proc/sys/net/ipv4/conf/*/send_redirects ' +
      '/proc/sys/net/ipv6/conf/*/accept_ra $(ls /proc/sys/net/ipv6/conf/*/force_forwarding 2>/dev/null)';
    const commands = [
      'nft list ruleset',
      files,
      ...['-4', '-6'].flatMap((f) => [`ip ${f} route show table all`, `ip ${f} rule`]),
    ];
    return commands.map((command) => `${command}\n${this.#read(command)}`).join('\n');
  }

  #read(command: string): string {
    return this.node.exec('sh', ['-c', command]).replace(/expires \d+sec/g, 'expires');
  }

  /** @param as `nobody`: an ordinary user with CAP_NET_ADMIN and nothing else */
  async startAgent(settings: Partial<AgentSettings> = {}, { as = 'root' } = {}): Promise<Agent> {
    const all: AgentSettings = { stateDirectory: this.stateDirectory, backhaul: { 4: 'wan', 6: 'wan' }, ...settings };
    const become = as === 'root' ? [] : ORDINARY_USER;
    if (as !== 'root') for (const path of [this.stateDirectory, this.#code.directory]) chownSync(path, NOBODY, NOBODY);
    const agent = new Agent(this.node.name, [...become, process.execPath, this.#code.path], all);
    this.#agents.push(agent);
    return agent;
  }

  remove(): void {
    for (const agent of this.#agents) agent.kill();
    this.#far.kill('SIGKILL');
    for (const netns of [this.router, this.node, this.far]) netns.remove();
    rmSync(this.stateDirectory, { recursive: true });
    this.#code.remove();
  }
}

export class Agent {
  readonly #process: ChildProcess;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor(netns: string, command: readonly string[], settings: AgentSettings) {
    // `ip netns exec` becomes the agent: one process.
    this.#process = spawn('ip', ['netns', 'exec', netns, ...command, JSON.stringify(settings)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#process.stdin!.on('error', () => undefined);
    createInterface({ input: this.#process.stdout! }).on('line', (line) => this.#waiting.shift()?.(line));
  }

  get pid(): number {
    return this.#process.pid!;
  }

  async ask<T>(command: AgentCommand): Promise<T> {
    const line = await new Promise<string>((resolve) => {
      this.#waiting.push(resolve);
      this.#process.stdin!.write(`${JSON.stringify(command)}\n`);
    });
    const answer = JSON.parse(line) as { ok: T } | { error: string };
    if ('error' in answer) throw new Error(answer.error);
    return answer.ok;
  }

  /** @returns how long it took, milliseconds */
  apply(...leases: AgentLease[]): Promise<number> {
    return this.ask<number>({ apply: leases });
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  async killed(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.kill();
    await ended;
  }
}
