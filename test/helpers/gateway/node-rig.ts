/** A node's machine with routers that a test speaks for. Time moves only when told. States are frozen. */
import { IpAddress } from '../../../src/net/ip-address.js';
import type { Origin, ReceivedMessage } from '../../../src/gateway/link/types.js';
import { initialNode, leaseViews, nextDeadlineUs, step, type NodeState } from '../../../src/gateway/node/machine.js';
import type { ArmedLease, NodeAction, NodeCondition, NodeEvent, NodePolicy } from '../../../src/gateway/node/types.js';
import type { Lease, MachineId, Message, MessageType, OfferedFamily, Order } from '../../../src/gateway/wire/types.js';
import { deepFreeze } from './freeze.js';

export const MS = 1_000;
export const SECOND = 1_000_000;
export const START_US = 1_000_000_000;
export const NODE_EPOCH = 1_800_000_000;
export const NODE_ID: MachineId = '0a'.repeat(16);
export const ROUTER_IDS: Record<string, MachineId> = {
  home: 'b1'.repeat(16),
  shed: 'b2'.repeat(16),
  barn: 'b3'.repeat(16),
};

export const V4: OfferedFamily = { family: 4, translation: 'masquerade', gateway: IpAddress.parse('192.0.2.7') };
export const V6: OfferedFamily = { family: 6, translation: 'masquerade', gateway: IpAddress.parse('fe80::7') };

export const NODE_POLICY: NodePolicy = {
  self: NODE_ID,
  slots: 1,
  advertiseIntervalUs: SECOND,
  maximumLeaseUs: 60 * SECOND,
};

export function condition(changes: Partial<NodeCondition> & { families?: OfferedFamily[] } = {}): NodeCondition {
  const { families = [V4, V6], ...rest } = changes;
  return { offer: { families, backhaul: [], path: [] }, obstacle: null, upstream: [], ...rest };
}

export function originOf(router: string, address = `192.0.2.${100 + Object.keys(ROUTER_IDS).indexOf(router)}`): Origin {
  return { ifindex: 3, ifname: 'lan0', address: IpAddress.parse(address) };
}

type Asked = Extract<Message, { type: 'elect' }>;

/** What a test may say of a message; the rest is ordinary. */
export interface Saying extends Partial<Omit<Asked, 'type' | 'lease'>> {
  number?: bigint;
  role?: Lease['role'];
  leftMs?: number;
  origin?: Origin;
  atUs?: number;
  lease?: Lease;
}

export class NodeRig {
  state: NodeState;
  nowUs = START_US;
  /** Of all steps. */
  readonly actions: NodeAction[] = [];
  /** Of the last call. */
  last: NodeAction[] = [];
  #routerSequence = 0;

  constructor({
    routers = ['home'],
    policy = {},
    ready = true,
  }: { routers?: string[]; policy?: Partial<NodePolicy>; ready?: boolean } = {}) {
    this.state = initialNode({ policy: { ...NODE_POLICY, ...policy }, epoch: NODE_EPOCH, seed: 7 });
    this.step({ type: 'pairings', names: routers }).applied();
    if (ready) this.step({ type: 'condition', condition: condition() });
  }

  step(event: NodeEvent): this {
    const { state, actions } = step(deepFreeze(this.state), deepFreeze(event), this.nowUs);
    this.state = state;
    this.actions.push(...actions);
    this.last = actions;
    return this;
  }

  /** Says that the newest `apply` is in force, or what the problem was. */
  applied(problem: string | null = null, version = this.state.arming.version): this {
    return this.step({ type: 'applied', version, problem });
  }

  condition(changes: Parameters<typeof condition>[0]): this {
    return this.step({ type: 'condition', condition: condition(changes) });
  }

  /** Time passes; the shell ticks at every deadline on the way. `last` is what all these steps did. */
  pass(durationUs: number): this {
    const endUs = this.nowUs + durationUs;
    const done: NodeAction[] = [];
    for (let atUs = nextDeadlineUs(this.state); atUs !== null && atUs <= endUs; atUs = nextDeadlineUs(this.state)) {
      this.nowUs = Math.max(this.nowUs, atUs);
      done.push(...this.step({ type: 'tick' }).last);
    }
    this.nowUs = endUs;
    this.last = done;
    return this;
  }

  newestOrder(): Order {
    return (BigInt(this.state.epoch) << 32n) + BigInt(this.state.sequence);
  }

  say(router: string, type: 'elect' | 'renew' | 'release', saying: Saying = {}): this {
    return this.step({ type: 'message', received: this.received(router, type, saying) });
  }

  received(router: string, type: 'elect' | 'renew' | 'release', saying: Saying = {}): ReceivedMessage {
    const {
      number = 1n,
      role = 'active',
      leftMs = 15_000,
      origin = originOf(router),
      atUs = this.nowUs,
      ...rest
    } = saying;
    const sender = ROUTER_IDS[router]!;
    const lease: Lease = rest.lease ?? { router: sender, number, role, leftMs };
    const order = (5n << 32n) + BigInt(++this.#routerSequence);
    const echo = rest.echo ?? this.newestOrder();
    const asked = {
      want: { families: [4, 6], wayBack: 'router' },
      clients: [],
      path: [sender],
      ...rest,
      lease,
      echo,
    } satisfies Omit<Asked, 'type'>;
    const message: Message =
      type === 'release' ? { type, lease, echo, reason: { code: 're-established', text: '' } } : { type, ...asked };
    return { pairing: router, header: { sender, receiver: NODE_ID, order }, message, origin, atUs };
  }

  /** An elected router whose rules are in force. */
  elect(router = 'home', saying: Saying = {}): this {
    return this.say(router, 'elect', saying).applied();
  }

  /** Messages of the last call, in the order in which they were sent. */
  sent(pairing?: string): Message[] {
    return this.last.flatMap((action) =>
      action.type === 'send' && (pairing === undefined || action.outgoing.pairing === pairing)
        ? [action.outgoing.message]
        : [],
    );
  }

  sentOf<T extends MessageType>(type: T): Extract<Message, { type: T }>[] {
    return this.sent().filter((message): message is Extract<Message, { type: T }> => message.type === type);
  }

  /** Answers of the last call: all but ADVERTISE, as "type" or "type reason". */
  answers(): string[] {
    return this.sent()
      .filter(({ type }) => type !== 'advertise')
      .map((message) => ('reason' in message ? `${message.type} ${message.reason.code}` : message.type));
  }

  /** What the last call wanted in force; null: as before. */
  apply(): ArmedLease[] | null {
    const applies = this.last.flatMap((action) => (action.type === 'apply' ? [action.leases] : []));
    return applies.at(-1) ?? null;
  }

  records(): string[] {
    return this.last.flatMap((action) => (action.type === 'record' ? [action.record.what] : []));
  }

  discarded(): string[] {
    return this.last.flatMap((action) => (action.type === 'discarded' ? [action.reason] : []));
  }

  /** `none`, `given` or `in force`: the words of the document's table. */
  stateOf(router = 'home'): string {
    const view = leaseViews(this.state, this.nowUs).find(({ pairing }) => pairing === router);
    if (!view) return 'none';
    return view.armed ? 'in force' : 'given';
  }
}
