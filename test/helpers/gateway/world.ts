/**
 * A small world for the model checker: the real machines of routers and nodes, a network that may lose, delay, repeat and
 * overtake, machines that crash and come back. Immutable: `perform` makes a new world. Chance is taken out of the machines
 * (intervals are never shortened, lease numbers are counted), so that equal worlds can be recognised.
 */
import type { ReplayGuard } from '../../../src/gateway/link/replay.js';
import type { ReceivedMessage } from '../../../src/gateway/link/types.js';
import * as realNode from '../../../src/gateway/node/machine.js';
import type { ArmedLease, NodeAction, NodeEvent, NodePolicy } from '../../../src/gateway/node/types.js';
import * as realRouter from '../../../src/gateway/router/machine.js';
import type {
  ElectedGateway,
  PersistedLease,
  RouterAction,
  RouterEvent,
  RouterPolicy,
} from '../../../src/gateway/router/types.js';
import type { MachineId, Message, Order } from '../../../src/gateway/wire/types.js';
import { IpAddress } from '../../../src/net/ip-address.js';
import { NODE_RANDOM, routerRandom } from './chance.js';

export type NodeState = realNode.NodeState;
export type RouterState = realRouter.RouterState;

const MS = 1_000;
const SECOND = 1_000_000;
export const START_US = 1_000 * SECOND;
/** Longer than any lease here: a message that is older changes nothing any more that a younger one could not. */
const PACKET_LIFE_US = 3 * SECOND;
/** Epochs tell machines apart: router 0 begins at 1000, router 1 at 2000, node 0 at 11000. */
export const EPOCHS_APART = 1000;
const FIRST_NODE_EPOCH = 11_000;

export const LEASE_US = 2 * SECOND;

/** What the checker runs; a broken variant replaces a part. */
export interface Machines {
  routerStep: (
    state: RouterState,
    event: RouterEvent,
    nowUs: number,
  ) => { state: RouterState; actions: RouterAction[] };
  nodeStep: (state: NodeState, event: NodeEvent, nowUs: number) => { state: NodeState; actions: NodeAction[] };
  isFresh: (greatest: Order | undefined, order: Order) => boolean;
}

/** As src/gateway/link/replay.ts decides (a test compares them). */
export const isFresh: (...args: Parameters<Machines['isFresh']>) => ReturnType<ReplayGuard['isFresh']> = (
  greatest,
  order,
) => greatest === undefined || order > greatest;

export const REAL: Machines = { routerStep: realRouter.step, nodeStep: realNode.step, isFresh };

export interface RouterSide {
  readonly name: string;
  readonly index: number;
  readonly alive: boolean;
  readonly epoch: number;
  readonly state: RouterState;
  /** Greatest order that was authenticated, by node. */
  readonly seen: Readonly<Record<string, Order>>;
  readonly need: boolean;
  readonly elected: readonly ElectedGateway[];
  /** On disk. */
  readonly persisted: readonly PersistedLease[];
  /** What the router was told last of the path through each elected node, by lease number. */
  readonly probed: Readonly<Record<string, 'good' | 'bad'>>;
  readonly drawn: number;
}

export interface NodeSide {
  readonly name: string;
  readonly index: number;
  readonly alive: boolean;
  readonly epoch: number;
  readonly state: NodeState;
  readonly seen: Readonly<Record<string, Order>>;
  /** The newest `apply` that the shell has not finished. */
  readonly applying: {
    readonly version: number;
    readonly leases: readonly ArmedLease[];
    readonly held: boolean;
  } | null;
  /** The last `apply`. */
  readonly wanted: readonly ArmedLease[];
  /** In the kernel, which forgets each at its end. */
  readonly rules: readonly ArmedLease[];
  readonly hindered: boolean;
}

export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly order: Order;
  readonly sentUs: number;
  readonly message: Message;
  /** Delayed for as long as the checker likes; others arrive before time goes on. */
  readonly held: boolean;
}

