/**
 * The node agent: it tells the pure machine what happens, and does what that says. Everything that touches the machine it
 * runs on is behind the ports.
 */
import { messageOf } from '../../../errors.js';
import type { GatewayNodeConfig } from '../../../config/gateway-node/index.js';
import { IpAddress } from '../../../net/ip-address.js';
import type { Origin, OutgoingMessage, ReceivedMessage } from '../../link/types.js';
import { MULTICAST_GROUP, type MachineId, type Reason } from '../../wire/types.js';
import { initialNode, isStopped, leaseViews, nextDeadlineUs, NOT_CHECKED, step, type NodeState } from '../machine.js';
import type { LeaseView, NodeAction, NodeCondition, NodeEvent, NodePolicy, NodeRecord } from '../types.js';
import { Applier, type Wanted } from './applier.js';
import { ByteBudget, type BudgetRecord } from './budget.js';
import { addressed } from './condition.js';
import type { AgentPorts } from './ports.js';
import { statusOf, type AgentStatus } from './status.js';
import { Surroundings, type SurroundingsOptions } from './surroundings.js';

const OBSERVE_US = 1_000_000;
/** WITHDRAW is repeated for 200 ms, nft and its rules take less than that again. */
const STOP_US = 5_000_000;

const GROUPS = { 4: IpAddress.parse(MULTICAST_GROUP[4]), 6: IpAddress.parse(MULTICAST_GROUP[6]) } as const;

export interface AgentOptions extends SurroundingsOptions {
  config: GatewayNodeConfig;
  self: MachineId;
  epoch: number;
  seed: number;
  pid: number;
  budget: BudgetRecord | null;
  /** Something of the status may be another now. */
  onChange: () => void;
  /** Bytes were carried: to be kept over restarts. */
  onCarried: (record: BudgetRecord) => void;
}

export class NodeAgent {
  readonly #options: AgentOptions;
  readonly #ports: AgentPorts;
  readonly #budget: ByteBudget;
  readonly #surroundings: Surroundings;
  readonly #applier: Applier;
  readonly #startedMs: number;
  #config: GatewayNodeConfig;
  #state: NodeState;
  #condition: NodeCondition;
  #restored = false;
  #armedBefore = 0;
  #wanted: Wanted | null = null;
  /** Interfaces of the ways out when the rules were last asked for. */
  #waysOut = '';
  #told = '';
  #cancelTick: (() => void) | null = null;
  #cancelObserve: (() => void) | null = null;
  #onStopped: (() => void) | null = null;
  #closed = false;

