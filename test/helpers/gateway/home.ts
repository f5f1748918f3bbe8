/**
 * A home of the lab (RescueRig) as a test asks about it: the real router and real `detour gateway run` agents, what the
 * API says of them, what a client behind the router can reach, and what both machines look like.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { FarServer, download } from '../../../src/lab/downloads.js';
import type { Download } from '../../../src/lab/downloads.js';
import { RescueRig, gatewayUplink, nodeName } from '../../../src/lab/rescue-rig.js';
import type { RescueConfigOptions } from '../../../src/lab/rescue-config.js';
import type { LoggedEvent } from '../../../src/lab/story-parts.js';
import { sh, tryStart } from '../../../src/lab/shell.js';
import { FAR_IPV4, FAR_IPV6, cellIpv4, cellIpv6 } from '../../../src/lab/topology.js';
import type { NodePlace } from '../../../src/lab/topology.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { builtCli } from '../cli.js';
import { until } from '../poll.js';

export interface HomeOptions {
  tag: string;
  nodes?: readonly NodePlace[];
  config?: Partial<RescueConfigOptions>;
  /** `cost.preference` of each node; default: none. */
  preferences?: readonly number[];
}

interface GatewayView {
  state: string;
  why: string;
  approved: boolean;
  rank: number | null;
  keyIds: string[];
  lease: { role: string } | null;
}

const FAMILIES = [4, 6] as const;
const FAR = { 4: FAR_IPV4, 6: FAR_IPV6 };
const SEEN_AS = { 4: cellIpv4, 6: cellIpv6 };
const BYTES = 1_000_000;
/** An election, a lost path and a return each take a second or two; the rest is for a busy machine. */
const TIMEOUT_MS = 30_000;

export class Home {
  readonly rig: RescueRig;
  /** What the router and each node looked like before anything of Detour ran. */
  readonly found: { router: string; nodes: readonly string[] };
  #far: FarServer | null = null;
  #log = '';

