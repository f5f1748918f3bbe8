/** A gateway channel with a clock and a link by hand, and a state directory of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GatewaysConfig } from '../../../src/config/types.js';
import type { Clock, ElectedNode, GatewayChannel, GatewayIntent } from '../../../src/controller/ports.js';
import type { GatewayDiscards, GatewayTransition } from '../../../src/controller/records.js';
import type { PathStateName, PathView } from '../../../src/engine/types.js';
import type { OpenGatewayLink } from '../../../src/gateway/link/index.js';
import type { OutgoingMessage } from '../../../src/gateway/link/types.js';
import { newKey, openPairings, type PairingStore } from '../../../src/gateway/pairing/index.js';
import { createGatewayChannel, type LinkCallbacks } from '../../../src/gateway/router/index.js';
import type { Cost, Message, Offer, Usage } from '../../../src/gateway/wire/types.js';
import type { Family } from '../../../src/net/ip-address.js';
import { familiesOf, nodeId, originOf, SELF } from './router-world.js';

export const WALL_MS = Date.UTC(2026, 10, 24, 12);

export class ManualClock implements Clock {
  now = 5_000_000_000;
  wall = WALL_MS;
  #timers: { atUs: number; callback: () => void }[] = [];

  nowUs = (): number => this.now;
  wallMs = (): number => this.wall;
  at = (atUs: number, callback: () => void): (() => void) => {
    const timer = { atUs, callback };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((other) => other !== timer));
  };

  advance(us: number): void {
    const untilUs = this.now + us;
    for (;;) {
      const next = this.#timers.filter(({ atUs }) => atUs <= untilUs).sort((one, other) => one.atUs - other.atUs)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.wall += Math.max(0, next.atUs - this.now) / 1000;
      this.now = Math.max(this.now, next.atUs);
      next.callback();
    }
    this.wall += (untilUs - this.now) / 1000;
    this.now = untilUs;
  }
}

export const gatewaysConfig = (stateDirectory: string, change: Partial<GatewaysConfig> = {}): GatewaysConfig => ({
  interfaces: ['lan0'],
  groups: ['internet'],
  standby: 'cold',
  maxElected: 1,
  metered: 'allow',
  minimumBatteryPercent: 20,
  approval: 'pairing',
  wayBack: 'router',
  probes: [],
  standbyIntervalMs: 1000,
  leaseMs: 15_000,
  switchAfterMs: 60_000,
  restMs: 5000,
  maximumRestMs: 80_000,
  budget: null,
  policy: null,
  stateDirectory,
  ...change,
});

export const pathView = (family: Family, state: PathStateName): PathView => ({
  uplink: 'gw-a',
  family,
  state,
  alive: state !== 'down',
  kept: null,
  sinceUs: 0,
  cause: 'icmp: 3 of 3 probes lost',
  heldUntilUs: null,
  damping: { figureOfMerit: 0, suppressed: false },
  failures: 0,
  targets: [],
});

export class ChannelWorld {
  readonly directory = mkdtempSync(join(tmpdir(), `detour-channel-${process.pid}-`));
  readonly clock: ManualClock;
  pairings: PairingStore;
  channel!: GatewayChannel;
  callbacks!: LinkCallbacks;
  sent: OutgoingMessage[] = [];
  records: (GatewayTransition | GatewayDiscards)[] = [];
  elected: (readonly ElectedNode[])[] = [];
  log: string[] = [];
  urgent = false;
  calm = false;
  seeded: string[] = [];
  discarded: string[] = [];
  closed = false;
  /** Of the link. */
  linkProblems: { ifname: string; reason: string }[] = [];
  config: GatewaysConfig;
  #order = 1n << 32n;
  #epoch = 7;

  constructor(names: readonly string[] = ['a'], change: Partial<GatewaysConfig> = {}, clock = new ManualClock()) {
    this.clock = clock;
    this.config = gatewaysConfig(this.directory, change);
    this.pairings = this.#openPairings();
    for (const name of names) {
      this.pairings.add({ name, peer: null, keys: [newKey(WALL_MS)], approved: false });
    }
    this.start();
  }

  #openPairings(): PairingStore {
    return openPairings({ stateDirectory: this.directory, side: 'nodes' });
  }

  /** As a new process would, over the same state directory. */
  start(bootId = 'boot-1'): this {
    this.#epoch += 1;
    this.pairings = this.#openPairings();
    this.sent = [];
    this.elected = [];
    this.channel = createGatewayChannel({
      config: this.config,
      self: SELF,
      epoch: this.#epoch,
      bootId,
      pairings: this.pairings,
      openLink: (callbacks) => this.#link(callbacks),
      clock: this.clock,
      random: () => 99n,
      log: (level, text) => this.log.push(`${level}: ${text}`),
    });
    this.channel.onRecord((record) => this.records.push(record));
    this.channel.onElected((elected) => this.elected.push(elected));
    return this;
  }

  #link(callbacks: LinkCallbacks): OpenGatewayLink {
    this.callbacks = callbacks;
    return {
      send: (message) => this.sent.push(message),
      setInterfaces: () => undefined,
      setUrgent: (urgent) => (this.urgent = urgent),
      setCalm: (calm) => (this.calm = calm),
      strangers: () => [],
      statistics: () => ({ received: 1, accepted: 2, sent: 3, sendErrors: 4, discarded: { key: 5, ttl: 0 } as never }),
      close: () => (this.closed = true),
      seed: (pairing) => this.seeded.push(pairing),
      countDiscard: (reason) => this.discarded.push(reason),
      overruns: () => 6,
      problems: () => this.linkProblems,
    };
  }

  apply(active: Family[], change: Partial<GatewayIntent> = {}): this {
    this.channel.apply({
      config: this.config,
      active,
      standby: [],
      cause: 'fibre down',
      hindrance: null,
      links: [{ ifindex: 3, ifname: 'lan0' }],
      clients: [],
      measured: [],
      idle: [],
      ...change,
    });
    return this;
  }

  hear(name: string, message: Message): this {
    this.#order += 1n;
    const header = { sender: nodeId(name), receiver: SELF, order: this.#order };
    this.callbacks.onMessage({ pairing: name, header, message, origin: originOf(name), atUs: this.clock.now });
    return this;
  }

  advertise(name: string, change: Partial<Offer> = {}): this {
    const families = familiesOf(name, [4, 6]);
    return this.hear(name, { type: 'advertise', intervalMs: 60_000, families, backhaul: [], path: [], ...change });
  }

  last(name = 'a'): OutgoingMessage {
    const found = this.sent.findLast(({ pairing }) => pairing === name);
    if (!found) throw new Error(`nothing was sent to ${name}`);
    return found;
  }

  answer(name = 'a', usage: Usage = { toNetworkBytes: 0n, fromNetworkBytes: 0n }): this {
    const { message, order: echo } = this.last(name);
    if (message.type === 'release') return this.hear(name, { type: 'released', lease: message.lease, echo, usage });
    if (message.type !== 'elect' && message.type !== 'renew') throw new Error(`no answer to ${message.type}`);
    const families = familiesOf(name, message.want.families);
    const { lease } = message;
    if (message.type === 'elect') return this.hear(name, { type: 'accept', lease, echo, families });
    return this.hear(name, { type: 'status', lease, echo, usage, families, backhaul: [] });
  }

  /** Lets the lease be renewed once, with these counters. */
  carry(bytes: bigint): this {
    const before = this.sent.length;
    while (this.sent.length === before) this.clock.advance(100_000);
    return this.answer('a', { toNetworkBytes: 0n, fromNetworkBytes: bytes });
  }

  causes(): string[] {
    return this.records.map(({ cause }) => cause);
  }

  remove(): void {
    this.pairings.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export const metered: Cost = { preference: 0, metered: true, bytesLeft: null };