  constructor(options: AgentOptions, ports: AgentPorts) {
    const { config, epoch, seed } = options;
    this.#options = options;
    this.#config = config;
    this.#ports = ports;
    this.#startedMs = ports.clock.wallMs();
    this.#budget = new ByteBudget(config.cost.budget, options.budget, this.#startedMs);
    this.#surroundings = new Surroundings(options, ports);
    this.#applier = new Applier(
      (wanted) => this.#apply(wanted),
      (version, problem) => this.#applied(version, problem),
    );
    this.#state = initialNode({ policy: this.#policy(), epoch, seed });
    this.#condition = this.#conditionNow();
  }

  #policy(): NodePolicy {
    const { slots, advertiseIntervalMs, maximumLeaseMs } = this.#config;
    return {
      self: this.#options.self,
      slots,
      advertiseIntervalUs: advertiseIntervalMs * 1000,
      maximumLeaseUs: maximumLeaseMs * 1000,
    };
  }

  /** Begins to offer as soon as what an earlier run left has been put back. */
  start(): void {
    const { backhaul, pairings, link } = this.#ports;
    backhaul.onChange(() => this.#observe());
    pairings.onChange(() => this.#pairingsChanged());
    // What is received is an ELECT or a RENEW: somebody waits. A flood meets the limits of the link all the same.
    link.setUrgent(true);
    this.#observe();
    this.#pairingsChanged();
    this.#observeLater();
  }

  /** Another configuration from now on. Leases go on, as far as what they rest on is still there. */
  configure(config: GatewayNodeConfig): void {
    this.#config = config;
    this.#budget.configure(config.cost.budget);
    this.#dispatch({ type: 'configure', policy: this.#policy() });
    this.#observe();
    this.#applyAgain();
  }

  receive(received: ReceivedMessage): void {
    this.#surroundings.heard(received);
    // Whether this router is one that we leave through has to be known before it is answered.
    if (this.#surroundings.upstream().join() !== this.#condition.upstream.join()) this.#observe();
    this.#dispatch({ type: 'message', received });
  }

  /**
   * WITHDRAW, disarm.
   * @returns null: everything is as it was found; otherwise what is not
   */
  async stop(reason: Reason): Promise<string | null> {
    const { clock } = this.#ports;
    const stopped = new Promise<boolean>((resolve) => {
      const cancel = clock.at(clock.nowUs() + STOP_US, () => resolve(false));
      this.#onStopped = () => {
        cancel();
        resolve(true);
      };
    });
    this.#dispatch({ type: 'stop', reason });
    const clean = await stopped;
    this.#close();
    // Otherwise everything that arming holds stays as it is: its guardian acts when this process has ended.
    if (!clean) return 'rules could not be taken back in time';
    await this.#ports.arming.close();
    return null;
  }

  /** Where routers are, as far as it is known. */
  interfaceNames(): readonly string[] {
    return this.#config.interfaces ?? this.#surroundings.interfaces.map(({ ifname }) => ifname);
  }

  leases(): LeaseView[] {
    return leaseViews(this.#state, this.#ports.clock.nowUs());
  }

  status(): AgentStatus {
    const { clock, link, pairings } = this.#ports;
    return statusOf({
      pid: this.#options.pid,
      id: this.#options.self,
      startedMs: this.#startedMs,
      nowUs: clock.nowUs(),
      wallMs: clock.wallMs(),
      stopping: this.#state.stopping !== null,
      condition: this.#condition,
      interfaces: this.#surroundings.interfaces,
      interfaceProblems: link.problems(),
      pairings: pairings.list(),
      leases: this.leases(),
      budget: this.#budget.record,
      messages: link.statistics(),
    });
  }

  // ---------------------------------------------------------------- events

  #dispatch(event: NodeEvent): void {
    if (this.#closed) return;
    const { state, actions } = step(this.#state, event, this.#ports.clock.nowUs());
    this.#state = state;
    for (const action of actions) this.#do(action);
    this.#ports.ownRouter.serve(this.#served());
    this.#planTick();
    this.#options.onChange();
    if (isStopped(this.#state)) this.#onStopped?.();
  }

  /** Routers with a lease, and those behind them. */
  #served(): MachineId[] {
    const leases = [...this.#state.pairings.values()].flatMap(({ lease }) => lease ?? []);
    return [...new Set(leases.flatMap(({ router, path }) => [router, ...path]))];
  }

  #planTick(): void {
    this.#cancelTick?.();
    const deadlineUs = nextDeadlineUs(this.#state);
    this.#cancelTick =
      deadlineUs === null ? null : this.#ports.clock.at(deadlineUs, () => this.#dispatch({ type: 'tick' }));
  }

  #pairingsChanged(): void {
    this.#dispatch({ type: 'pairings', names: this.#ports.pairings.list().map(({ name }) => name) });
  }

  #observeLater(): void {
    const { clock } = this.#ports;
    this.#cancelObserve = clock.at(clock.nowUs() + OBSERVE_US, () => {
      this.#observe();
      if (this.#armedBefore > 0) void this.#readUsage();
      this.#observeLater();
    });
  }

  /** Looks at the machine anew: interfaces, battery, way out, budget. */
  #observe(): void {
    if (this.#closed) return;
    this.#surroundings.look(this.#config);
    this.#ports.link.setInterfaces(this.#surroundings.interfaces);
    this.#condition = this.#conditionNow();
    // In the first moment there is nothing to offer yet, and nothing to withdraw, either.
    const isFirst = this.#state.condition === null;
    if (!isFirst || this.#condition.obstacle !== NOT_CHECKED) {
      this.#tellOffer();
      this.#dispatch({ type: 'condition', condition: this.#condition });
    }
    this.#followWayOut();
  }

  /** Rules name the way out: when that is another interface they are made anew, and not only by the next RENEW. */
  #followWayOut(): void {
    const waysOut = JSON.stringify(this.#ports.backhaul.interfaces());
    if (waysOut === this.#waysOut) return;
    this.#waysOut = waysOut;
    this.#applyAgain();
  }

  #applyAgain(): void {
    if (this.#wanted && this.#wanted.leases.length > 0) this.#applier.request(this.#wanted);
  }

  #conditionNow(): NodeCondition {
    return this.#surroundings.condition(this.#config, this.#budget.left(this.#ports.clock.wallMs()));
  }

  /** One line for each change of what is offered. */
  #tellOffer(): void {
    const { obstacle, offer } = this.#condition;
    const families = offer.families.map(({ family }) => `IPv${family}`).join(' and ');
    const where = this.#surroundings.interfaces.map(({ ifname }) => ifname).join(', ');
    const key = obstacle?.code ?? `${families} ${where}`;
    if (key === this.#told) return;
    this.#told = key;
    if (obstacle === null) return this.#ports.log('info', `offering ${families} on ${where}`);
    // All others come and go by themselves; this one waits for a person.
    const level = obstacle.code === 'arming-failed' ? 'warn' : 'info';
    this.#ports.log(level, `nothing is offered: ${obstacle.text}`);
  }

  // ---------------------------------------------------------------- actions

  #do(action: NodeAction): void {
    switch (action.type) {
      case 'send':
        return this.#send(action.outgoing);
      case 'apply':
        this.#wanted = action;
        return this.#applier.request(action);
      case 'discarded':
        this.#ports.link.countDiscard(action.reason, action.origin);
        return this.#ports.log('debug', `discarded (${action.reason}) from ${action.origin.address.toString()}`);
      case 'record':
        return this.#record(action.record);
    }
  }

  /** On each interface the node's address is another one, and what is offered names it. */
  #send(outgoing: OutgoingMessage): void {
    const { link } = this.#ports;
    const { interfaces } = this.#surroundings;
    const { to, message } = outgoing;
    if (to === null && (!('families' in message) || interfaces.length < 2)) return link.send(outgoing);
    const { advertiseFamily: preferred } = this.#config;
    const everybody = interfaces.map(({ ifindex, ifname, addresses }): Origin => {
      const family = addresses[preferred] ? preferred : preferred === 6 ? 4 : 6;
      return { ifindex, ifname, address: GROUPS[family] };
    });
    for (const target of to === null ? everybody : [to]) {
      const local = interfaces.find(({ ifindex }) => ifindex === target.ifindex);
      const there = local ? addressed(message, local.addresses) : null;
      if (there) link.send({ ...outgoing, to: target, message: there });
    }
  }

  #record({ pairing, what, cause }: NodeRecord): void {
    const level = what === 'arming-failed' ? 'warn' : 'info';
    this.#ports.log(level, `${pairing === null ? '' : `${pairing}: `}${what}${cause === '' ? '' : `: ${cause}`}`);
  }

  // ---------------------------------------------------------------- arming

  async #apply({ leases }: Wanted): Promise<void> {
    const { arming, clock, log } = this.#ports;
    if (!this.#restored) {
      for (const word of await arming.restore()) log('warn', `left by an earlier run, and put back: ${word}`);
      this.#restored = true;
    }
    const ended = leases.length < this.#armedBefore;
    this.#armedBefore = leases.length;
    await arming.apply(leases, clock.nowUs());
    // RELEASED tells what was carried to the end.
    if (ended) await this.#readUsage();
  }

  #applied(version: number, problem: string | null): void {
    if (problem !== null) this.#ports.log('warn', `arming: ${problem}`);
    this.#dispatch({ type: 'applied', version, problem });
  }

  async #readUsage(): Promise<void> {
    const { arming, clock, log } = this.#ports;
    try {
      const usage = await arming.usage();
      const before = this.#budget.record.bytes;
      this.#budget.note(usage, clock.wallMs());
      if (this.#budget.record.bytes !== before) this.#options.onCarried(this.#budget.record);
      this.#dispatch({ type: 'usage', usage });
      // Not a second later: at 100 Mbit/s that is another 12 MB of the owner's.
      if (this.#budget.left(clock.wallMs()) === 0n && this.#condition.obstacle === null) this.#observe();
    } catch (error) {
      log('debug', `bytes carried: ${messageOf(error)}`);
    }
  }

  #close(): void {
    this.#closed = true;
    this.#cancelTick?.();
    this.#cancelObserve?.();
    this.#ports.backhaul.close();
    this.#ports.link.close();
  }
}