  constructor({ tag, nodes = ['lan'], config = {}, preferences = [] }: HomeOptions) {
    builtCli();
    const onLine = (who: string, line: string): void => void (this.#log += `${who}: ${line}\n`);
    this.rig = new RescueRig({ tag: `lc${process.pid}-${tag}`, nodes, onLine });
    this.rig.writeConfig(config);
    this.found = { router: this.#router(), nodes: this.rig.lab.nodes.map((node) => node.fingerprint()) };
    nodes.forEach((_, index) => {
      const text = this.rig.writeNodeConfig(index);
      const preference = preferences[index];
      if (preference === undefined) return;
      const cost = `cost: {metered: true, preference: ${preference}}`;
      writeFileSync(this.rig.nodeConfigFile(index), text.replace(/^cost: .*$/m, cost));
    });
  }

  /** What the processes have printed. */
  get log(): string {
    return this.#log;
  }

  /** Until the router has an offer of every node. */
  async start(): Promise<this> {
    const { rig } = this;
    this.#far = await FarServer.start(rig.lab.names);
    rig.lab.nodes.forEach((_, index) => rig.pair(index));
    await rig.startController();
    rig.lab.nodes.forEach((_, index) => rig.startAgent(index));
    for (const index of rig.lab.nodes.keys()) await this.become(index, 'offered');
    await this.active('line');
    return this;
  }

  async destroy(): Promise<void> {
    this.#far?.stop();
    await this.rig.destroy();
  }

  async gateway(index = 0): Promise<GatewayView> {
    const { status, body } = await this.rig.controller.call('GET', `/v1/gateways/${nodeName(index)}`);
    if (status !== 200) throw new Error(`GET /v1/gateways/${nodeName(index)}: ${status} ${JSON.stringify(body)}`);
    return body as GatewayView;
  }

  async become(index: number, state: string): Promise<void> {
    const what = `${nodeName(index)} ${state}`;
    await this.until(what, async () => (await this.gateway(index)).state === state);
  }

  /** Until exactly this uplink carries both families. */
  async active(uplink: string): Promise<void> {
    await this.until(`traffic by ${uplink}`, async () => {
      const { body } = await this.rig.controller.call('GET', '/v1/groups');
      const { groups } = body as { groups: { active: string[] }[] };
      return groups.length > 0 && groups.every(({ active }) => active.join() === uplink);
    });
  }

  /** Until traffic goes through this node. */
  carriedBy(index: number): Promise<void> {
    return this.active(gatewayUplink(index));
  }

  /** Families that no configured uplink works for. */
  async need(): Promise<number[]> {
    const { body } = await this.rig.controller.call('GET', '/v1/gateways');
    return (body as { need: { active: number[] } }).need.active;
  }

  async byHand(command: 'approve' | 'elect' | 'release' | 'auto', index = 0): Promise<number> {
    const { status } = await this.rig.controller.call('POST', `/v1/gateways/${nodeName(index)}/${command}`);
    return status;
  }

  /** What the router logged of a node's states, oldest first, as "from > to". */
  async changes(index = 0): Promise<string[]> {
    const { body } = await this.rig.controller.call('GET', '/v1/events?limit=1000');
    const { events } = body as { events: LoggedEvent[] };
    return events.flatMap(({ record }) => {
      if (record.kind !== 'gateway' || record.gateway !== nodeName(index)) return [];
      const { from, to } = record as unknown as { from: string; to: string };
      return [`${from} > ${to}`];
    });
  }

  /** Three pings and a TCP download in each family. @throws Error unless all of it arrives, and as from this node */
  async reaches(index: number): Promise<void> {
    for (const family of FAMILIES) {
      const pinged = sh('ip', 'netns', 'exec', this.rig.lab.names.client, ...ping(family), '-c', '3');
      if (lossOf(pinged) !== 0) throw new Error(`IPv${family} through ${nodeName(index)}: ${pinged}`);
      const { bytes, seenAs } = await this.#download(family);
      const expected = IpAddress.parse(SEEN_AS[family](index)).toString();
      if (bytes !== BYTES || seenAs !== expected)
        throw new Error(`IPv${family}: ${bytes} bytes; the far server saw ${seenAs}, not ${expected}`);
    }
  }

  #download(family: 4 | 6): Promise<Download> {
    return download(this.rig.lab.names, family, BYTES);
  }

  /** Pings in both families while something is done. @returns the numbers of those without an answer, IPv4 and IPv6 */
  async lossDuring(act: () => Promise<void>): Promise<number[][]> {
    const pings = FAMILIES.map((family) => {
      const args = ['netns', 'exec', this.rig.lab.names.client, ...ping(family)];
      const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
      return { child, closed: once(child, 'close'), output: () => output };
    });
    try {
      await this.until('answers', () => pings.every(({ output }) => output().includes('icmp_seq=3')));
      await act();
    } finally {
      for (const { child } of pings) child.kill('SIGINT');
      await Promise.all(pings.map(({ closed }) => closed));
    }
    return pings.map(({ output }) => unanswered(output()));
  }

  /** Until the node is as it was found. */
  nodeAsFound(index: number): Promise<void> {
    return this.#asFound(nodeName(index), this.found.nodes[index]!, () => this.rig.lab.nodes[index]!.fingerprint());
  }

  /** Until nothing of an election is left at the router. */
  routerAsFound(): Promise<void> {
    return this.#asFound('the router', this.found.router, () => this.#router());
  }

  async #asFound(who: string, found: string, now: () => string): Promise<void> {
    const what = `${who} as it was found`;
    await until(() => now() === found, { timeoutMs: TIMEOUT_MS, everyMs: 50, what }).catch((error: unknown) => {
      throw new Error(`${String(error)}:\n--- found\n${found}\n--- now\n${now()}`);
    });
  }

  /** What an election changes there: nft tables and redirects. */
  #router(): string {
    const { router } = this.rig.lab.names;
    const inside = (...command: string[]): string => sh('ip', 'netns', 'exec', router, ...command);
    const settings = inside('sysctl', '-a', '-r', String.raw`^net\.ipv[46]\.(ip_forward$|conf\..*send_redirects$)`);
    return [inside('nft', 'list', 'ruleset'), settings].join('\n');
  }

  /** Of this node; false: it forwards nothing. */
  armed(index: number): boolean {
    const { namespace } = this.rig.lab.nodes[index]!;
    return tryStart('ip', 'netns', 'exec', namespace, 'nft', 'list', 'table', 'inet', 'detour-gateway');
  }

  async until(what: string, predicate: () => boolean | Promise<boolean>): Promise<void> {
    await until(predicate, { timeoutMs: TIMEOUT_MS, everyMs: 50, what }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.#log}`);
    });
  }
}

const ping = (family: 4 | 6): string[] => ['ping', `-${family}`, '-i', '0.01', '-W', '5', FAR[family]];

function lossOf(pinged: string): number {
  const loss = /([\d.]+)% packet loss/.exec(pinged)?.[1];
  if (loss === undefined) throw new Error(`no summary of ping: ${pinged}`);
  return Number(loss);
}

/** Of the numbers before the last answer: the last question may have been asked when ping was ended. */
function unanswered(pinged: string): number[] {
  const answered = new Set([...pinged.matchAll(/icmp_seq=(\d+) .*time=/g)].map(([, number]) => Number(number)));
  const asked = Array.from({ length: Math.max(0, ...answered) }, (_, index) => index + 1);
  return asked.filter((number) => !answered.has(number));
}
