/**
 * The router's side of the gateway protocol, at work: the pure machine over a link, the pairings and the clock. Implements
 * the controller's port. Everything is synchronous: an ELECT that is due leaves in the call that makes it due.
 */
import type { GatewaysConfig } from '../../config/types.js';
import type { GatewaysStatus } from '../../controller/gateway-status.js';
import type { Clock, ElectedNode, GatewayChannel, GatewayIntent } from '../../controller/ports.js';
import type { GatewayDiscards, GatewayTransition } from '../../controller/records.js';
import { DetourError, messageOf } from '../../errors.js';
import type { IpAddress } from '../../net/ip-address.js';
import type { GatewayLinkOptions, OpenGatewayLink } from '../link/index.js';
import type { DiscardBurst } from '../link/types.js';
import { pathWriter, readPath, type PathWriter } from '../path-file.js';
import type { PairingStore } from '../pairing/index.js';
import type { MachineId } from '../wire/types.js';
import { BudgetWatch } from './channel/budget-watch.js';
import { PolicyHook } from './channel/hook.js';
import { leaseFile, type LeaseFile } from './channel/lease-file.js';
import { measuredPath, routerPolicy } from './channel/policy.js';
import { MachineRunner } from './channel/runner.js';
import { candidatesFor, gatewaysStatus } from './channel/status.js';
import { UsageBook, type Log } from './channel/usage.js';
import { initialRouter, nodeViews, type RouterState } from './machine.js';
import { isHolding } from './machine/state.js';
import type { ElectedGateway, GatewayRecord, RouterAction, RouterEvent } from './types.js';

/** How long `close` waits for RELEASED. */
const CLOSE_US = 300_000;
/** Files of the node agent on this machine are read this often, and budgets looked at. */
const LOOK_US = 2_000_000;

type Listener<T> = (value: T) => void;

export interface GatewayChannelOptions {
  config: GatewaysConfig;
  self: MachineId;
  /** Greater than of every run before (nextEpoch of the pairings). */
  epoch: number;
  /** /proc/sys/kernel/random/boot_id. */
  bootId: string;
  /** Closed with the channel. */
  pairings: PairingStore;
  openLink: (options: LinkCallbacks) => OpenGatewayLink;
  clock: Clock;
  /** 64 bits from a good source. */
  random: () => bigint;
  log: Log;
}

/** What the channel gives to a link; the rest of its options are the machine's that it runs on. */
export type LinkCallbacks = Pick<
  GatewayLinkOptions,
  'role' | 'self' | 'clock' | 'pairings' | 'onMessage' | 'onBurst' | 'onPeer' | 'onKeyUsed'
