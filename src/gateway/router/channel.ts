/**
 * The router's side of the gateway protocol, at work: the pure machine over a link, the pairings and the clock. Implements
 * the controller's port. Everything is synchronous: an ELECT that is due leaves in the call that makes it due.
 */
import type { GatewaysConfig } from '../../config/types.js';
import type { GatewaysStatus } from '../../controller/gateway-status.js';
import type { ElectedNode, GatewayChannel, GatewayIntent } from '../../controller/ports.js';
import type { GatewayDiscards, GatewayTransition } from '../../controller/records.js';
import type { IpAddress } from '../../net/ip-address.js';
import type { OpenGatewayLink } from '../link/index.js';
import { BudgetWatch } from './channel/budget-watch.js';
import { Faults } from './channel/faults.js';
import { PolicyHook } from './channel/hook.js';
import { leaseFile, type LeaseFile } from './channel/lease-file.js';
import type { GatewayChannelOptions } from './channel/options.js';
import { PathExchange } from './channel/path-exchange.js';
import { People } from './channel/people.js';
import { electedNode, measuredPath, routerPolicy } from './channel/policy.js';
import { Records } from './channel/records.js';
import { MachineRunner } from './channel/runner.js';
import { candidatesFor, gatewaysStatus, peersOf } from './channel/status.js';
import { UsageBook } from './channel/usage.js';
import { initialRouter, nodeViews, type RouterState } from './machine.js';
import { isHolding } from './machine/state.js';
import type { ElectedGateway, PersistedLease, RouterAction, RouterEvent } from './types.js';

/** How long `close` waits for RELEASED. */
const CLOSE_US = 300_000;
/** Files of the node agent on this machine are read this often, and budgets looked at. */
const LOOK_US = 2_000_000;

type Listener<T> = (value: T) => void;

/**
 * Takes up what an earlier run of the same boot has left; speaks as soon as `apply` has named the interfaces.
 * @throws DetourError STATE_UNUSABLE, NOT_PERMITTED
 */
export function createGatewayChannel(options: GatewayChannelOptions): GatewayChannel {
  return new Channel(options);
}

class Channel implements GatewayChannel {
  readonly #options: GatewayChannelOptions;
  readonly #link: OpenGatewayLink;
  readonly #runner: MachineRunner;
  readonly #leases: LeaseFile;
  readonly #usage: UsageBook;
  readonly #budgets = new BudgetWatch();
  readonly #hook: PolicyHook;
  readonly #paths: PathExchange;
  readonly #people: People;
  readonly #records: Records;
  readonly #faults: Faults;
  readonly #onElected: Listener<readonly ElectedNode[]>[] = [];
  readonly #cancelPairings: () => void;
  #config: GatewaysConfig;
  #applied: GatewayIntent | null = null;
  #elected: readonly ElectedNode[] = [];
  #cancelLook: (() => void) | null = null;
  #closed = false;