export interface World {
  readonly nowUs: number;
  readonly routers: readonly RouterSide[];
  readonly nodes: readonly NodeSide[];
  readonly packets: readonly Packet[];
  /** Until when a node has promised each lease, as the messages that it took say: not what its machine thinks. */
  readonly promisedUs: ReadonlyMap<bigint, number>;
  /** Leases whose rules have been in some node's kernel. */
  readonly everInForce: ReadonlySet<bigint>;
  readonly faults: number;
}

export interface WorldSettings {
  routers?: number;
  nodes?: number;
  slots?: number;
  /** Need at the start. */
  need?: boolean;
  machines?: Machines;
}

const POLICY: Omit<RouterPolicy, 'self'> = {
  maximumElected: 1,
  metered: 'allow',
  minimumBatteryPercent: 0,
  approval: 'pairing',
  wayBack: 'router',
  clients: [],
  leaseUs: LEASE_US,
  renewUs: 500 * MS,
  switchAfterUs: 500 * MS,
  restUs: SECOND,
  maximumRestUs: 2 * SECOND,
};

export const routerId = (index: number): MachineId => `b${index}`.repeat(16);
export const nodeId = (index: number): MachineId => `a${index}`.repeat(16);
const ADDRESSES = Array.from({ length: 20 }, (_, index) => IpAddress.parse(`192.0.2.${index + 1}`));
const origin = (index: number) => ({ ifindex: 2, ifname: 'lan0', address: ADDRESSES[index]! });
const NODE_POLICY: Omit<NodePolicy, 'self'> = { slots: 1, advertiseIntervalUs: SECOND, maximumLeaseUs: 60 * SECOND };

/** Everybody has just started; nobody has heard of anybody. */
export function newWorld({ routers = 1, nodes = 1, slots = 1, need = false, machines = REAL }: WorldSettings): World {
  const names = { routers: range(routers, 'R'), nodes: range(nodes, 'N') };
  const world: World = {
    nowUs: START_US,
    routers: names.routers.map((name, index) => ({
      name,
      index,
      alive: false,
      epoch: (index + 1) * EPOCHS_APART,
      state: realRouter.initialRouter({ policy: { ...POLICY, self: routerId(index) }, epoch: 0, seed: 0 }),
      seen: {},
      need,
      elected: [],
      persisted: [],
      probed: {},
      drawn: 0,
    })),
    nodes: names.nodes.map((name, index) => ({
      name,
      index,
      alive: false,
      epoch: FIRST_NODE_EPOCH + index * EPOCHS_APART,
      state: realNode.initialNode({ policy: { ...NODE_POLICY, slots, self: nodeId(index) }, epoch: 0, seed: 0 }),
      seen: {},
      applying: null,
      wanted: [],
      rules: [],
      hindered: false,
    })),
    packets: [],
    promisedUs: new Map(),
    everInForce: new Set(),
    faults: 0,
  };
  const draft = new Draft(world, machines);
  for (const { index } of world.nodes) draft.startNode(index);
  for (const { index } of world.routers) draft.startRouter(index, true);
  return draft.world;
}

const range = (count: number, letter: string): string[] =>
  Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);

/** A world while one move is being made. */
export class Draft {
  world: World;
  readonly #machines: Machines;
  /** What happened, for people. */
  readonly told: string[] = [];

  constructor(world: World, machines: Machines) {
    this.world = world;
    this.#machines = machines;
  }

  set(changes: Partial<World>): void {
    this.world = { ...this.world, ...changes };
  }

  setRouter(index: number, changes: Partial<RouterSide>): RouterSide {
    const routers = this.world.routers.slice();
    routers[index] = { ...routers[index]!, ...changes };
    this.set({ routers });
    return routers[index];
  }

  setNode(index: number, changes: Partial<NodeSide>): NodeSide {
    const nodes = this.world.nodes.slice();
    nodes[index] = { ...nodes[index]!, ...changes };
    this.set({ nodes });
    return nodes[index];
  }