>;

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
  readonly #upstream: PathWriter;
  readonly #onElected: Listener<readonly ElectedNode[]>[] = [];
  readonly #onRecord: Listener<GatewayTransition | GatewayDiscards>[] = [];
  /** What an earlier run left is taken up before anybody listens. */
  readonly #untold: (GatewayTransition | GatewayDiscards)[] = [];
  readonly #cancelPairings: () => void;
  #config: GatewaysConfig;
  #applied: GatewayIntent | null = null;
  #elected: readonly ElectedNode[] = [];
  #elections = 0;
  #failures = 0;
  #cancelLook: (() => void) | null = null;
  readonly #faults = new Set<string>();
  #closed = false;

  constructor(options: GatewayChannelOptions) {
    const { config, self, epoch, bootId, pairings, clock, log, random } = options;
    this.#options = options;
    this.#config = config;
    this.#leases = leaseFile(config.stateDirectory, bootId, clock);
    this.#usage = new UsageBook(config.stateDirectory, config.budget?.per ?? 'month', clock, log);
    this.#upstream = pathWriter(config.stateDirectory, 'upstream', clock);
    this.#runner = new MachineRunner(
      initialRouter({ policy: routerPolicy(config, self, []), epoch, seed: random() }),
      clock,
      {
        act: (action) => this.#act(action),
        setUrgent: (urgent) => this.#link.setUrgent(urgent),
        setCalm: (calm) => this.#link.setCalm(calm),
      },
    );
    this.#link = options.openLink({
      role: 'router',
      self,
      clock,
      pairings: () => pairings.list(),
      onMessage: (received) => this.#guard('a message', () => this.#dispatch({ type: 'message', received })),
      onBurst: (burst) => this.#guard('discarded messages', () => this.#tellBurst(burst)),
      onPeer: (name, peer) => this.#guard('a peer', () => pairings.setPeer(name, peer)),
      onKeyUsed: (name, key) => this.#guard('a key', () => pairings.dropOldKeys(name, key)),
    });
    this.#hook = new PolicyHook({
      clock,
      log,
      candidates: () => candidatesFor(nodeViews(this.#state, clock.nowUs())),
      onOrder: (order) => this.#dispatch({ type: 'preference', order }),
    });
    this.#syncPairings();
    this.#restore();
    this.#cancelPairings = pairings.onChange(() => this.#guard('pairings', () => this.#syncPairings()));
    this.#look();
    this.#hook.use(config.policy);
  }

  #restore(): void {
    const leases = this.#leases.read();
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
    const { active, standby, cause } = intent;
    const before = this.#state.need;
    if (before === null || textOf(before) !== textOf({ active, standby, cause })) {
      this.#dispatch({ type: 'need', need: { active: [...active], standby: [...standby], cause } });
    }
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
    this.#onRecord.push(callback);
    for (const record of this.#untold.splice(0)) callback(record);
  }

  peers(): { ifindex: number; address: IpAddress }[] {
    return [...this.#state.nodes.values()].flatMap(({ state, lease, offer }) => {
      const origin = lease?.origin ?? offer?.origin;
      return origin && state !== 'absent' ? [{ ifindex: origin.ifindex, address: origin.address }] : [];
    });
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
    this.#known(name);
    this.#options.pairings.approve(name);
    this.#note(name, `approved by ${by}`);
    this.#syncPairings();
  }

  elect(name: string, by: string): void {
    this.#operate('elect', name, by);
  }

  release(name: string, by: string): void {
    this.#operate('release', name, by);
  }

  auto(name: string, by: string): void {
    this.#operate('auto', name, by);
  }

  #operate(what: 'elect' | 'release' | 'auto', pairing: string, by: string): void {
    this.#known(pairing);
    const says = { elect: 'to be elected', release: 'not to be elected', auto: 'elected as needed' };
    this.#note(pairing, `${says[what]}, says ${by}`);
    this.#dispatch({ type: 'operator', what, pairing, by });
  }

  revoke(name: string, by: string): void {
    const { pairings } = this.#options;
    this.#known(name);
    this.#note(name, `the pairing is ended by ${by}`);
    // RELEASE goes out while there is a key to say it with.
    this.#tellPairings(pairings.list().filter((pairing) => pairing.name !== name));
    try {
      pairings.remove(name);
      this.#usage.forget(name);
      this.#budgets.forget(name);
    } finally {
      this.#syncPairings();
    }
  }

  reloadPairings(): void {
    this.#options.pairings.reload();
    this.#syncPairings();
  }

  statistics(): Record<string, number> {
    const { received, accepted, sent, sendErrors } = this.#link.statistics();
    return {
      gatewayReceived: received,
      gatewayAccepted: accepted,
      gatewaySent: sent,
      gatewaySendErrors: sendErrors,
      gatewayElections: this.#elections,
      gatewayElectionFailures: this.#failures,
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
    this.#guard('path', () => this.#upstream.keep(keep ? this.#upstreamIds() : []));
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
        this.#link.countEcho(action.origin);
        return;
      case 'record':
        this.#countElection(action.record);
        this.#tell({ kind: 'gateway', ...action.record });
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

  #countElection({ gateway, from, to }: GatewayRecord): void {
    if (from !== 'electing') return;
    if (to === 'elected') this.#elections += 1;
    const rest = this.#state.nodes.get(gateway)?.rest;
    const rests = rest !== null && rest !== undefined && rest.untilUs > this.#options.clock.nowUs();
    if (to === 'resting' || (to === 'releasing' && rests)) this.#failures += 1;
  }

  #tell(record: GatewayTransition | GatewayDiscards): void {
    this.#runner.outbox.post(() => {
      if (this.#onRecord.length === 0) this.#untold.push(record);
      for (const listener of this.#onRecord) listener(record);
    });
  }

  /** Word of a person or a budget, which changes no state by itself. */
  #note(gateway: string, cause: string): void {
    const state = this.#state.nodes.get(gateway)?.state ?? 'absent';
    this.#tell({ kind: 'gateway', gateway, from: state, to: state, cause, atUs: this.#options.clock.nowUs() });
  }

  #tellBurst({ reason, count, origin }: DiscardBurst): void {
    const from = origin === null ? 'from several addresses' : `from ${origin.address.toString()} on ${origin.ifname}`;
    this.#tell({ kind: 'gateway-discards', reason, count, cause: from, atUs: this.#options.clock.nowUs() });
    this.#runner.outbox.deliver();
  }

  // ---------------------------------------------------------------- pairings, budgets, the other role on this machine

  #known(name: string): void {
    const { pairings } = this.#options;
    if (pairings.find(name) && this.#state.nodes.has(name)) return;
    this.reloadPairings();
    if (pairings.find(name)) return;
    const known = pairings.list().map((pairing) => pairing.name);
    throw new DetourError('GATEWAY_UNKNOWN', { gateway: name, known: known.join(', ') || 'none' });
  }

  #syncPairings(): void {
    this.#tellPairings(this.#options.pairings.list());
  }

  #tellPairings(pairings: ReturnType<PairingStore['list']>): void {
    const told = [...this.#state.nodes.values()].map(({ pairing, approved, node }) => [pairing, approved, node]);
    const wanted = pairings.map(({ name, approved, peer }) => [
      name,
      approved,
      this.#state.nodes.get(name)?.node ?? peer,
    ]);
    if (textOf(told.sort()) === textOf(wanted.sort())) return;
    const list = pairings.map(({ name, peer, approved }) => ({ name, peer, approved }));
    this.#dispatch({ type: 'pairings', pairings: list });
  }

  #checkBudgets(): void {
    const changes = this.#budgets.check(this.#state.nodes.values(), this.#config.budget, this.#usage);
    for (const { pairing, exhausted, cause } of changes) {
      this.#note(pairing, cause);
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
      const routers = readPath(this.#config.stateDirectory, 'downstream', clock);
      if (routers.join() !== this.#state.downstream.join()) this.#dispatch({ type: 'downstream', routers });
    });
    this.#runner.outbox.deliver();
  }

  #keepPath(): void {
    this.#guard('the way out is not told to a node agent', () => this.#upstream.keep(this.#upstreamIds()));
  }

  /** The machines that this router leaves through, nearest first. */
  #upstreamIds(): MachineId[] {
    const holders = [...this.#state.nodes.values()].filter(isHolding);
    return [
      ...new Set(holders.flatMap(({ node, offer }) => (node === null ? [] : [node, ...(offer?.offer.path ?? [])]))),
    ];
  }

  /** What goes wrong here must not keep the machine from going on: told once. */
  #guard(what: string, act: () => void): void {
    try {
      act();
      this.#faults.delete(what);
    } catch (error) {
      if (this.#faults.has(what)) return;
      this.#faults.add(what);
      this.#options.log('warn', `gateway nodes: ${what}: ${messageOf(error)}`);
    }
  }
}

const textOf = (value: unknown): string => JSON.stringify(value);

function electedNode({ pairing, role, origin, families, wayBack, leaving }: ElectedGateway): ElectedNode {
  return {
    name: pairing,
    ifindex: origin.ifindex,
    ifname: origin.ifname,
    role,
    gateways: Object.fromEntries(families.map(({ family, gateway }) => [family, gateway])),
    translated: wayBack === 'router',
    leaving,
  };
}
