/** A router's machine and nodes that say what a test wants: time and messages by hand. */
import { expect } from 'vitest';
import type { Origin } from '../../../src/gateway/link/types.js';
import {
  initialRouter,
  nextDeadlineUs,
  nodeViews,
  step,
  type RouterState,
} from '../../../src/gateway/router/machine.js';
import type {
  ElectedGateway,
  GatewayRecord,
  MeasuredPath,
  Need,
  NodeView,
  PersistedLease,
  RouterAction,
  RouterEvent,
  RouterPolicy,
} from '../../../src/gateway/router/types.js';
import { encode } from '../../../src/gateway/wire/index.js';
import type { Lease, Message, Offer, OfferedFamily } from '../../../src/gateway/wire/types.js';
import { IpAddress, type Family } from '../../../src/net/ip-address.js';
import { deepFreeze } from './freeze.js';

export const MS = 1000;
export const SECOND = 1_000_000;
export const SELF = '0000000000000000000000000000000a';
const KEY = { id: '0123456789abcdef', key: new Uint8Array(32), createdMs: 0 };
const START_US = 1000 * SECOND;
const EPOCH = 7;

export const routerPolicy = (change: Partial<RouterPolicy> = {}): RouterPolicy => ({
  self: SELF,
  maximumElected: 1,
  metered: 'allow',
  minimumBatteryPercent: 20,
  approval: 'pairing',
  wayBack: 'router',
  clients: [],
  leaseUs: 15 * SECOND,
  renewUs: 3 * SECOND,
  switchAfterUs: 30 * SECOND,
  restUs: 5 * SECOND,
  maximumRestUs: 80 * SECOND,
  ...change,
});

export const nodeId = (name: string): string => Buffer.from(name.padEnd(16, '.')).toString('hex').slice(0, 32);

export const originOf = (name: string): Origin => ({
  ifindex: 3,
  ifname: 'lan0',
  address: IpAddress.parse(`192.0.2.${100 + name.charCodeAt(0) - 96}`),
});

export function familiesOf(name: string, families: readonly Family[]): OfferedFamily[] {
  const last = 100 + name.charCodeAt(0) - 96;
  return families.map((family) => ({
    family,
    translation: 'masquerade',
    gateway: IpAddress.parse(family === 4 ? `192.0.2.${last}` : `fe80::${last}`),
  }));
}

export const offerOf = (name: string, change: Partial<Offer> = {}): Offer => ({
  families: familiesOf(name, [4, 6]),
  backhaul: [],
  path: [],
  ...change,
});

type Request = Extract<Message, { type: 'elect' | 'renew' | 'release' }>;
export interface Sent {
  pairing: string;
  order: bigint;
  atUs: number;
  message: Request;
}

export class RouterWorld {
  state: RouterState;
  nowUs = START_US;
  readonly sent: Sent[] = [];
  readonly records: GatewayRecord[] = [];
  elected: ElectedGateway[] = [];
  leases: PersistedLease[] = [];
  actions: RouterAction[] = [];
  discarded = 0;
  /** Looks at the world after every step, those of ticks, too. */
  afterStep: () => void = () => undefined;
  readonly #order = new Map<string, bigint>();

  constructor(names: readonly string[], change: Partial<RouterPolicy> = {}, epoch = EPOCH) {
    this.state = initialRouter({ policy: routerPolicy(change), epoch, seed: 42n });
    this.send({ type: 'pairings', pairings: names.map((name) => ({ name, peer: null, approved: false })) });
  }

  send(event: RouterEvent): this {
    const result = step(deepFreeze(this.state), event, this.nowUs);
    this.state = result.state;
    this.actions = result.actions;
    for (const action of result.actions) this.#note(action);
    const deadlineUs = nextDeadlineUs(this.state);
    if (deadlineUs !== null) expect(deadlineUs).toBeGreaterThan(this.nowUs);
    this.afterStep();
    return this;
  }