  startRouter(index: number, remembers: boolean): void {
    const { epoch: last, state, persisted, need } = this.world.routers[index]!;
    const epoch = last + 1;
    const fresh = realRouter.initialRouter({ policy: state.policy, epoch, seed: routerRandom(index, 0) });
    const kept = remembers ? persisted : [];
    const seen = Object.fromEntries(kept.map(({ pairing, nodeOrder }) => [pairing, nodeOrder]));
    this.setRouter(index, { alive: true, epoch, state: fresh, seen, elected: [], persisted: kept, probed: {} });
    const pairings = this.world.nodes.map((node) => ({ name: node.name, peer: nodeId(node.index), approved: true }));
    this.router(index, { type: 'pairings', pairings });
    if (kept.length > 0) this.router(index, { type: 'restore', leases: [...kept] });
    this.router(index, needEvent(need));
  }

  startNode(index: number): void {
    const { epoch: last, state, hindered } = this.world.nodes[index]!;
    const epoch = last + 1;
    const fresh = realNode.initialNode({ policy: state.policy, epoch, seed: NODE_RANDOM });
    this.setNode(index, { alive: true, epoch, state: fresh, seen: {}, applying: null, wanted: [] });
    this.node(index, { type: 'pairings', names: this.world.routers.map(({ name }) => name) });
    this.node(index, conditionEvent(index, hindered));
  }

  /** One step of a router, and what its shell does at once. */
  router(index: number, event: RouterEvent): void {
    const before = this.world.routers[index]!;
    const { state, actions } = this.#machines.routerStep(before.state, event, this.world.nowUs);
    const drawn = state.random === before.state.random ? before.drawn : before.drawn + 1;
    this.setRouter(index, { state: { ...state, random: routerRandom(index, drawn) }, drawn });
    for (const action of actions) this.#routerAction(index, action);
  }

  #routerAction(index: number, action: RouterAction): void {
    const { name } = this.world.routers[index]!;
    switch (action.type) {
      case 'send':
        return this.#post(name, action.outgoing.pairing, action.outgoing.order, action.outgoing.message);
      case 'elected':
        this.setRouter(index, { elected: action.gateways });
        return this.tell(`${name} counts as elected: ${action.gateways.map(gatewayText).join(', ') || 'nobody'}`);
      case 'persist':
        return void this.setRouter(index, { persisted: action.leases });
      case 'record':
        return this.tell(
          `${name}: ${action.record.gateway} ${action.record.from} -> ${action.record.to} (${action.record.cause})`,
        );
      case 'discarded':
        return this.tell(`${name} discards it: ${action.reason}`);
      case 'usage':
        return;
    }
  }

  node(index: number, event: NodeEvent): void {
    const before = this.world.nodes[index]!;
    const { state, actions } = this.#machines.nodeStep(before.state, event, this.world.nowUs);
    this.setNode(index, { state: { ...state, random: NODE_RANDOM } });
    const discarded = actions.some(({ type }) => type === 'discarded');
    if (event.type === 'message' && !discarded) this.#promise(event.received);
    for (const action of actions) this.#nodeAction(index, action);
  }

  #promise({ message, atUs }: ReceivedMessage): void {
    if (message.type !== 'elect' && message.type !== 'renew') return;
    const { number, leftMs } = message.lease;
    const promisedUs = new Map(this.world.promisedUs);
    promisedUs.set(number, Math.max(promisedUs.get(number) ?? 0, atUs + leftMs * MS));
    this.set({ promisedUs });
  }

  #nodeAction(index: number, action: NodeAction): void {
    const { name } = this.world.nodes[index]!;
    switch (action.type) {
      case 'send':
        return this.#post(name, action.outgoing.pairing, action.outgoing.order, action.outgoing.message);
      case 'apply': {
        const { version, leases } = action;
        this.setNode(index, { applying: { version, leases, held: false }, wanted: leases });
        return this.tell(`${name} begins to write rules ${version}: ${leases.map(ruleText).join(', ') || 'none'}`);
      }
      case 'record':
        return this.tell(`${name}: ${action.record.what} (${action.record.cause})`);
      case 'discarded':
        return this.tell(`${name} discards it: ${action.reason}`);
    }
  }

  #post(from: string, to: string, order: Order, message: Message): void {
    const packet: Packet = { from, to, order, sentUs: this.world.nowUs, message, held: false };
    this.set({ packets: [...this.world.packets, packet] });
    this.tell(`${from} sends ${packetText(packet)}`);
  }

  /** Gives a packet to whoever it is for, through the check of its order. */
  deliver(packet: Packet): void {
    const { from, to, order, message } = packet;
    const { nowUs: atUs, routers, nodes } = this.world;
    const router = routers.find(({ name }) => name === to);
    const receiver = router ?? nodes.find(({ name }) => name === to)!;
    if (!receiver.alive || !this.#machines.isFresh(receiver.seen[from], order)) return;
    const seen = { ...receiver.seen, [from]: order };
    const { index: peer } = [...routers, ...nodes].find(({ name }) => name === from)!;
    const sender = router ? nodeId(peer) : routerId(peer);
    const header = { sender, receiver: null, order };
    const received = { pairing: from, header, message, origin: origin(router ? 10 + peer : peer), atUs };
    if (router) {
      this.setRouter(router.index, { seen });
      this.router(router.index, { type: 'message', received });
    } else {
      this.setNode(receiver.index, { seen });
      this.node(receiver.index, { type: 'message', received });
    }
  }

  /** Time goes on to the next deadline of anybody; whoever's it is gets a tick. */
  advance(): void {
    const deadlines = [
      ...this.world.routers.filter(isAlive).map((side) => realRouter.nextDeadlineUs(side.state)),
      ...this.world.nodes.filter(isAlive).map((side) => realNode.nextDeadlineUs(side.state)),
    ];
    const nextUs = Math.min(...deadlines.map((deadline) => deadline ?? Infinity), this.world.nowUs + SECOND);
    const nowUs = Math.max(nextUs, this.world.nowUs);
    this.set({ nowUs, packets: this.world.packets.filter(({ sentUs }) => nowUs - sentUs < PACKET_LIFE_US) });
    this.tell(`-- ${((nowUs - START_US) / MS).toFixed(3)} ms`);
    for (const { index, rules } of this.world.nodes) {
      const left = rules.filter(({ endsUs }) => endsUs > nowUs);
      if (left.length < rules.length) this.setNode(index, { rules: left });
    }
    for (const { index, state, alive } of this.world.routers) {
      if (alive && (realRouter.nextDeadlineUs(state) ?? Infinity) <= nowUs) this.router(index, { type: 'tick' });
    }
    for (const { index, state, alive } of this.world.nodes) {
      if (alive && (realNode.nextDeadlineUs(state) ?? Infinity) <= nowUs) this.node(index, { type: 'tick' });
    }
  }

  tell(text: string): void {
    this.told.push(text);
  }
}