  constructor(options: GatewayChannelOptions) {
    const { config, self, epoch, bootId, pairings, clock, log, random } = options;
    this.#options = options;
    this.#config = config;
    this.#leases = leaseFile(config.stateDirectory, bootId, clock);
    this.#usage = new UsageBook(config.stateDirectory, config.budget?.per ?? 'month', clock, log);
    this.#paths = new PathExchange(config.stateDirectory, clock);
    this.#faults = new Faults(log);
    this.#runner = new MachineRunner(
      initialRouter({ policy: routerPolicy(config, self, []), epoch, seed: random() }),
      clock,
      {
        act: (action) => this.#act(action),
        setUrgent: (urgent) => this.#link.setUrgent(urgent),
        setCalm: (calm) => this.#link.setCalm(calm),
      },
    );
    this.#records = new Records(this.#runner.outbox, clock, (gateway) => this.#state.nodes.get(gateway));
    this.#people = new People({
      pairings,
      nodes: () => this.#state.nodes,
      dispatch: (event) => this.#dispatch(event),
      note: (gateway, cause) => this.#records.note(gateway, cause),
      forget: (gateway) => {
        this.#usage.forget(gateway);
        this.#budgets.forget(gateway);
      },
    });
    this.#link = options.openLink({
      role: 'router',
      self,
      clock,
      pairings: () => pairings.list(),
      onMessage: (received) => this.#guard('a message', () => this.#dispatch({ type: 'message', received })),
      onBurst: (burst) => this.#guard('discarded messages', () => this.#records.burst(burst)),
      onPeer: (name, peer) => this.#guard('a peer', () => pairings.setPeer(name, peer)),
      onKeyUsed: (name, key) => this.#guard('a key', () => pairings.dropOldKeys(name, key)),
    });
    this.#hook = new PolicyHook({
      clock,
      log,
      candidates: () => candidatesFor(nodeViews(this.#state, clock.nowUs())),
      onOrder: (order) => this.#dispatch({ type: 'preference', order }),
    });
    this.#people.sync();
    this.#restore();
    this.#cancelPairings = pairings.onChange(() => this.#guard('pairings', () => this.#people.sync()));
    this.#look();
    this.#hook.use(config.policy);
  }

  #restore(): void {
    let leases: PersistedLease[] = [];
    this.#guard('leases of an earlier run', () => (leases = this.#leases.read()));
    for (const { pairing, node, nodeOrder } of leases) {
      if (this.#options.pairings.find(pairing)) this.#link.seed(pairing, node, nodeOrder);
    }
    this.#dispatch({ type: 'restore', leases });
  }

  // ---------------------------------------------------------------- the controller's port

  apply(intent: GatewayIntent): void {
    if (this.#closed) return;
    this.#link.setInterfaces(intent.links);
    this.#configure(intent);
    for (const pairing of new Set(intent.measured.map(({ node }) => node))) this.#measure(intent, pairing);
    const { active, standby, cause, hindrance } = intent;
    const need = { active: [...active], standby: [...standby], cause, ...(hindrance !== null && { hindrance }) };
    if (textOf(this.#state.need) !== textOf(need)) this.#dispatch({ type: 'need', need });
    for (const pairing of intent.idle) {
      if (this.#state.nodes.get(pairing)?.state === 'leaving') this.#dispatch({ type: 'left', pairing });
    }
    this.#checkBudgets();
    this.#runner.outbox.deliver();
  }

  #configure(intent: GatewayIntent): void {
    const { config, clients } = intent;
    const same =
      config === this.#applied?.config && textOf(clients.map(String)) === textOf(this.#applied.clients.map(String));
    this.#applied = intent;
    if (same) return;
    this.#config = { ...config, stateDirectory: this.#config.stateDirectory };
    this.#usage.countPer(config.budget?.per ?? 'month');
    this.#dispatch({ type: 'configure', policy: routerPolicy(config, this.#options.self, clients) });
    this.#hook.use(config.policy);
  }

  #measure({ measured }: GatewayIntent, pairing: string): void {
    const paths = measured.filter(({ node }) => node === pairing).map(({ path }) => measuredPath(path));
    const known = this.#state.nodes.get(pairing);
    if (known && isHolding(known) && textOf(known.measured) !== textOf(paths)) {
      this.#dispatch({ type: 'measured', pairing, paths });
    }
  }

  onElected(callback: Listener<readonly ElectedNode[]>): void {
    this.#onElected.push(callback);
  }

  elected(): readonly ElectedNode[] {
    return this.#elected;
  }

  onRecord(callback: Listener<GatewayTransition | GatewayDiscards>): void {
    this.#records.listen(callback);
  }

  peers(): { ifindex: number; address: IpAddress }[] {
    return peersOf(this.#state);
  }

  status(): GatewaysStatus {
    const { self, pairings, clock } = this.#options;
    const nowUs = clock.nowUs();
    return gatewaysStatus({
      self,
      need: this.#state.need,
      views: nodeViews(this.#state, nowUs),
      pairings: pairings.list(),
      strangers: this.#link.strangers(),
      discarded: this.#link.statistics().discarded,
      budget: this.#config.budget,
      usage: this.#usage,
      nowUs,
    });
  }

  approve(name: string, by: string): void {
    this.#people.approve(name, by);
  }

  elect(name: string, by: string): void {
    this.#people.operate('elect', name, by);
  }

  release(name: string, by: string): void {
    this.#people.operate('release', name, by);
  }

  auto(name: string, by: string): void {
    this.#people.operate('auto', name, by);
  }

  revoke(name: string, by: string): void {
    this.#people.revoke(name, by);
  }

  reloadPairings(): void {
    this.#people.reload();
  }

  statistics(): Record<string, number> {
    const { received, accepted, sent, sendErrors } = this.#link.statistics();
    return {
      gatewayReceived: received,
      gatewayAccepted: accepted,
      gatewayOverruns: this.#link.overruns(),
      gatewaySent: sent,
      gatewaySendErrors: sendErrors,
      gatewayElections: this.#records.elections,
      gatewayElectionFailures: this.#records.failures,
    };
  }

  async close({ keep }: { keep: boolean }): Promise<void> {
    if (this.#closed) return;
    this.#cancelPairings();
    this.#hook.close();
    this.#cancelLook?.();
    if (!keep) {
      this.#dispatch({ type: 'stop', reason: { code: 'shutting-down', text: 'the router stops' } });
      await this.#runner.quiet(CLOSE_US);
    }
    this.#closed = true;
    this.#runner.close();
    this.#guard('leases', () => this.#leases.flush());
    this.#guard('path', () => (keep ? this.#paths.keepUpstream(this.#state) : this.#paths.clearUpstream()));
    this.#usage.flush();
    this.#link.close();
    this.#options.pairings.close();
  }

  // ---------------------------------------------------------------- the machine

  get #state(): RouterState {
    return this.#runner.state;
  }

  #dispatch(event: RouterEvent): void {
    this.#runner.dispatch(event);
  }

  #act(action: RouterAction): void {
    switch (action.type) {
      case 'send':
        this.#guard(`sending to ${action.outgoing.pairing}`, () => this.#link.send(action.outgoing));
        return;
      case 'elected':
        this.#setElected(action.gateways);
        return;
      case 'persist':
        this.#guard('leases are not kept', () => this.#leases.keep(action.leases, this.#state.policy.leaseUs));
        return;
      case 'usage':
        this.#usage.note(action.pairing, action.usage, action.leaseNumber);
        this.#runner.outbox.post(() => this.#checkBudgets());
        return;
      case 'discarded':
        this.#link.countDiscard(action.reason, action.origin);
        return;
      case 'record':
        this.#records.transition(action.record);
    }
  }

  #setElected(gateways: readonly ElectedGateway[]): void {
    this.#elected = gateways.map(electedNode);
    this.#runner.outbox.post(() => {
      this.#keepPath();
      const elected = this.#elected;
      for (const listener of this.#onElected) listener(elected);
    });
  }

  // ---------------------------------------------------------------- budgets, the other role on this machine

  #checkBudgets(): void {
    const changes = this.#budgets.check(this.#state.nodes.values(), this.#config.budget, this.#usage);
    for (const { pairing, exhausted, cause } of changes) {
      this.#records.note(pairing, cause);
      if (this.#state.nodes.get(pairing)?.budgetExhausted !== exhausted) {
        this.#dispatch({ type: 'budget', pairing, exhausted });
      }
    }
  }

  #look(): void {
    const { clock } = this.#options;
    this.#cancelLook = clock.at(clock.nowUs() + LOOK_US, () => this.#look());
    this.#checkBudgets();
    this.#keepPath();
    this.#guard('the node agent on this machine', () => {
      const routers = this.#paths.newDownstream(this.#state);
      if (routers !== null) this.#dispatch({ type: 'downstream', routers });
    });
    this.#tellDeafness();
    this.#runner.outbox.deliver();
  }

  /** A port that somebody else has, say. */
  #tellDeafness(): void {
    const reasons = new Map(this.#link.problems().map(({ ifname, reason }) => [ifname, reason]));
    for (const { ifname } of this.#applied?.links ?? []) {
      this.#guard(`no node can be heard on ${ifname}`, () => {
        const reason = reasons.get(ifname);
        if (reason !== undefined) throw new Error(reason);
      });
    }
  }

  #keepPath(): void {
    this.#guard('the way out is not told to a node agent', () => this.#paths.keepUpstream(this.#state));
  }

  #guard(what: string, act: () => void): void {
    this.#faults.guard(what, act);
  }
}

const textOf = (value: unknown): string => JSON.stringify(value);
