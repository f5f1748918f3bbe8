/** A node agent whose machine, link, rules and clock are played by a test. */
import { defaultNodeConfig, type GatewayNodeConfig } from '../../../src/config/gateway-node/index.js';
import type { Origin, OutgoingMessage } from '../../../src/gateway/link/types.js';
import { NodeAgent } from '../../../src/gateway/node/agent/agent.js';
import type { BudgetRecord } from '../../../src/gateway/node/agent/budget.js';
import type { LocalInterface } from '../../../src/gateway/node/agent/ports.js';
import type { ArmedLease } from '../../../src/gateway/node/types.js';
import type { Pairing } from '../../../src/gateway/pairing/types.js';
import type {
  Backhaul,
  DiscardReason,
  MachineId,
  Message,
  MessageType,
  Power,
  Usage,
} from '../../../src/gateway/wire/types.js';
import { IpAddress, type Family } from '../../../src/net/ip-address.js';
import { Prefix } from '../../../src/net/prefix.js';
import { ManualClock } from '../manual-clock.js';
import { pairingWith } from './link-rig.js';
import { testId, testKey } from './messages.js';

export const EPOCH = 1_800_000_000;
export const ROUTER = testId('home');
export const SECOND_US = 1_000_000;

export const LAN: LocalInterface = {
  ifindex: 2,
  ifname: 'lan0',
  addresses: { 4: IpAddress.parse('192.0.2.7'), 6: IpAddress.parse('fe80::7') },
};
export const SHED: LocalInterface = { ifindex: 3, ifname: 'shed0', addresses: { 4: IpAddress.parse('198.51.100.7') } };

export const works = (family: Family): Backhaul => ({ family, state: 'good', lossPermille: 0, rttUs: 9000, ageMs: 10 });

/** An `apply` that waits for the test to say how it ended. */
interface Applying {
  leases: readonly ArmedLease[];
  done: () => void;
  fail: (problem: string) => void;
}

export class AgentRig {
  readonly clock = new ManualClock();
  readonly agent: NodeAgent;
  readonly config: GatewayNodeConfig;
  readonly sent: OutgoingMessage[] = [];
  readonly log: string[] = [];
  readonly carried: BudgetRecord[] = [];
  readonly served: string[] = [];
  readonly applying: Applying[] = [];
  /** What the machine is like; the agent looks once a second. */
  interfaces: LocalInterface[] = [LAN];
  backhaul: Backhaul[] = [works(4), works(6)];
  waysOut: Partial<Record<Family, string>> = { 4: 'cell', 6: 'cell' };
  gateways: IpAddress[] = [];
  power: Power = { batteryPercent: null, charging: false };
  lacking: string | null = null;
  usage = new Map<string, Usage>();
  pairings: Pairing[] = [pairingWith('home', [testKey('a')], ROUTER)];
  upstream: MachineId[] = [];
  restoring: () => Promise<string[]> = async () => [];
  readonly discarded: DiscardReason[] = [];
  armingClosed = 0;
  #backhaulChanged = (): void => undefined;
  #pairingsChanged = (): void => undefined;
  #order = 1n << 32n;

  constructor(config: Partial<GatewayNodeConfig> = {}, { budget = null }: { budget?: BudgetRecord | null } = {}) {
    this.config = { ...defaultNodeConfig(), interfaces: ['lan0', 'shed0'], ...config };
    const options = {
      config: this.config,
      self: testId('node'),
      epoch: EPOCH,
      seed: 1,
      hostname: 'host',
      pid: 1,
      budget,
      waysOut: () => Object.values(this.waysOut),
      onChange: () => undefined,
      onCarried: (record: BudgetRecord) => void this.carried.push(record),
    };
    const link = {
      send: (message: OutgoingMessage) => void this.sent.push(message),
      setInterfaces: () => undefined,
      setUrgent: () => undefined,
      statistics: () => ({ received: 0, accepted: 0, sent: 0, sendErrors: 0, discarded: {} as never }),
      countDiscard: (reason: DiscardReason) => void this.discarded.push(reason),
      problems: () => [],
      close: () => undefined,
    };
    this.agent = new NodeAgent(options, {
      clock: this.clock,
      machine: { interfaces: () => this.interfaces, power: () => this.power, lacks: () => this.lacking },
      backhaul: {
        paths: () => this.backhaul,
        interfaces: () => this.waysOut,
        gateways: () => this.gateways,
        problems: () => [],
        onChange: (listener) => void (this.#backhaulChanged = listener),
        close: () => undefined,
      },
      arming: {
        apply: (leases) =>
          new Promise((resolve, reject) => {
            this.applying.push({ leases, done: resolve, fail: (problem) => reject(new Error(problem)) });
          }),
        usage: async () => this.usage,
        restore: () => this.restoring(),
        close: async () => void (this.armingClosed += 1),
      },
      link,
      pairings: {
        list: () => this.pairings,
        onChange: (listener) => void (this.#pairingsChanged = listener),
      },
      ownRouter: {
        upstream: () => this.upstream,
        serve: (ids) => void (ids.join() === (this.served.at(-1) ?? '') || this.served.push(ids.join())),
      },
      log: (level, text) => void this.log.push(`${level} ${text}`),
    });
  }

  /** Started, with nothing left of an earlier run, and the first offer made. */
  async start(): Promise<this> {
    this.agent.start();
    await settled();
    await this.applied();
    return this;
  }

  /** What is being applied now has come true. */
  async applied(): Promise<void> {
    this.applying.at(-1)!.done();
    await settled();
  }

  async failed(problem: string): Promise<void> {
    this.applying.at(-1)!.fail(problem);
    await settled();
  }

  async pass(us = SECOND_US): Promise<void> {
    this.clock.advance(us);
    await settled();
  }

  backhaulChanged(): void {
    this.#backhaulChanged();
  }

  setPairings(pairings: Pairing[]): void {
    this.pairings = pairings;
    this.#pairingsChanged();
  }

  /** Messages of this type so far. */
  said<T extends MessageType>(type: T): (OutgoingMessage & { message: Extract<Message, { type: T }> })[] {
    return this.sent.filter((one) => one.message.type === type) as never;
  }

  receive(message: Message, origin: Origin = originOn(LAN)): void {
    const header = { sender: ROUTER, receiver: testId('node'), order: ++this.#order };
    this.agent.receive({ pairing: 'home', header, message, origin, atUs: this.clock.nowUs() });
  }

  elect({
    number = 1n,
    origin = originOn(LAN),
    echo = this.sent.at(-1)?.order ?? 0n,
    families = [4, 6] as Family[],
    clients = [Prefix.parse('192.0.2.1/32')],
  } = {}): void {
    const lease = { router: ROUTER, number, role: 'active', leftMs: 15_000 } as const;
    this.receive(
      { type: 'elect', lease, echo, want: { families, wayBack: 'router' }, clients, path: [ROUTER, testId('behind')] },
      origin,
    );
  }

  release(number = 1n): void {
    const lease = { router: ROUTER, number, role: 'active', leftMs: 0 } as const;
    const reason = { code: 're-established', text: '' } as const;
    this.receive({ type: 'release', lease, echo: this.sent.at(-1)!.order, reason });
  }
}

export const originOn = ({ ifindex, ifname }: LocalInterface, address = '192.0.2.1'): Origin => ({
  ifindex,
  ifname,
  address: IpAddress.parse(address),
});

/** Everything that promises had to say has been said. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