  #note(action: RouterAction): void {
    if (action.type === 'record') this.records.push(action.record);
    if (action.type === 'elected') this.elected = action.gateways;
    if (action.type === 'persist') this.leases = action.leases;
    if (action.type === 'discarded') this.discarded += 1;
    if (action.type !== 'send') return;
    const { pairing, order, message } = action.outgoing;
    encode({ sender: SELF, receiver: nodeId(pairing), order }, message, KEY);
    if (message.type !== 'elect' && message.type !== 'renew' && message.type !== 'release') {
      throw new Error(`a router sends no ${message.type}`);
    }
    this.sent.push({ pairing, order, atUs: this.nowUs, message });
  }

  /** Lets time pass, with a tick at each deadline. */
  after(us: number): this {
    const untilUs = this.nowUs + us;
    for (let deadlineUs = nextDeadlineUs(this.state); deadlineUs !== null && deadlineUs <= untilUs;) {
      this.nowUs = Math.max(this.nowUs, deadlineUs);
      this.send({ type: 'tick' });
      deadlineUs = nextDeadlineUs(this.state);
    }
    this.nowUs = untilUs;
    return this;
  }

  /** Passes time while these advertise each second and answer what they are asked. */
  live(us: number, names: readonly string[], good: readonly string[] = names): this {
    for (const endUs = this.nowUs + us; this.nowUs < endUs;) {
      names.forEach((name) => this.advertise(name, this.#offers.get(name)));
      for (let slice = 0; slice < 10; slice += 1) {
        this.after(Math.min(100 * MS, endUs - this.nowUs));
        names.forEach((name) => this.answer(name));
        good.forEach((name) => this.measure(name, 'good'));
      }
    }
    return this;
  }
  readonly #offers = new Map<string, Partial<Offer> & { lease?: Lease }>();

  hear(name: string, message: Message, order = this.nextOrder(name), sender = nodeId(name)): this {
    const header = { sender, receiver: SELF, order };
    const received = { pairing: name, header, message, origin: originOf(name), atUs: this.nowUs };
    return this.send({ type: 'message', received });
  }

  nextOrder(name: string): bigint {
    const order = (this.#order.get(name) ?? 1n << 32n) + 1n;
    this.#order.set(name, order);
    return order;
  }

  advertise(name: string, change: Partial<Offer> & { lease?: Lease } = {}): this {
    this.#offers.set(name, change);
    const held = this.state.nodes.get(name)?.lease;
    const lease: Lease | undefined = change.lease ?? (held?.confirmed ? this.leaseOf(name, held.number) : undefined);
    return this.hear(name, {
      type: 'advertise',
      intervalMs: 1000,
      ...offerOf(name, change),
      ...(lease && { lease }),
    });
  }

  leaseOf(_name: string, number: bigint, leftMs = 15_000): Lease {
    return { router: SELF, number, role: 'standby', leftMs };
  }

  withdraw(name: string, number?: bigint): this {
    const lease = number === undefined ? {} : { lease: this.leaseOf(name, number) };
    return this.hear(name, { type: 'withdraw', reason: { code: 'owner', text: 'enough' }, ...lease });
  }

  last(name: string): Sent {
    const found = this.sent.findLast(({ pairing }) => pairing === name);
    if (!found) throw new Error(`nothing was sent to ${name}`);
    return found;
  }

  typesTo(name: string): string[] {
    return this.sent.filter(({ pairing }) => pairing === name).map(({ message }) => message.type);
  }

  readonly #answered = new Map<string, bigint>();

  /** The node does as it is told: answers the newest message that it has not answered. */
  answer(name: string, { leftMs = 15_000 }: { leftMs?: number } = {}): this {
    const newest = this.sent.findLast(({ pairing }) => pairing === name);
    if (!newest || this.#answered.get(name) === newest.order) return this;
    this.#answered.set(name, newest.order);
    const { message, order: echo } = newest;
    const lease = { ...message.lease, leftMs };
    const usage = { toNetworkBytes: 1n, fromNetworkBytes: 2n };
    if (message.type === 'release') return this.hear(name, { type: 'released', lease, echo, usage });
    const families = familiesOf(name, message.want.families);
    if (message.type === 'elect') return this.hear(name, { type: 'accept', lease, echo, families });
    return this.hear(name, { type: 'status', lease, echo, usage, families, backhaul: [] });
  }

  refuse(name: string, code: 'busy' | 'no-such-lease' | 'arming-failed' = 'busy'): this {
    const { message, order: echo } = this.last(name);
    return this.hear(name, { type: 'refuse', lease: message.lease, echo, reason: { code, text: '' } });
  }

  need(active: Family[], standby: Family[] = [], cause = 'fibre down'): this {
    return this.send({ type: 'need', need: { active, standby, cause } satisfies Need });
  }

  hindered(active: Family[], hindrance: string): this {
    return this.send({ type: 'need', need: { active, standby: [], cause: 'fibre down', hindrance } });
  }

  measure(name: string, state: MeasuredPath['state'], families: readonly Family[] = [4, 6]): this {
    const paths = families.map((family) => ({ family, state, lossPercent: null, rttUs: null, detail: 'probes' }));
    return this.send({ type: 'measured', pairing: name, paths });
  }

  operator(what: 'elect' | 'release' | 'auto', pairing: string): this {
    return this.send({ type: 'operator', what, pairing, by: 'Ada' });
  }

  left(pairing: string): this {
    return this.send({ type: 'left', pairing });
  }

  view(name: string): NodeView {
    const view = nodeViews(this.state, this.nowUs).find(({ pairing }) => pairing === name);
    if (!view) throw new Error(`no view of ${name}`);
    return view;
  }

  stateOf(name: string): string {
    return this.view(name).state;
  }

  /** Advertised, wanted, accepted, found to work. */
  elect(name: string, families: Family[] = [4]): this {
    return this.advertise(name).need(families).answer(name).measure(name, 'good');
  }
}