const isAlive = ({ alive }: { alive: boolean }): boolean => alive;

export const needEvent = (need: boolean): RouterEvent => ({
  type: 'need',
  need: { active: need ? [4] : [], standby: [], cause: need ? 'no uplink works' : 'an uplink works again' },
});

/** The lower a node's index, the better it is. */
export const conditionEvent = (index: number, hindered: boolean): NodeEvent => ({
  type: 'condition',
  condition: {
    offer: {
      families: [{ family: 4, translation: 'masquerade', gateway: ADDRESSES[10 + index]! }],
      cost: { preference: index, metered: false, bytesLeft: null },
      backhaul: [],
      path: [],
    },
    obstacle: hindered ? { code: 'battery', text: '' } : null,
    upstream: [],
  },
});

/** Lease numbers are counted, so the upper half says all. */
export const numberText = (number: bigint): string => `#${number >> 32n}`;
const gatewayText = ({ pairing, role, leaving }: ElectedGateway): string =>
  `${pairing} ${role}${leaving ? ' leaving' : ''}`;
const ruleText = ({ pairing, number, role }: ArmedLease): string => `${pairing} ${numberText(number)} ${role}`;

export function packetText({ to, message, order }: Packet): string {
  const lease =
    'lease' in message && message.lease
      ? ` ${numberText(message.lease.number)} ${message.lease.role} ${message.lease.leftMs} ms`
      : '';
  const reason = 'reason' in message ? ` (${message.reason.code})` : '';
  return `${message.type}${lease}${reason} to ${to} [${order >> 32n}.${order & 0xffff_ffffn}]`;
}
